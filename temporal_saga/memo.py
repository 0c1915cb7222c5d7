"""What a saga decides and nothing else shows, written once into its workflow's memo.

A memo stands in describe, in lists and in history, and is read with every worker down: while the
saga runs, when it is closed, and after a reset. Whatever a search attribute, a command or an
activity's result shows is not repeated here, so that a saga that completes writes none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from temporal_saga.call_state import Progress, Settlement
from temporal_saga.failure import Failure

MEMO_KEY = "saga"
"""Under this key of the memo."""

MOST_BYTES = 100_000
"""Of one memo; Temporal takes up to 2 MiB, and wedges the saga that writes more."""

MOST_SIGNALS = 50
"""Signals that a memo tells of, the last ones; a run may be sent thousands."""

TEMPORALS_CANCEL = 0
"""The number, among a run's signals, of Temporal's own cancel."""


@dataclass(frozen=True)
class RetriableState:
    """How far a retriable transaction had come when the memo was written.

    That is a compensation, a step after the pivot, or the question how an earlier run ended.

    Args:
        step: the step that it takes back or completes.
        command: the activity's name, the command's without `Command`.
        progress: STUCK as long as it keeps failing, also when it was settled and its record does
            not hear of that. WAITING and RUNNING are left to the history, which knows better.
        trouble: what the last round of tries ended with; None unless stuck.
        settlement: a person's word that it was put right by hand.
        stuck_since: when it got stuck (UTC); None unless stuck.
    """

    step: str
    command: str
    progress: Progress
    trouble: str | None = None
    settlement: Settlement | None = None
    stuck_since: datetime | None = None


@dataclass(frozen=True)
class SignalOutcome:
    """What became of one signal.

    Args:
        number: which of this run's signals it is, in the order of its history, from 1;
            `TEMPORALS_CANCEL` for Temporal's own cancel.
        name: the signal's name.
        ignored: why it changed nothing; None when it was taken.
    """

    number: int
    name: str
    ignored: str | None = None


@dataclass(frozen=True)
class SagaMemo:
    """What one saga has decided so far.

    Args:
        failure: why it rolls back, or has rolled back; None when it does not.
        retriables: of a rollback every compensation, in the order in which they run; without one,
            what else is stuck or was settled.
        signals: the last signals that were heard in this run.
        signals_left_out: so many that were heard before those are told no more.
        was_cut: whether the failure's details or some sentences were left out for their size.
    """

    failure: Failure | None = None
    retriables: tuple[RetriableState, ...] = ()
    signals: tuple[SignalOutcome, ...] = ()
    signals_left_out: int = 0
    was_cut: bool = False

    def to_json(self) -> Any:
        """Return it as JSON within `MOST_BYTES`.

        What does not fit is left out in this order: the failure's details, the signals, what keeps
        failing and by which evidence it was settled, and at last the retriables of the end.
        `was_cut` says so.
        """
        document = _ADAPTER.dump_json(self)
        for shorter in self._shorter():
            if len(document) <= MOST_BYTES:
                break
            document = _ADAPTER.dump_json(replace(shorter, was_cut=True))
        return TypeAdapter(Any).validate_json(document)

    def _shorter(self) -> Iterator["SagaMemo"]:
        """Yield it with less and less in it."""
        failure = self.failure and replace(self.failure, details={})
        without_details = replace(self, failure=failure)
        yield without_details
        left_out = self.signals_left_out + len(self.signals)
        without_signals = replace(without_details, signals=(), signals_left_out=left_out)
        yield without_signals
        retriables = tuple(map(_without_sentences, self.retriables))
        while retriables:
            yield replace(without_signals, retriables=retriables)
            retriables = retriables[: len(retriables) // 2]
        yield replace(without_signals, retriables=())

    @classmethod
    def of(cls, memo: Mapping[str, Any]) -> "SagaMemo":
        """Read a memo that was decoded; nothing is decided where the saga wrote none."""
        try:
            return _ADAPTER.validate_python(memo[MEMO_KEY])
        except (KeyError, ValidationError):
            return cls()


def _without_sentences(state: RetriableState) -> RetriableState:
    settlement = state.settlement and replace(state.settlement, reason="…", evidence="…")
    return replace(state, trouble=state.trouble and "…", settlement=settlement)


_ADAPTER = TypeAdapter(SagaMemo)
