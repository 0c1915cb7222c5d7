"""What people may tell an order's saga."""

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from contracts.decisions import Decision, StepDecision, StepEvidence
from contracts.prose import cancelled, settled_before
from contracts.steps import STEPS
from temporal_saga.duty import Settlement
from temporal_saga.failure import Failure
from temporal_saga.saga import Saga
from workflows.messages import Act, Already
from workflows.record import Record
from workflows.review import Review


class Acts:
    """The acts of people on one order's saga: beside each, why it may be refused and what it does."""

    def __init__(self, saga: Saga, record: Record, told: dict[str, Any] | None) -> None:
        """Act on `saga`, and tell of `record`; go on from what the run before has told, if there was one."""
        self._saga = saga
        self._record = record
        self._review = Review()
        self.ignored = 0
        if told is not None:
            self._record.go_on_from(told["record"])
            self._review.go_on_from(told["review"])

    @workflow.query(
        description="The saga's part of the order: its state, failure, compensations and moves"
    )
    def status(self, *_ignored: Any) -> dict[str, Any]:
        """Return the status as JSON."""
        return self._record.status()

    @workflow.signal(dynamic=True)
    def unknown(self, _name: str, _arguments: Sequence[RawValue]) -> None:
        """Take what is no act, so that the saga looks how long its history has become; the timeline tells of it."""

    def _too_late(self, _decision: Decision) -> str | None:
        return (
            f"too late to cancel: the order is {self._record.state}" if self._saga.closing else None
        )

    def _cancel(self, decision: Decision) -> None:
        self._saga.stop(Failure("CANCELLED", cancelled(decision), details=decision.model_dump()))

    cancel, request_cancel = Act(
        "cancel",
        "Cancel the order, as long as it is neither completed nor rolling back",
        Decision,
        _too_late,
        _cancel,
    ).handlers()

    def _not_reviewed(self, _decision: Decision) -> str | None:
        why = self._review.refusal()
        return (
            f"the order is not awaiting review, it is {self._record.state}: {why}" if why else None
        )

    def _approve(self, decision: Decision) -> None:
        self._review.decide("approve", decision)

    approve, request_approve = Act(
        "approve", "Let an order go on that awaits review", Decision, _not_reviewed, _approve
    ).handlers()

    def _reject(self, decision: Decision) -> None:
        self._review.decide("reject", decision)

    reject, request_reject = Act(
        "reject", "Roll back an order that awaits review", Decision, _not_reviewed, _reject
    ).handlers()

    def _not_stuck(self, decision: StepDecision) -> str | None:
        if why := self._saga.not_stuck(decision.step):
            return why
        told = f"{decision.step} is about to be tried again, by an earlier word"
        return Already(told) if self._saga.asked_again(decision.step) else None

    def _retry(self, decision: StepDecision) -> None:
        self._saga.retry(decision.step)

    retry_step, request_retry_step = Act(
        "retry_step",
        "Try the stuck compensation or Confirm of a step now",
        StepDecision,
        _not_stuck,
        _retry,
    ).handlers()

    def _not_to_settle(self, decision: StepEvidence) -> str | None:
        return self._saga.not_to_settle(decision.step)

    def _settle(self, decision: StepEvidence) -> None:
        told = Settlement(decision.by, decision.reason, decision.evidence, workflow.now())
        taken_back = any(
            step.name == decision.step and step.compensation is not None for step in STEPS
        )
        stops = (
            Failure("CANCELLED", settled_before(decision), details=decision.model_dump())
            if taken_back
            else None
        )
        self._saga.settle(decision.step, told, stops=stops)

    settle_step, request_settle_step = Act(
        "settle_step",
        "Say that the stuck compensation or Confirm of a step was put right by hand",
        StepEvidence,
        _not_to_settle,
        _settle,
    ).handlers()
