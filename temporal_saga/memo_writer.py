"""What a saga has decided so far, and when that goes into its workflow's memo."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from temporalio import workflow

from temporal_saga.call_state import CallState
from temporal_saga.failure import Failure
from temporal_saga.memo import (
    MEMO_KEY,
    MOST_SIGNALS,
    TEMPORALS_CANCEL,
    RetriableState,
    SagaMemo,
    SignalOutcome,
)

MOST_NAME = 100
MOST_SENTENCE = 500
"""Characters of a signal's name, and of why it was ignored."""


class MemoWriter:
    """Writes the memo once per workflow task at most, whatever was decided in it.

    A task may read thousands of signals; one memo tells of the last of them.
    """

    def __init__(
        self, retriables: Callable[[], Iterable[CallState]], *, is_continued: bool
    ) -> None:
        """Begin with nothing decided.

        Args:
            retriables: returns what the memo tells of, in order; asked whenever it is written.
            is_continued: whether another run went before. Its memo counts other signals, and is
                replaced in this run's first task.
        """
        self._retriables = retriables
        self._signals: deque[SignalOutcome] = deque(maxlen=MOST_SIGNALS)
        self._signal_count = 0
        self._temporals_cancel: tuple[SignalOutcome, ...] = ()
        self._is_due = is_continued
        self._last_memo = None if is_continued else SagaMemo()
        self.failure: Failure | None = None
        self._writing = asyncio.create_task(self._write_when_due())

    def note(self) -> None:
        """Write the memo when everything of this task is decided."""
        self._is_due = True

    def hear(self, signal: str, ignored: str | None = None) -> int:
        """Tell that a signal was heard; to be called once for each, in their order.

        Args:
            signal: its name.
            ignored: why it changes nothing; None when it is taken.

        Returns:
            Its number among this run's signals, for `ignore` and `take`.
        """
        self._signal_count += 1
        why = ignored and _short(ignored)
        self._signals.append(SignalOutcome(self._signal_count, signal[:MOST_NAME], why))
        self.note()
        return self._signal_count

    def ignore(self, number: int, why: str) -> None:
        """Tell why a signal changed nothing."""
        self._replace(number, _short(why))

    def take(self, number: int) -> None:
        """Tell that a signal which had seemed to change nothing was taken after all."""
        self._replace(number, None)

    def ignore_temporals_cancel(self, why: str) -> None:
        """Tell why Temporal's own cancel changed nothing."""
        self._temporals_cancel = (SignalOutcome(TEMPORALS_CANCEL, "cancel", _short(why)),)
        self.note()

    def write(self) -> None:
        """Write the memo now if it is due and says something new."""
        if not self._is_due:
            return
        self._is_due = False
        memo = self._compose()
        if memo != self._last_memo:
            self._last_memo = memo
            workflow.upsert_memo({MEMO_KEY: memo.to_json()})

    async def _write_when_due(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._is_due)
            # Once more, behind all that waited for the same news: a settlement is told of together
            # with what comes of it.
            await workflow.wait_condition(lambda: True)
            self.write()

    def _compose(self) -> SagaMemo:
        return SagaMemo(
            failure=self.failure,
            retriables=tuple(map(_state, self._retriables())),
            signals=(*self._temporals_cancel, *self._signals),
            signals_left_out=self._signal_count - len(self._signals),
        )

    def _replace(self, number: int, why: str | None) -> None:
        place = number - 1 - (self._signal_count - len(self._signals))
        if place >= 0:
            self._signals[place] = replace(self._signals[place], ignored=why)
            self.note()


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= MOST_SENTENCE else f"{sentence[:MOST_SENTENCE]} …"


def _state(retriable: CallState) -> RetriableState:
    return RetriableState(
        step=retriable.step,
        command=retriable.name,
        progress=retriable.shown_progress,
        trouble=retriable.trouble,
        settlement=retriable.settlement,
        stuck_since=retriable.stuck_since,
    )
