"""What people may send to an order's saga."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from contracts import acts
from contracts.acts import TakenDecision, Through
from contracts.decisions import Decision, StepDecision, StepEvidence
from contracts.states import SagaState
from contracts.steps import STEPS
from contracts.stubs import PAYMENT_ANSWERED
from contracts.text import printable
from temporal_saga import acts as acts_of_any_saga
from temporal_saga.failure import Failure, by_hand
from temporal_saga.messages import takes_one_raw_value
from temporal_saga.saga import Saga
from temporal_saga.trouble import cut
from workflows.customer import Customer
from workflows.messages import OrderAct
from workflows.record import Record
from workflows.review import OrderReview


class Acts(acts_of_any_saga.Acts):
    """The acts of people on one order's saga: why each may be refused, and what it does."""

    def __init__(self, saga: Saga, record: Record) -> None:
        """Act on the saga of one order, and keep the same order's record."""
        super().__init__(saga)
        saga.watch(record.follow, self._take_temporals_cancel)
        self._record = record
        self._review = OrderReview()
        self._customer = Customer()
        saga.keep(record=record, review=self._review)

    @workflow.query(
        description="The saga's part of the order: its state, failure, compensations and moves"
    )
    def status(self, *_arguments: Any) -> dict[str, Any]:
        """Return the status as JSON."""
        return self._record.status()

    @workflow.signal(
        name=PAYMENT_ANSWERED,
        description="The customer has answered their bank: ask what came of it",
    )
    @takes_one_raw_value("self")
    def payment_answered(self, *_arguments: Any) -> None:
        """Ask at once, where the order waits for that; what the signal says is not believed."""
        if self._state is SagaState.AWAITING_CUSTOMER:
            self.note_signal(PAYMENT_ANSWERED)
            self._customer.answers += 1
        else:
            self.note_signal(PAYMENT_ANSWERED, f"the order is {self._state}")

    @workflow.signal(dynamic=True)
    def take_unknown(self, name: str, _arguments: Sequence[RawValue]) -> None:
        """Take what is no act, so that the saga looks how long its history has become."""
        self._saga.note_signal(name, "there is no such message")

    def decide(self, message: str, decision: Decision, through: str) -> None:
        """Note for the order's record that a decision was taken."""
        body = decision.model_dump(include={"by", "reason", "step", "evidence"})
        act = acts.ACT_OF[message]
        entry = TakenDecision(act=act, **body, at=workflow.now(), through=Through(through))
        self._record.decisions.add(entry)

    def _take_temporals_cancel(self, reason: str) -> None:
        self._record.decisions.add(
            TakenDecision(
                act=acts.Act.CANCEL,
                by="temporal",
                reason=printable(cut(reason)),
                at=workflow.now(),
                through=Through.TEMPORAL,
            )
        )

    @property
    def _state(self) -> SagaState:
        return self._record.state or SagaState.PENDING

    def too_late(self, _decision: Decision) -> str | None:
        """Return why the order cannot be cancelled; None when it can."""
        return acts.cannot_cancel(self._state, fails=self._saga.closing)

    cancel, request_cancel = OrderAct(
        "cancel",
        "Cancel the order, as long as it is neither completed nor rolling back",
        Decision,
        too_late,
        acts_of_any_saga.Acts.do_cancel,
    ).handlers()

    def _not_to_review(self, _decision: Decision) -> str | None:
        return acts.cannot_review(self._state, self._review.progress, fails=self._saga.closing)

    def _approve(self, decision: Decision, _on_accept: Callable[[], None]) -> str | None:
        return self._decide(acts.Act.APPROVE, decision)

    approve, request_approve = OrderAct(
        "approve", "Let an order go on that awaits review", Decision, _not_to_review, _approve
    ).handlers()

    def _reject(self, decision: Decision, _on_accept: Callable[[], None]) -> str | None:
        return self._decide(acts.Act.REJECT, decision)

    reject, request_reject = OrderAct(
        "reject", "Roll back an order that awaits review", Decision, _not_to_review, _reject
    ).handlers()

    def _decide(self, verdict: acts.Act, decision: Decision) -> str | None:
        why = self._not_to_review(decision)
        if why is None:
            self._review.decide(verdict, decision)
        return why

    retry_step, request_retry_step = OrderAct(
        "retry_step",
        "Try the stuck compensation or Confirm of a step now",
        StepDecision,
        acts_of_any_saga.Acts.retry_rejection,
        acts_of_any_saga.Acts.do_retry,
    ).handlers()

    def cancel_with(self, decision: StepEvidence) -> Failure | None:
        """Return that a step is taken back by hand; None where nothing takes it back."""
        if not any(step.name == decision.step and step.compensation for step in STEPS):
            return None
        message = by_hand(decision.by, decision.step, decision.reason)
        return Failure("CANCELLED", message, details=decision.model_dump(exclude_none=True))

    settle_step, request_settle_step = OrderAct(
        "settle_step",
        "Say that the stuck compensation or Confirm of a step was put right by hand",
        StepEvidence,
        acts_of_any_saga.Acts.settle_rejection,
        acts_of_any_saga.Acts.do_settle,
    ).handlers()
