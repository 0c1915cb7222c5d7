"""The signals of one run while its history is read, and what its saga's memo says of each."""

from collections.abc import Iterator
from dataclasses import replace

from temporal_saga.memo import TEMPORALS_CANCEL, SagaMemo
from temporal_saga.moment import Moment


class Signals:
    """Keeps each signal until the memo says what became of it; Temporal's own cancel is one, too.

    Whatever stands in the history before a memo had been delivered to the task that wrote it. So
    a signal is heard by the first memo behind it that reaches its number.
    """

    def __init__(self) -> None:
        """Begin at a run's first event, where no signal has come."""
        self._pending: dict[int, Moment] = {}
        self._count: int | None = 0
        self._after_gap: list[Moment] = []
        self._rolls_back = False

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
