"""What a saga has decided so far, and when that goes into its workflow's memo."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from temporalio import workflow

from temporal_saga.call_state import CallState
from temporal_saga.failure import Failure
from temporal_saga.memo import (
    MEMO_KEY,
    MOST_NAME,
    MOST_SIGNALS,
    TEMPORALS_CANCEL,
    RetriableState,
    SagaMemo,
    SignalOutcome,
    cut,
)

MOST_SENTENCE = 500
"""Characters of why a signal was ignored."""


class MemoWriter:
    """Writes the memo when everything of a workflow task is decided: once in a task that goes on.

    A task may read thousands of signals; one memo lists them. What cannot be written does not
    stop a saga: then the memo says only why it fails.
    """

    def __init__(
        self,
        retriables: Callable[[], Iterable[CallState]],
        failure: Failure | None,
        *,
        is_continued: bool,
    ) -> None:
        """Begin with nothing decided, or with what the run before has decided.

        Args:
            retriables: returns what the memo lists, in order; called whenever it is written.
            failure: why the saga fails.
            is_continued: whether another run went before. Its memo counts other signals, and is
                replaced in this run's first task.
        """
        self._retriables = retriables
        self._signals: dict[int, SignalOutcome] = {}
        self._signal_count = 0
        self._was_cut = False
        self._is_due = is_continued
        self._last_memo = None if is_continued else SagaMemo()
        self.failure = failure
        self._writing = asyncio.create_task(self._write_when_due())

    def note(self) -> None:
        """Write the memo when everything of this task is decided."""
        self._is_due = True

    def note_signal(self, signal: str, why_ignored: str | None = None) -> int:
        """Note that a signal was received; to be called once for each, in their order.

        Args:
            signal: its name.
            why_ignored: why it changes nothing; None when it is taken.

        Returns:
            Its number among this run's signals, for `ignore` and `take`.
        """
        self._signal_count += 1
        number = self._signal_count
        name = self._cut(signal, MOST_NAME)
        self._signals[number] = SignalOutcome(number, name, self._reason(why_ignored))
        self.note()
        return number

    def ignore(self, number: int, why: str) -> None:
        """Note why a signal changed nothing."""
        self._replace(number, self._reason(why))

    def take(self, number: int) -> None:
        """Note that a signal which had seemed to change nothing was taken after all."""
        self._replace(number, None)

    def ignore_temporals_cancel(self, why: str) -> None:
        """Note why Temporal's own cancel changed nothing."""
        outcome = SignalOutcome(TEMPORALS_CANCEL, "cancel", self._reason(why))
        self._signals = {TEMPORALS_CANCEL: outcome, **self._signals}
        self.note()

    def write(self) -> None:
        """Write the memo now if it is due and says something new."""
        if not self._is_due:
            return
        self._is_due = False
        memo = self._compose()
        if memo != self._last_memo:
            self._last_memo = memo
            try:
                workflow.upsert_memo({MEMO_KEY: memo.to_json()})
            except Exception:  # noqa: BLE001  # whatever a converter throws
                workflow.logger.exception("the memo cannot be written; it says only why it fails")
                workflow.upsert_memo({MEMO_KEY: memo.bare().to_json()})

    async def _write_when_due(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._is_due)
            # Once more, behind all that waited for the same change: a settlement is written
            # together with what follows from it.
            await workflow.wait_condition(lambda: True)
            self.write()

    def _compose(self) -> SagaMemo:
        self._leave_signals_out()
        return SagaMemo(
            failure=self.failure,
            retriables=tuple(map(_state, self._retriables())),
            signals=tuple(self._signals.values()),
            signal_count=self._signal_count,
            was_cut=self._was_cut,
        )

    def _replace(self, number: int, why_ignored: str | None) -> None:
        if number in self._signals:
            self._signals[number] = replace(self._signals[number], ignored=why_ignored)
            self.note()

    def _leave_signals_out(self) -> None:
        """Leave out the signals that explain least, where there are too many; the oldest first."""
        signals = [s for s in self._signals.values() if s.number != TEMPORALS_CANCEL]
        first = {s.name: s.number for s in reversed(signals) if s.ignored is None}

        def rank(signal: SignalOutcome) -> int:
            """Of what was taken, the first of each name is what the saga acted on."""
            return 0 if signal.ignored is not None else 1 + (signal.number == first[signal.name])

        excess = max(0, len(signals) - MOST_SIGNALS)
        for signal in sorted(signals, key=rank)[:excess]:
            del self._signals[signal.number]

    def _reason(self, why_ignored: str | None) -> str | None:
        return None if why_ignored is None else self._cut(why_ignored, MOST_SENTENCE)

    def _cut(self, text: str, most: int) -> str:
        self._was_cut = self._was_cut or len(text) > most
        return cut(text, most)


def _state(retriable: CallState) -> RetriableState:
    return RetriableState(
        step=retriable.step,
        command=retriable.name,
        progress=retriable.shown_progress,
        trouble=retriable.trouble,
        settlement=retriable.settlement,
        stuck_since=retriable.stuck_since,
    )
