"""The signals of one run while its history is read, and what its saga's memo says of each."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.memo import TEMPORALS_CANCEL, SagaMemo
from temporal_saga.moment import Moment

ENDS = frozenset(
    f"workflow_execution_{end}_event_attributes"
    for end in ("completed", "failed", "continued_as_new")
)
MEMO = "workflow_properties_modified_event_attributes"
OF_UPDATES = frozenset(
    f"workflow_execution_update_{what}_event_attributes" for what in ("accepted", "completed")
)


class Signals:
    """Keeps each signal until the memo says what became of it; Temporal's own cancel is one, too.

    Whatever stands in the history before a workflow task was delivered to it. So the first task
    behind a signal receives it, and the last one that a task received is the last in its memo: that
    numbers them, whatever of the history was not read.
    """

    def __init__(self) -> None:
        """Begin at a run's first event, where no signal has come."""
        self._pending: list[Moment] = []
        self._rolls_back = False
        self._task: int | None = None
        self._done_in_task: list[Moment] = []

    def add(self, signal: Moment) -> None:
        """Take a signal, or Temporal's own cancel, the next in the order of the history."""
        self._pending.append(signal)

    def skip(self) -> None:
        """Go on behind a gap in the history."""
        self._pending.clear()

    def read_memo(self, memo: SagaMemo) -> Iterator[Moment]:
        """Yield the signals that no memo before this one lists, in their order.

        Those that it leaves out, as too many came at once, are ignored without a reason. Of
        Temporal's own cancel no memo says that it was taken, only that it was too late.
        """
        reasons = {outcome.number: outcome.ignored for outcome in memo.signals}
        last = memo.signal_count
        began_to_roll_back = memo.failure is not None and not self._rolls_back
        number = last - sum(not _is_cancel(signal) for signal in self._pending)
        pending = []
        for signal in self._pending:
            if _is_cancel(signal) and (TEMPORALS_CANCEL in reasons or began_to_roll_back):
                yield replace(signal, ignored=reasons.get(TEMPORALS_CANCEL))
            elif _is_cancel(signal) or not last:
                pending.append(signal)
            else:
                number += 1
                yield replace(signal, ignored=reasons.get(number, ""))
        self._pending = pending
        self._rolls_back = memo.failure is not None

    def close(self) -> Iterator[Moment]:
        """Yield Temporal's own cancel, if the run has ended by itself and did not ignore it."""
        yield from filter(_is_cancel, self._pending)
        self._pending = [signal for signal in self._pending if not _is_cancel(signal)]

    def arrange(self, event: HistoryEvent, moments: Iterable[Moment]) -> Iterator[Moment]:
        """Yield the moments of the next event; what a task did, behind the signals it received.

        A task's memo is the last thing that it writes. So what stands before it is kept back, where
        signals wait for it, and these get their places at the task's beginning.
        """
        name = event.WhichOneof("attributes") or ""
        if self._task is not None and not _is_of_task(event, name):
            yield from self.release()
        if name == "workflow_task_completed_event_attributes" and self._pending:
            self._task = event.event_id
        if self._task is None:
            yield from moments
        elif name == MEMO or name in ENDS:
            yield from [replace(moment, event=self._task) for moment in moments]
            yield from self.release()
        else:
            self._done_in_task += moments

    def release(self) -> Iterator[Moment]:
        """Yield what was kept back."""
        yield from self._done_in_task
        self._done_in_task = []
        self._task = None

    def still_pending(self) -> Iterator[Moment]:
        """Yield the signals that no finished task has received yet."""
        for signal in self._pending:
            yield replace(signal, is_heard=False)


def _is_cancel(signal: Moment) -> bool:
    return bool(signal.detail["by"] == "temporal")


def _is_of_task(event: HistoryEvent, name: str) -> bool:
    """Tell whether an event is one that a workflow task wrote."""
    if name in OF_UPDATES:
        return True
    return bool(name) and hasattr(getattr(event, name), "workflow_task_completed_event_id")
