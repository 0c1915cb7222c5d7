"""What people may tell any saga, without a line of its own workflow's: cancel, retry, settle.

Each is a signal, and an update `request_…` that is answered with the saga's status. A workflow that
has a handler of one of these names keeps its own.

A signal of another name, for which the workflow has no handler when it comes, is noted and ignored.
Temporal would keep it for a handler that is set later (`workflow.set_signal_handler`): a workflow
that sets one does so before it makes its `Saga`. Updates come before the workflow's method runs, so
a `Saga` that is to answer them in its first task is made in `__init__`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from temporalio import workflow
from temporalio.common import RawValue

from temporal_saga.call_state import Settlement
from temporal_saga.decisions import Decision, StepDecision, StepEvidence
from temporal_saga.failure import Failure
from temporal_saga.memo import RetriableState
from temporal_saga.messages import MOST_LOGGED, Act, Already

STATUS = "status"
"""The query that returns what the updates return."""

TOO_LATE = "it is too late to cancel: the saga {state}"


class AtStep(Protocol):
    """A decision about the step that it names."""

    @property
    def step(self) -> str:
        """Its name."""
        ...


class Acts:
    """Takes the acts of people on one saga.

    A workflow may have decisions of its own classes, with the fields of ours.
    """

    def __init__(self, saga: Any) -> None:
        """Act on a `Saga`."""
        self._saga = saga
        self._ignored_count = 0

    def install(self) -> None:
        """Add what the workflow's class does not have."""
        for act in (CANCEL, RETRY, SETTLE):
            act.install(self)
        if workflow.get_query_handler(STATUS) is None:
            workflow.set_query_handler(STATUS, self.status)
        if workflow.get_dynamic_signal_handler() is None:
            workflow.set_dynamic_signal_handler(self._take_unknown)

    def status(self) -> Any:
        """Return how the saga stands, as JSON."""
        return self._saga.status()

    def note_signal(self, signal: str, why_ignored: str | None = None) -> int:
        """Note that a signal came, and why it changes nothing if so; return its number."""
        if why_ignored is not None:
            self.log_ignored(signal, why_ignored)
        number: int = self._saga.note_signal(signal, why_ignored)
        return number

    def ignore(self, number: int, why: str) -> None:
        """Note why a signal changed nothing."""
        self._saga.ignore(number, why)

    def take(self, number: int) -> None:
        """Note that a signal was taken."""
        self._saga.take(number)

    def log_ignored(self, signal: str, why: str) -> None:
        """Log that a signal changed nothing; of a flood the first ones, as thousands may come."""
        self._ignored_count += 1
        if self._ignored_count <= MOST_LOGGED:
            more = ", and logs no more of its kind" if self._ignored_count == MOST_LOGGED else ""
            workflow.logger.warning("ignored the signal %s: %s%s", signal, why, more)

    def decide(self, _message: str, _decision: Any, _through: str) -> None:
        """Note nothing more: the history has the message, and the memo what became of it."""

    def too_late(self, _decision: Any) -> str | None:
        """Return why the saga cannot be cancelled; None when it can."""
        return cannot_cancel(fails=self._saga.failure is not None, is_past_pivot=self._saga.closing)

    def do_cancel(self, decision: Any, _on_accept: Callable[[], None]) -> str | None:
        """Let it stop before its next step."""
        message = f"cancelled by {decision.by}: {decision.reason}"
        failure = Failure("CANCELLED", message, details=decision.model_dump())
        return None if self._saga.stop(failure) else self.too_late(decision)

    def retry_rejection(self, decision: AtStep) -> str | None:
        """Return why there is nothing to retry; None when there is."""
        if why := self._saga.retry_rejection(decision.step):
            return str(why)
        if self._saga.is_about_to_retry(decision.step):
            return Already(f"{decision.step} is about to be tried again, by an earlier retry")
        return None

    def do_retry(self, decision: AtStep, _on_accept: Callable[[], None]) -> str | None:
        """Try what is stuck now."""
        why = self.retry_rejection(decision)
        self._saga.retry(decision.step)
        return why

    def settle_rejection(self, decision: AtStep) -> str | None:
        """Return why nothing is settled; None when something is."""
        why: str | None = self._saga.settle_rejection(decision.step)
        return why

    def do_settle(self, decision: Any, on_accept: Callable[[], None]) -> str | None:
        """Count what is stuck as done."""
        settlement = Settlement(
            decision.by, decision.reason, decision.evidence, workflow.now(), decision.attempts
        )
        failure = self.cancel_with(decision)
        why: str | None = self._saga.settle(
            decision.step, settlement, cancel_with=failure, on_accept=on_accept
        )
        return why

    def cancel_with(self, _decision: Any) -> Failure | None:
        """Return why the saga stops where a step is settled before it is taken, if it does."""
        return None

    def _take_unknown(self, name: str, _arguments: Sequence[RawValue]) -> None:
        """Take what is no act: every signal counts."""
        self.note_signal(name, "there is no such message")


CANCEL = Act("cancel", "Cancel, unless it is too late", Decision, Acts.too_late, Acts.do_cancel)

RETRY = Act(
    "retry_step",
    "Try what is stuck at a step now",
    StepDecision,
    Acts.retry_rejection,
    Acts.do_retry,
)

SETTLE = Act(
    "settle_step",
    "Say that what is stuck at a step was put right by hand",
    StepEvidence,
    Acts.settle_rejection,
    Acts.do_settle,
)


def cannot_cancel(*, fails: bool, is_past_pivot: bool) -> str | None:
    """Return why a saga cannot be cancelled; None when it can."""
    if fails:
        return TOO_LATE.format(state="fails already")
    return TOO_LATE.format(state="is past its pivot") if is_past_pivot else None


def acts_at(
    stuck_steps: Iterable[str], retriables: Iterable[RetriableState]
) -> Iterator[tuple[Act[Any], str, str | None]]:
    """Yield what may be done at steps that are stuck, and why it would be refused, for a reader.

    The saga's memo has the retriables: what a person settled, and is stuck again, is only retried.
    """
    settlements = {each.step: each.settlement for each in retriables if each.settlement}
    for step in dict.fromkeys(stuck_steps):
        settlement = settlements.get(step)
        yield RETRY, step, None
        yield SETTLE, step, settlement.refusal_of_another(step) if settlement else None
