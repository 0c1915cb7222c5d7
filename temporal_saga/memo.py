"""What a saga decides and nothing else shows, written once into its workflow's memo.

A memo stands in describe, in lists and in history, and is read with every worker down: while the
saga runs, when it is closed, and after a reset. Whatever a search attribute, a command or an
activity's result shows is not repeated here, so that a saga that completes writes none.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

from pydantic import TypeAdapter, ValidationError

from temporal_saga.call_state import Progress, Settlement
from temporal_saga.failure import Failure

MEMO_KEY = "saga"
"""Under this key of the memo."""

MOST_BYTES = 100_000
"""Of one memo as JSON; Temporal takes up to 2 MiB, and wedges the saga that writes more."""

MOST_SIGNALS = 50
"""Signals that a memo lists; a run may be sent thousands."""

MOST_NAME = 100
"""Characters of a name, wherever it is cut."""

LEFT_OUT = {"left_out": "too large"}
"""Stands for a failure's details that a memo cannot hold."""

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
            not have that yet. WAITING and RUNNING are left to the history, which knows better.
        trouble: what the last round of tries ended with; None unless stuck.
        settlement: that a person put it right by hand, and who.
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
        signals: signals that this run received, in their order. Of very many, those that were
            ignored are left out first, the oldest first, and those that were taken last.
        signal_count: so many did this run receive, those included that are left out.
        was_cut: whether something was left out for its size, or because it cannot be written. Of a
            sentence that was cut the rest is "…".
    """

    failure: Failure | None = None
    retriables: tuple[RetriableState, ...] = ()
    signals: tuple[SignalOutcome, ...] = ()
    signal_count: int = 0
    was_cut: bool = False

    def to_json(self) -> Any:
        """Return it as JSON within `MOST_BYTES`.

        What does not fit, or is no JSON, is left out in this order: the failure's details, signals
        that were ignored, the other signals, what keeps failing and by which evidence it was
        settled, the retriables of the end, and at last all that `bare` leaves out. `was_cut` says
        so.
        """
        documents = map(_document, chain((self,), self._shorter()))
        return next(document for document in documents if document is not None)

    def bare(self) -> "SagaMemo":
        """Return it with why the saga fails and which signals it took, and no other sentence."""
        return SagaMemo(
            failure=self.failure and _bare(self.failure),
            signals=tuple(
                replace(signal, name=_writable(signal.name), ignored=signal.ignored and "…")
                for signal in self.signals
            ),
            signal_count=self.signal_count,
            was_cut=True,
        )

    def _shorter(self) -> Iterator["SagaMemo"]:
        """Yield it with less and less in it."""
        failure = self.failure and replace(self.failure, details=_cut_details(self.failure))
        memo = replace(self, failure=failure, was_cut=True)
        yield memo
        memo = replace(memo, signals=tuple(s for s in memo.signals if s.ignored is None))
        yield memo
        memo = replace(memo, signals=())
        yield memo
        retriables = tuple(map(_without_sentences, self.retriables))
        while retriables:
            yield replace(memo, retriables=retriables)
            retriables = retriables[: len(retriables) // 2]
        yield self.bare()

    @classmethod
    def of(cls, memo: Mapping[str, Any]) -> "SagaMemo":
        """Read a memo that was decoded; nothing is decided where the saga wrote none."""
        try:
            return _ADAPTER.validate_python(memo[MEMO_KEY])
        except (KeyError, ValidationError):
            return cls()


def cut(text: str, most: int) -> str:
    """Return the text, or as much of it as fits into so many characters, with "…" behind."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _document(memo: SagaMemo) -> Any:
    """Return a memo as JSON; None if it is too large, or holds what is no JSON."""
    try:
        text = _ADAPTER.dump_json(memo)
    except ValueError:
        return None
    if len(text) > MOST_BYTES:
        return None
    document = json.loads(text)
    # A converter may spell out what is not ASCII, which takes more bytes.
    return document if len(json.dumps(document)) <= MOST_BYTES else None


def _without_sentences(state: RetriableState) -> RetriableState:
    settlement = state.settlement and replace(
        state.settlement, by=cut(state.settlement.by, MOST_NAME), reason="…", evidence="…"
    )
    return replace(state, trouble=state.trouble and "…", settlement=settlement)


def _bare(failure: Failure) -> Failure:
    return Failure(
        reason=_writable(failure.reason),
        message=_writable(failure.message),
        step=failure.step and _writable(failure.step),
        event=failure.event and _writable(failure.event),
        details=_cut_details(failure),
    )


def _cut_details(failure: Failure) -> dict[str, Any]:
    return LEFT_OUT if failure.details else {}


def _writable(text: str) -> str:
    return cut(text.encode(errors="replace").decode(), MOST_NAME)


_ADAPTER = TypeAdapter(SagaMemo)
