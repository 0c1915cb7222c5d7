"""What people may tell a saga while it runs: to stop, to retry, that a step is settled."""

import asyncio
from collections.abc import Callable

from temporalio import workflow

from temporal_saga.call_state import CallState, Settlement
from temporal_saga.carry_over import CarryOver
from temporal_saga.failure import Failure, SagaStopped, cancelled_by_temporal
from temporal_saga.memo_writer import MemoWriter
from temporal_saga.reset import Resets
from temporal_saga.retriables import Retriables

TOO_LATE = "it was too late"
"""Why Temporal's own cancel is ignored past the pivot, and in a rollback."""


class Steering:
    """The part of a `Saga` that takes messages. Each records a fact, on which the saga acts."""

    def __init__(self, retriables: Retriables, before: CarryOver, *, is_continued: bool) -> None:
        """Take messages, and go on from those that the run before received."""
        self._retriables = retriables
        self._resets = Resets(was_reset=before.was_reset)
        self._stop_failure = before.stop_failure
        self._failure = before.failure
        self._closing = before.closing
        self._noted_temporals_cancel = False
        self._on_cancel: Callable[[str], None] = _nobody_is_called
        self._memo = MemoWriter(
            lambda: retriables.snapshot().shown_calls, before.failure, is_continued=is_continued
        )
        self._waiting_for_cancel = asyncio.create_task(self._wait_for_temporals_cancel())

    @property
    def closing(self) -> bool:
        """Whether the saga is past its pivot, or fails already, so that nothing can stop it."""
        return self._closing

    @property
    def failure(self) -> Failure | None:
        """Why the saga fails; None as long as that is not sure."""
        return self._failure

    @property
    def was_reset(self) -> bool:
        """Whether it is known that the workflow was reset; a reset to its first task may not be."""
        return self._resets.was_reset

    @property
    def stuck_calls(self) -> list[CallState]:
        """What keeps failing and waits for a person, though it is still tried.

        Compensations, and steps after the pivot. Also a command that closes the record and was
        settled, as long as the record does not have the settlement.
        """
        return self._retriables.stuck_calls

    def note_signal(self, signal: str, why_ignored: str | None = None) -> int:
        """Note in the memo that a signal came; to be called once for each, in their order.

        Every signal counts, also one that nobody knows: readers number them as the history does.

        Args:
            signal: its name.
            why_ignored: why it changes nothing; None when it is taken.

        Returns:
            Its number among this run's signals, for `ignore` and `take`.
        """
        return self._memo.note_signal(signal, why_ignored)

    def ignore(self, number: int, why: str) -> None:
        """Note in the memo why a signal changed nothing."""
        self._memo.ignore(number, why)

    def take(self, number: int) -> None:
        """Note in the memo that a signal which had seemed to change nothing was taken after all."""
        self._memo.take(number)

    def stop(self, failure: Failure) -> bool:
        """Ask the saga to stop before its next step; the first who asks is the reason.

        Returns:
            False when it is too late: the saga is past its pivot, or fails already.
        """
        if self._closing:
            return False
        self._stop_failure = self._stop_failure or failure
        return True

    def fail(self, failure: Failure) -> Failure:
        """Let the saga fail for this reason, whoever asks for something else from now on.

        The memo has the reason at once. If an earlier run turns out to have passed the pivot, the
        saga does not fail: see `pivot`.

        Returns:
            Why it fails: this, or what the run before this one has found.
        """
        failure = self._failure or failure
        self._closing = True
        self._set_failure(failure)
        return failure

    def retry_rejection(self, step: str) -> str | None:
        """Return why there is nothing to `retry` at this step, or None when it is stuck."""
        if self._retriables.stuck_at(step):
            return None
        if settlement := self._retriables.settlement_at(step):
            return f"{step} is not stuck: {settlement.by} settled it already, {settlement.reason}"
        state = self._retriables.state_at(step)
        if state is not None and self._closing:
            return f"{step} is not stuck: {state.name} is {state.progress}"
        return f"{step} is not stuck: nothing of it is to be taken back or completed"

    def is_about_to_retry(self, step: str) -> bool:
        """Tell whether what is stuck is about to be tried, so that one more `retry` is no news."""
        return all(state.retry_requested for state in self._retriables.stuck_at(step))

    def settle_rejection(self, step: str) -> str | None:
        """Return why manual resolution of this step is rejected, or None when it is not.

        It is taken when the step is stuck, and while it is re-applied after a workflow reset. An
        answer for people, and for validators: see `Resets.may_be_under_way`.
        """
        if self._resets.may_be_under_way() and not self._retriables.is_over(step):
            return None
        return self._settled_already(step) or self.retry_rejection(step)

    def retry(self, step: str) -> str | None:
        """Try what is stuck at `step` now; the tries without end go on afterwards.

        A try that a person requested just before has its time first.

        Returns:
            Why there is nothing to retry; None when there is.
        """
        self._retriables.retry(step)
        return self.retry_rejection(step)

    def settle(
        self,
        step: str,
        settlement: Settlement,
        *,
        cancel_with: Failure | None = None,
        on_accept: Callable[[], None] | None = None,
    ) -> str | None:
        """Mark what is stuck at `step` as manually resolved; an in-flight try may still succeed.

        Args:
            step: its name.
            settlement: who resolved it, and how.
            cancel_with: why the saga stops, when a reset re-applies this before the step is even
                taken: what somebody has taken back by hand must not be completed.
            on_accept: called if the settlement is taken later in this task, at the reset callback.

        Returns:
            Why it is not taken, so far; None when it is.
        """
        if self._retriables.stuck_at(step) or self._resets.under_way():
            return self._settle(step, settlement, cancel_with)

        def apply() -> None:
            if self._settle(step, settlement, cancel_with) is None and on_accept is not None:
                on_accept()

        self._resets.buffer(apply)
        return self.retry_rejection(step)

    def _settle(self, step: str, settlement: Settlement, cancel_with: Failure | None) -> str | None:
        """Take a settlement; of several the first, and none once the step is done."""
        if self._retriables.is_over(step):
            return self._settled_already(step) or self.retry_rejection(step)
        self._retriables.settle(step, settlement)
        if cancel_with is not None:
            self.stop(cancel_with)
        return None

    def _settled_already(self, step: str) -> str | None:
        settlement = self._retriables.settlement_at(step)
        if settlement is None or not self._retriables.stuck_at(step):
            return None
        return settlement.refusal_of_another(step)

    async def _wait_for_temporals_cancel(self) -> None:
        await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        self._note_temporals_cancel()

    def _note_temporals_cancel(self) -> None:
        """Take Temporal's own cancel, if there was one, or note that it was too late; once."""
        reason = workflow.cancellation_reason()
        if reason is None or self._noted_temporals_cancel:
            return
        self._noted_temporals_cancel = True
        if self.stop(cancelled_by_temporal(reason)):
            self._on_cancel(reason)
        else:
            self._memo.ignore_temporals_cancel(TOO_LATE)

    def _stop_if_asked(self) -> None:
        """Raise when the saga was asked to stop, or has failed in the run before."""
        self._note_temporals_cancel()
        if failure := self._failure or self._stop_failure:
            raise SagaStopped(failure)

    def _is_asked_to_stop(self) -> bool:
        failure = self._failure or self._stop_failure
        return failure is not None or workflow.cancellation_reason() is not None

    def _set_failure(self, failure: Failure | None) -> None:
        """Set why the saga fails, or that it does not, and note it in the memo."""
        if failure != self._failure or failure != self._memo.failure:
            self._failure = self._memo.failure = failure
            self._memo.note()


def _nobody_is_called(_reason: str) -> None:
    """Do nothing."""
