"""The timeline as people read it: who decided what; what was ignored, and why. Pure functions."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from contracts.acts import MESSAGES, TakenDecision, TakenDecisions, Through
from contracts.decisions import ACTS, Decision, act_of
from contracts.states import StateMove
from contracts.stubs import PAYMENT_ANSWERED
from contracts.text import ON_RECORD
from contracts.views import TimelineEntry
from temporal_saga.moment import Moment

MOST_REPEATED = 1_000
"""Characters (as JSON) that are repeated of a message that cannot be read."""

MOST_OF_A_NAME = 64
"""Characters that are repeated of a message's name."""


MOST_OF_A_KIND = 20
"""So many messages that changed nothing are shown of each kind; the others are counted."""

UNKNOWN = "unknown"

CUSTOMER_ANSWERED = "the card provider says that the customer has answered their bank"


def timeline_of(moments: Iterable[Moment]) -> tuple[TimelineEntry, ...]:
    """Return the timeline of a saga; of many messages that changed nothing only the first are told.

    Anybody who may send signals can send thousands: the others of a kind are one note, with how
    many they are, at the time of the last.
    """
    counts: Counter[str] = Counter()
    entries: dict[int | str, TimelineEntry] = {}
    for number, moment in enumerate(moments):
        kind = _kind_of_noise(moment)
        counts[kind] += 1
        if not kind or counts[kind] <= MOST_OF_A_KIND:
            entries[number] = entry_of(moment)
        else:
            entries.pop(kind, None)  # the note stands where the last one would
            entries[kind] = _more(kind, counts[kind] - MOST_OF_A_KIND, moment)
    return tuple(entries.values())


def _kind_of_noise(moment: Moment) -> str:
    """Return which kind of message it is that changes nothing, or not yet; "" for all else."""
    if moment.kind != "decision" or (moment.ignored is None and moment.is_heard):
        return ""
    name = act_of(moment.name)
    what = name if name in ACTS else UNKNOWN
    return f"{what} messages {'are under way' if moment.ignored is None else 'were ignored'}"


def _more(kind: str, count: int, last: Moment) -> TimelineEntry:
    """Return the note that stands for those that are not shown."""
    name = f"{count:,} more {kind}, this was the last"
    return TimelineEntry(at=last.at, kind="note", name=name, detail={"count": count})


def entry_of(moment: Moment) -> TimelineEntry:
    """Return one moment as people read it.

    A message is a decision when the saga took it, and a note that says why when it did not. One
    that the saga has not heard yet is a decision that says so, by `under_way`.
    """
    entry = {name: getattr(moment, name) for name in TimelineEntry.model_fields}
    if moment.kind == "decision":
        name = act_of(moment.name)
        entry |= {"name": name, "detail": _words(name, moment.detail)}
        if not moment.is_heard:
            entry["detail"] |= {"under_way": True}
        if moment.name == PAYMENT_ANSWERED and moment.ignored is None:
            entry |= {"kind": "note", "name": CUSTOMER_ANSWERED, "detail": {}}
        if moment.ignored is not None:
            why = f": {moment.ignored}" if moment.ignored else ""
            entry |= {"kind": "note", "name": f"{name[:MOST_OF_A_NAME]} was ignored{why}"}
    return TimelineEntry.model_validate(entry)


def timeline_of_record(
    moves: Iterable[StateMove], decisions: TakenDecisions
) -> tuple[TimelineEntry, ...]:
    """Return as much of the timeline as the order's record has: its moves, and who decided what.

    Of a decision and the move that it caused the decision comes first.
    """
    entries = [_entry_on_record(decision) for decision in decisions.decisions]
    entries += [
        TimelineEntry(at=move.at, kind="state", name=move.state, detail={"cause": move.cause})
        for move in moves
    ]
    entries.sort(key=lambda entry: (entry.at, entry.kind == "state"))
    if decisions.left_out:
        name = f"{decisions.left_out} more decisions were taken, of which none is on record"
        entries.insert(0, TimelineEntry(at=entries[0].at, kind="note", name=name))
    return tuple(entries)


def _entry_on_record(decision: TakenDecision) -> TimelineEntry:
    """Return a decision on record as it was told while Temporal had the run."""
    name = MESSAGES[decision.act]
    words = decision.model_dump(include={"by", "reason", "step", "evidence"}, exclude_none=True)
    if decision.through is Through.TEMPORAL:
        del words["by"]
    detail = words | {"through": decision.through}
    return TimelineEntry(at=decision.at, kind="decision", name=name, detail=detail)


def _words(name: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person said, and by which way."""
    through = detail.get("by")
    if through == "temporal":
        return {"reason": detail.get("reason"), "through": through}
    decision = _read(name, detail) if name in ACTS else None
    words = _as_sent(detail) if decision is None else decision.model_dump(exclude={"attempts"})
    return words | {"through": through}


def _read(name: str, detail: Mapping[str, Any]) -> Decision | None:
    """Return the decision that was sent, or None when it is none; the saga took an update's."""
    try:
        [argument] = detail.get("arguments", [])
        context = ON_RECORD if detail.get("by") == "update" else None
        return ACTS[name].model_validate(argument, context=context)
    except ValueError:
        return None


def _as_sent(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was sent, as far as it is short enough to repeat."""
    arguments = detail.get("arguments", [])
    text = json.dumps(arguments)
    return {"arguments": arguments if len(text) <= MOST_REPEATED else [f"{text[:MOST_REPEATED]} …"]}
