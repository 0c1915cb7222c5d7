"""The timeline repeats what the saga says of each message, with the words of who sent it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.timeline import (
    MOST_OF_A_KIND,
    MOST_REPEATED,
    entry_of,
    timeline_of,
    timeline_of_record,
)
from contracts.acts import MESSAGES, Act, TakenDecision, TakenDecisions, Through
from contracts.decisions import ACTS
from temporal_saga.moment import Moment
from tests.application.order_runs import BY_OTTO, MOVES, REFUSED, STARTED, at
from workflows.order import OrderSaga

ANN = {"by": "ann", "reason": "ordered twice"}
SETTLE = {"step": "ProcessPayment", **BY_OTTO}


def signal(name: str, *arguments: Any) -> Moment:
    return at("decision", name, arguments=list(arguments), by="signal")


def update(name: str, *arguments: Any) -> Moment:
    return at("decision", f"request_{name}", arguments=list(arguments), by="update")


BY_TEMPORAL = at("decision", "cancel", by="temporal", reason="wrong customer")


@pytest.mark.parametrize(
    ("moment", "name", "detail"),
    [
        (signal("cancel", ANN), "cancel", ANN | {"through": "signal"}),
        (update("cancel", ANN), "cancel", ANN | {"through": "update"}),
        (update("settle_step", SETTLE), "settle_step", SETTLE | {"through": "update"}),
        (BY_TEMPORAL, "cancel", {"reason": "wrong customer", "through": "temporal"}),
    ],
)
def test_a_decision_says_who_why_and_by_which_way(
    moment: Moment, name: str, detail: dict[str, Any]
) -> None:
    """The words of a person stand in the timeline, an operator's evidence with them."""
    entry = entry_of(moment)
    assert (entry.at, entry.kind, entry.name, entry.detail) == (
        moment.at,
        "decision",
        name,
        detail,
    )


@pytest.mark.parametrize(
    ("moment", "why", "name"),
    [
        (signal("cancel", ANN), "too late to cancel", "cancel was ignored: too late to cancel"),
        (BY_TEMPORAL, "too late to cancel", "cancel was ignored: too late to cancel"),
        (signal("dance", ANN), "there is no such message", "dance was ignored: there is no such m"),
        (signal("retry_step", ANN), "", "retry_step was ignored"),
    ],
)
def test_what_the_saga_ignored_is_a_note_in_its_own_words(
    moment: Moment, why: str, name: str
) -> None:
    """Also without a reason, where too many messages came for the saga to tell of each."""
    entry = entry_of(replace(moment, ignored=why))
    assert entry.kind == "note"
    assert entry.name.startswith(name)


def test_a_message_that_the_saga_has_not_heard_is_under_way() -> None:
    """With its words, so that whoever sent it sees that it is there."""
    entry = entry_of(replace(signal("cancel", ANN), is_heard=False))
    assert (entry.kind, entry.name) == ("decision", "cancel")
    assert entry.detail == ANN | {"through": "signal", "under_way": True}


@pytest.mark.parametrize(
    ("moment", "arguments"),
    [
        (signal("cancel"), []),
        (signal("cancel", ANN, ANN), [ANN, ANN]),
        (signal("cancel", {"by": 7}), [{"by": 7}]),
        (signal("settle_step", {"step": "ProcessPayment", **ANN}), None),
        (signal("cancel", {"by": "\u200b", "reason": "why"}), None),
        (signal("dance", ANN), [ANN]),
    ],
)
def test_what_is_no_decision_is_repeated_as_it_was_sent(
    moment: Moment, arguments: list[Any] | None
) -> None:
    """Whatever was sent, and for whatever there is no act."""
    detail = entry_of(replace(moment, ignored="it cannot be read")).detail
    payloads = moment.detail["arguments"] if arguments is None else arguments
    assert detail == {"arguments": payloads, "through": "signal"}


def test_a_huge_message_does_not_swell_the_timeline() -> None:
    """Of a huge argument or name the beginning is repeated."""
    huge = entry_of(replace(signal("cancel", "x" * 2_000_000), ignored="it cannot be read"))
    assert len(str(huge.detail)) < MOST_REPEATED + 100
    assert len(entry_of(replace(signal("x" * 100_000), ignored="why")).name) < 200


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (replace(signal("x", "y" * 2_000), ignored="there is no such message"), "unknown messages"),
        (replace(signal("cancel", ANN), ignored=""), "cancel messages were ignored"),
        (replace(signal("cancel", ANN), is_heard=False), "cancel messages are under way"),
    ],
)
def test_of_a_flood_the_first_are_shown_and_the_others_counted(
    message: Moment, sentence: str
) -> None:
    """With the time of the last, and what happened meanwhile in its place; a page stays small."""
    flood = [
        replace(message, at=STARTED + timedelta(seconds=number), name=name)
        for number in range(4_000)
        for name in [f"unknown-{number}" if message.name == "x" else message.name]
    ]
    entries = timeline_of([*flood[:2_000], *REFUSED, *flood[2_000:]])
    assert len(entries) == MOST_OF_A_KIND + len(REFUSED) + 1
    assert entries[:MOST_OF_A_KIND] == timeline_of(flood[:MOST_OF_A_KIND])
    assert entries[MOST_OF_A_KIND:-1] == timeline_of(REFUSED)
    note = entries[-1]
    assert (note.kind, note.at, note.detail) == ("note", flood[-1].at, {"count": 3_980})
    assert note.name.startswith(f"3,980 more {sentence}")
    assert len(b"".join(entry.model_dump_json().encode() for entry in entries)) < 50_000


def test_decisions_that_were_taken_are_all_shown() -> None:
    """However many they are, and kinds that are few are not counted."""
    decisions = [signal("retry_step", {"step": "ProcessPayment", **ANN})] * 100
    ignored_signals = [replace(signal(name), ignored="") for name in ("cancel", "approve", "dance")]
    assert timeline_of(decisions + ignored_signals * MOST_OF_A_KIND) == tuple(
        map(entry_of, decisions + ignored_signals * MOST_OF_A_KIND)
    )


def test_what_an_update_brought_was_taken_as_it_is() -> None:
    """The saga let it through under the rules of its time; what is shown of it acts no more."""
    invisible_words = {"by": "\u200b", "reason": "why"}
    assert entry_of(update("cancel", invisible_words)).detail == invisible_words | {
        "through": "update"
    }


def decision(act: Act, seconds: int, through: str = "update", **words: str) -> TakenDecision:
    fields = {"by": "ann", "reason": "ordered twice"} | words
    at = STARTED + timedelta(seconds=seconds)
    return TakenDecision(act=act, at=at, through=Through(through), **fields)


def test_the_record_tells_every_decision_as_it_was_told_before() -> None:
    """Who, why and which way, before the move that it caused; Temporal's cancel names nobody."""
    decisions = (
        decision(Act.RETRY, 0, "signal", step="ProcessPayment"),
        decision(Act.CANCEL, 1, "temporal", by="temporal", reason="wrong customer"),
        decision(Act.SETTLE, 2, **SETTLE),
    )
    entries = timeline_of_record(MOVES, TakenDecisions(decisions=decisions, left_out=0))
    assert [(entry.kind, entry.name) for entry in entries] == [
        ("decision", "retry_step"),
        ("state", "PENDING"),
        ("decision", "cancel"),
        ("decision", "settle_step"),
        ("state", "FAILED"),
    ]
    live = [
        signal("retry_step", {"step": "ProcessPayment", **ANN}),
        BY_TEMPORAL,
        update("settle_step", SETTLE),
    ]
    details = [entry.detail for entry in entries if entry.kind == "decision"]
    assert details == [entry_of(moment).detail for moment in live]


def test_the_record_tells_how_many_decisions_it_has_not() -> None:
    """Of very many only the last are kept."""
    decisions = TakenDecisions(decisions=(decision(Act.CANCEL, 1),), left_out=7)
    first, *_ = timeline_of_record(MOVES, decisions)
    assert (first.kind, first.name) == (
        "note",
        "7 more decisions were taken, of which none is on record",
    )


def test_every_act_has_its_message() -> None:
    """A decision on record is told under the name that the message had.

    A saga takes every act but one: whoever places a failed order again tells no saga.
    """
    assert set(MESSAGES) == set(Act) - {Act.PLACE_AGAIN}
    assert set(MESSAGES.values()) == set(ACTS)


def test_all_else_is_told_as_it_is() -> None:
    """States, commands and events with their participants and tries."""
    entries = [(e.kind, e.name, e.participant, e.attempt, e.detail) for e in timeline_of(REFUSED)]
    assert entries == [(m.kind, m.name, m.participant, m.attempt, m.detail) for m in REFUSED]


def test_every_act_of_the_saga_is_known_by_its_body() -> None:
    """The timeline reads what the saga reads."""
    assert {name for name in vars(OrderSaga.__base__) if name in ACTS} == set(ACTS)
