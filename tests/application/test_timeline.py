"""The timeline tells who did what, and what came to nothing and why, by the saga's own rules."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from application.timeline import MOST_TOLD, tell
from contracts.decisions import ACTS
from temporal_saga.history import RESET, Kind, Moment
from workflows.order import OrderSaga

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
ANN = {"by": "ann", "reason": "ordered twice"}
OTTO = {"by": "otto", "reason": "paid by hand", "evidence": "transfer 4711"}
REFUND = "RefundPaymentCommand"


def at(kind: Kind, name: str, command: str | None = None, **detail: Any) -> Moment:
    return Moment(AT, kind, name, command=command, detail=detail)


def signal(name: str, *arguments: Any) -> Moment:
    return at("decision", name, arguments=list(arguments), by="signal")


def update(name: str, *arguments: Any) -> Moment:
    return at("decision", f"request_{name}", arguments=list(arguments), by="update")


PENDING = at("state", "PENDING")
ROLLING_BACK = at("state", "ROLLING_BACK")
COMPLETED = at("state", "COMPLETED")
REVIEWED = at("event", "OrderRegisteredEvent", review_seconds=60)
NOT_REVIEWED = at("event", "OrderRegisteredEvent", review_seconds=None)
AWAITING = at("state", "AWAITING_REVIEW")
STUCK = (
    ROLLING_BACK,
    at("command", REFUND, REFUND),
    at("note", f"{REFUND} failed", REFUND),
    at("state", "ROLLBACK_STUCK"),
)
UNANSWERED = at("note", "RegisterOrderCommand failed", "RegisterOrderCommand")
FIRST = {"step": "RegisterOrder", **ANN}
CONFIRM = {"step": "ConfirmOrder", **OTTO}
NOT_CONFIRMED = at("note", "ConfirmOrderCommand failed", "ConfirmOrderCommand")
SENT_ON = (
    COMPLETED,
    NOT_CONFIRMED,
    update("settle_step", CONFIRM),
    at("command", "ConfirmOrderCommand", "ConfirmOrderCommand"),
)
SETTLE, RETRY = {"step": "ProcessPayment", **OTTO}, {"step": "ProcessPayment", **ANN}


@pytest.mark.parametrize(
    ("before", "message", "kind", "name"),
    [
        ([PENDING], signal("cancel", ANN), "decision", "cancel"),
        ([PENDING], update("cancel", ANN), "decision", "cancel"),
        ([ROLLING_BACK], signal("cancel", ANN), "note", "cancel was ignored: it was too late"),
        ([COMPLETED], signal("cancel", ANN), "note", "cancel was ignored: it was too late"),
        ([PENDING], at("decision", "cancel", by="temporal", reason="why"), "decision", "cancel"),
        (
            [COMPLETED],
            at("decision", "cancel", by="temporal", reason="why"),
            "note",
            "cancel was ignored: it was too late",
        ),
        ([PENDING], signal("cancel"), "note", "cancel was ignored: it cannot be read"),
        ([PENDING], signal("cancel", ANN, ANN), "note", "cancel was ignored: it cannot be read"),
        ([PENDING], signal("cancel", {"by": 7}), "note", "cancel was ignored: it cannot be read"),
        (
            [PENDING],
            signal("settle_step", RETRY),
            "note",
            "settle_step was ignored: it cannot be read",
        ),
        ([PENDING], signal("dance", ANN), "note", "dance was ignored: there is no such message"),
        ([PENDING, REVIEWED, AWAITING], signal("approve", ANN), "decision", "approve"),
        ([PENDING], signal("reject", ANN), "decision", "reject"),
        ([NOT_REVIEWED], signal("approve", ANN), "note", "approve was ignored: it needs no review"),
        (
            [AWAITING, update("reject", ANN)],
            signal("approve", ANN),
            "note",
            "approve was ignored: ann decided already",
        ),
        (
            [AWAITING, ROLLING_BACK],
            signal("approve", ANN),
            "note",
            "approve was ignored: its review is over",
        ),
        (
            [PENDING],
            signal("retry_step", RETRY),
            "note",
            "retry_step was ignored: ProcessPayment was not stuck",
        ),
        (STUCK, signal("retry_step", RETRY), "decision", "retry_step"),
        (STUCK, signal("settle_step", SETTLE), "decision", "settle_step"),
        (STUCK, update("settle_step", SETTLE), "decision", "settle_step"),
        (
            [*STUCK, signal("settle_step", SETTLE)],
            signal("retry_step", RETRY),
            "note",
            "retry_step was ignored: ProcessPayment was not stuck",
        ),
        (
            [*STUCK, at("event", "PaymentRefundedEvent", REFUND)],
            signal("retry_step", RETRY),
            "note",
            "retry_step was ignored: ProcessPayment was not stuck",
        ),
        ([at("note", RESET)], signal("settle_step", SETTLE), "decision", "settle_step"),
        (
            [at("note", RESET), signal("settle_step", SETTLE)],
            signal("settle_step", SETTLE),
            "note",
            "settle_step was ignored: ProcessPayment was not stuck",
        ),
        (
            [at("note", RESET), at("command", "RegisterOrderCommand", "RegisterOrderCommand")],
            signal("settle_step", SETTLE),
            "note",
            "settle_step was ignored: ProcessPayment was not stuck",
        ),
        (
            [PENDING, UNANSWERED],
            signal("retry_step", FIRST),
            "note",
            "retry_step was ignored: RegisterOrder was not stuck",
        ),
        ([PENDING, UNANSWERED, UNANSWERED], signal("retry_step", FIRST), "decision", "retry_step"),
        (
            [
                PENDING,
                UNANSWERED,
                UNANSWERED,
                at("event", "OrderRegisteredEvent", "RegisterOrderCommand", review_seconds=None),
            ],
            signal("retry_step", FIRST),
            "note",
            "retry_step was ignored: RegisterOrder was not stuck",
        ),
        (
            [at("note", RESET)],
            signal("retry_step", RETRY),
            "note",
            "retry_step was ignored: ProcessPayment was not stuck",
        ),
        (
            [COMPLETED, at("note", "ConfirmOrderCommand failed", "ConfirmOrderCommand")],
            signal("retry_step", RETRY | {"step": "ConfirmOrder"}),
            "decision",
            "retry_step",
        ),
        (
            SENT_ON,
            signal("retry_step", CONFIRM),
            "note",
            "retry_step was ignored: ConfirmOrder was not stuck",
        ),
        ([*SENT_ON, NOT_CONFIRMED], signal("retry_step", CONFIRM), "decision", "retry_step"),
        (
            [*SENT_ON, NOT_CONFIRMED],
            signal("settle_step", CONFIRM),
            "note",
            "settle_step was ignored: ConfirmOrder was not stuck",
        ),
        (
            [*SENT_ON[:-1], NOT_CONFIRMED],
            signal("retry_step", CONFIRM),
            "note",
            "retry_step was ignored: ConfirmOrder was not stuck",
        ),
        (
            [*SENT_ON, replace(NOT_CONFIRMED, sent=7)],
            signal("retry_step", CONFIRM),
            "note",
            "retry_step was ignored: ConfirmOrder was not stuck",
        ),
    ],
)
def test_a_message_is_a_decision_or_is_told_why_it_was_none(
    before: list[Moment], message: Moment, kind: str, name: str
) -> None:
    """What the saga acted on is a decision; what it ignored is a note that says why."""
    entry = tell([*before, message])[-1]
    assert (entry.kind, entry.name) == (kind, name)


def test_a_decision_tells_who_why_and_by_which_way() -> None:
    """The words of a person stand in the timeline, an operator's evidence with them."""
    assert tell([PENDING, signal("cancel", ANN)])[-1].detail == ANN | {"through": "signal"}
    assert tell([*STUCK, update("settle_step", SETTLE)])[-1].detail == SETTLE | {
        "through": "update"
    }


def test_what_cannot_be_read_is_repeated_as_far_as_it_is_short() -> None:
    """A malformed message is shown as it was sent; a huge one does not swell the timeline."""
    assert tell([signal("cancel", 7, None)])[-1].detail == {
        "arguments": [7, None],
        "through": "signal",
    }
    huge = tell([signal("cancel", "x" * 2_000_000)])[-1]
    assert len(str(huge.detail)) < MOST_TOLD + 100
    assert len(tell([signal("x" * 100_000)])[-1].name) < 200


def test_every_act_of_the_saga_is_known_by_its_body() -> None:
    """The timeline reads what the saga reads."""
    assert {name for name in vars(OrderSaga.__base__) if name in ACTS} == set(ACTS)
