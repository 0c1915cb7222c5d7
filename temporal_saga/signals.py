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

    Whatever stands in the history before a workflow task was delivered to it. So a signal is heard
    by the first task behind it, and the memo that this task writes tells of its number.
    """

    def __init__(self) -> None:
        """Begin at a run's first event, where no signal has come."""
        self._pending: dict[int, Moment] = {}
        self._count: int | None = 0
        self._after_gap: list[Moment] = []
        self._rolls_back = False
        self._task: int | None = None
        self._done_in_task: list[Moment] = []

    def add(self, signal: Moment) -> None:
        """Take a signal, the next in the order of the history."""
        if self._count is None:
            self._after_gap.append(signal)
            return
        self._count += 1
        self._pending[self._count] = signal

    def add_cancel(self, cancel: Moment) -> None:
        """Take Temporal's own cancel: no memo says that it was taken, only that it was too late."""
        self._pending[TEMPORALS_CANCEL] = cancel

    def skip(self) -> None:
        """Go on behind a gap in the history, in which any number of signals may have come."""
        self._pending.clear()
        self._count = None

    def hear(self, memo: SagaMemo) -> Iterator[Moment]:
        """Yield the signals of which the memo speaks for the first time, in their order.

        Those that it tells no more, as too many came at once, are ignored without a reason.
        """
        outcomes = {outcome.number: outcome for outcome in memo.signals}
        numbers = sorted(outcomes.keys() - {TEMPORALS_CANCEL})
        if self._count is None and numbers:
            self._number(last=numbers[-1])
        for number, signal in list(self._pending.items()):
            if outcome := outcomes.get(number):
                yield replace(signal, ignored=outcome.ignored)
            elif number == TEMPORALS_CANCEL and memo.failure and not self._rolls_back:
                yield signal
            elif number != TEMPORALS_CANCEL and numbers and number < numbers[0]:
                yield replace(signal, ignored="")
            else:
                continue
            del self._pending[number]
        self._rolls_back = memo.failure is not None

    def close(self) -> Iterator[Moment]:
        """Yield Temporal's own cancel, if the run has ended by itself and did not ignore it."""
        if cancel := self._pending.pop(TEMPORALS_CANCEL, None):
            yield cancel

    def arrange(self, event: HistoryEvent, moments: Iterable[Moment]) -> Iterator[Moment]:
        """Yield the moments of the next event; what a task did, behind the signals that it heard.

        A task's memo is the last thing that it writes. So what stands before it is kept back, where
        signals wait for it, and these get their places at the task's beginning.
        """
        name = event.WhichOneof("attributes") or ""
        if self._task is not None and not _is_of_task(event, name):
            yield from self.release()
        if name == "workflow_task_completed_event_attributes" and (
            self._pending or self._after_gap
        ):
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

    def unheard(self) -> Iterator[Moment]:
        """Yield the signals that no finished task has heard yet."""
        for signal in [*self._pending.values(), *self._after_gap]:
            yield replace(signal, is_heard=False)

    def _number(self, last: int) -> None:
        """Number the signals behind a gap from the memo: the last that came is the last it tells."""
        first = last - len(self._after_gap) + 1
        self._pending.update(enumerate(self._after_gap, start=first))
        self._after_gap.clear()
        self._count = last


def _is_of_task(event: HistoryEvent, name: str) -> bool:
    """Tell whether an event is one that a workflow task wrote."""
    if name in OF_UPDATES:
        return True
    return bool(name) and hasattr(getattr(event, name), "workflow_task_completed_event_id")
