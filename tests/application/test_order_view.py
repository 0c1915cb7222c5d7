from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application.order_view import (
    Run,
    entry_to_come,
    listed,
    view_of_closed,
    view_of_record,
    view_of_run,
)
from contracts.record import Compensation, OrderEntry, OrderRecord, Settlement
from contracts.states import OrderStatus, SagaState, StateMove
from contracts.views import FailureView as Failure
from contracts.views import Links, OrderView, Refund
from temporal_saga.history import RESET, Kind, Moment

STARTED = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
CLOSED = STARTED + timedelta(seconds=2)
LINKS = Links(
    self="/orders/7",
    events="/orders/7/events",
    temporal="http://localhost:8233/namespaces/default/workflows/order-7",
)
GIVEN = {
    "customer_id": "17850",
    "currency": "GBP",
    "lines": [{"sku": "85123A", "quantity": 6, "unit_price_minor": 255}],
}


def at(kind: Kind, name: str, **detail: Any) -> Moment:
    return Moment(STARTED, kind, name, detail=detail)


def sent(command: str, participant: str, attempt: int | None = None) -> Moment:
    return Moment(STARTED, "command", command, participant, command, attempt)


def answered(command: str, participant: str, event: str, attempt: int = 1, **detail: Any) -> Moment:
    return Moment(STARTED, "event", event, participant, command, attempt, detail)


def unanswered(command: str, participant: str, error: str) -> Moment:
    name = f"{command} unanswered: its outcome is unknown"
    return Moment(STARTED, "note", name, participant, command, 9, {"error": error})


def running(state: str, *moments: Moment, reason: str | None = None) -> Run:
    """Return a run that shows `state`, and for which `reason` it fails if it does."""
    attributes = {"SagaState": state, "CustomerId": "17850", "NeedsAttention": False}
    attributes |= {} if reason is None else {"FailureReason": reason}
    return Run(STARTED, None, attributes, moments, GIVEN)


REGISTERED = (
    at("state", "PENDING"),
    sent("RegisterOrderCommand", "order"),
    answered("RegisterOrderCommand", "order", "OrderRegisteredEvent"),
)
PAID = (
    *REGISTERED,
    sent("ProcessPaymentCommand", "payment"),
    answered(
        "ProcessPaymentCommand", "payment", "PaymentCompletedEvent", attempt=2, amount_minor=1530
    ),
    at("state", "PAYMENT_COMPLETED"),
)
SHORT: dict[str, Any] = {
    "reason": "OUT_OF_STOCK",
    "message": "85123A: 6 asked, 2 left",
    "details": {"left": 2},
}
REFUSED = (
    *PAID,
    sent("DecreaseStockCommand", "stock"),
    answered("DecreaseStockCommand", "stock", "StockDecreaseFailedEvent", **SHORT),
    at("state", "ROLLING_BACK"),
)
OUT_OF_STOCK = Failure(step="DecreaseStock", event="StockDecreaseFailedEvent", **SHORT)


def view(run: Run) -> OrderView:
    return view_of_run("7", run, LINKS)


def compensations(run: Run) -> list[tuple[str, str, str, int | None]]:
    return [(c.step, c.command, c.state, c.attempts) for c in view(run).compensations]


def test_a_running_order_is_told_from_its_run() -> None:
    """While a saga runs, its order shows what was ordered, where it stands and its story, and is not closed."""
    shown = view(running("PAYMENT_COMPLETED", *PAID))
    assert (shown.order_id, shown.state, shown.status) == ("7", "PAYMENT_COMPLETED", "PENDING")
    assert (shown.customer_id, shown.currency, shown.total_minor) == ("17850", "GBP", 1530)
    assert [line.model_dump() for line in shown.lines or ()] == GIVEN["lines"]
    assert (shown.placed_at, shown.closed_at, shown.needs_attention) == (STARTED, None, False)
    assert (shown.failure, shown.compensations, shown.links) == (None, (), LINKS)
    assert [entry.name for entry in shown.timeline] == [moment.name for moment in PAID]
    paid = shown.timeline[4]
    assert (paid.kind, paid.participant, paid.attempt, paid.detail) == (
        "event",
        "payment",
        2,
        {"amount_minor": 1530},
    )


def test_a_completed_order_is_confirmed_once_its_saga_has_closed() -> None:
    """Past the pivot an order stays PENDING with the order service until the saga has seen it confirmed."""
    run = running("COMPLETED", *PAID)
    assert view(run).status == OrderStatus.PENDING
    shown = view(replace(run, closed_at=CLOSED))
    assert (shown.state, shown.status, shown.closed_at) == ("COMPLETED", "CONFIRMED", CLOSED)


def test_an_order_that_needs_attention_says_so() -> None:
    """What the saga shows of its need for attention is what the order shows."""
    run = running("ROLLING_BACK", *REFUSED, reason="OUT_OF_STOCK")
    assert (
        view(replace(run, attributes={**run.attributes, "NeedsAttention": True})).needs_attention
        is True
    )


def test_a_saga_that_closed_and_left_its_order_open_needs_attention() -> None:
    """Nothing will close the order's record any more, e.g. as it was an earlier run's; so the order is not closed."""
    run = replace(running("COMPLETED", *PAID), closed_at=CLOSED)
    assert (view(run).needs_attention, view(run).closed_at) == (False, CLOSED)
    left = view_of_run("7", run, LINKS, left_open=True)
    assert (left.needs_attention, left.closed_at, left.status) == (True, None, "PENDING")
    assert left.attention is not None
    assert (left.attention.cause, left.attention.since) == ("LEFT_OPEN", CLOSED)
    entry = entry_to_come("7", run)
    shown = listed(entry, run, None, LINKS)
    assert (shown.needs_attention, shown.attention) == (True, left.attention)
    assert (
        listed(entry.model_copy(update={"closed_at": CLOSED}), run, None, LINKS).needs_attention
        is False
    )


def test_a_saga_ended_from_outside_leaves_its_order_where_it_stood() -> None:
    """The order is not closed, keeps its state, and says how its saga is taken up again."""
    told = view(replace(running("PAYMENT_COMPLETED", *PAID), closed_at=CLOSED))
    assert (told.state, told.status, told.closed_at) == ("PAYMENT_COMPLETED", "PENDING", None)
    assert told.attention is not None
    assert (
        "temporal workflow reset --workflow-id order-7 --type LastWorkflowTask"
        in told.attention.message
    )


def test_a_saga_whose_code_fails_is_wedged() -> None:
    """Whether the run tells it or visibility does, and also when it is stuck besides: no act would be taken."""
    stuck = running("ROLLBACK_STUCK", *REFUSED, reason="OUT_OF_STOCK")
    stuck = replace(stuck, attributes={**stuck.attributes, "NeedsAttention": True})
    told = view(replace(stuck, wedged_since=CLOSED)).attention
    assert told is not None
    assert (told.cause, told.since) == ("WEDGED", CLOSED)
    reported = replace(
        stuck, attributes={**stuck.attributes, "TemporalReportedProblems": ["cause=…"]}
    )
    seen = listed(entry_to_come("7", reported), reported, None, LINKS).attention
    assert seen is not None
    assert (seen.cause, seen.since) == ("WEDGED", None)
    known = listed(entry_to_come("7", reported), reported, told, LINKS).attention
    assert known == told, "what is known of the same need from elsewhere says since when"


def test_what_is_stuck_says_which_command_and_why() -> None:
    """What its last try ended with, also when another round of tries has begun; a pause says who paused it."""
    attributes = {"NeedsAttention": True}
    run = running("ROLLBACK_STUCK", *STUCK, AGAIN, reason="OUT_OF_STOCK")
    run = replace(run, attributes={**run.attributes, **attributes}, stuck_since=CLOSED)
    told = view(run).attention
    assert told is not None
    assert (told.cause, told.since) == ("STUCK", CLOSED)
    assert told.message.startswith("RefundPaymentCommand keeps failing: away. It is still tried")
    paused = replace(
        AGAIN, detail={"message": "paused by otto: the bank is closed (activity 5)", "paused": True}
    )
    told = view(replace(run, moments=(*STUCK, paused))).attention
    assert told is not None
    assert (
        "keeps failing: away; it is paused by otto: the bank is closed (activity 5)" in told.message
    )
    assert "temporal activity unpause --workflow-id order-7" in told.message
    assert "still tried" not in told.message


def test_an_open_order_that_temporal_forgot_is_left_open() -> None:
    """Its record shows as much as it has, and says how its saga is begun again."""
    record = RECORD.model_copy(
        update={
            "state": SagaState.PENDING,
            "status": OrderStatus.PENDING,
            "closed_at": None,
            "failure": None,
        }
    )
    told = view_of_record(record, MOVES[:1], LINKS)
    assert (told.state, told.needs_attention, told.closed_at, told.refund) == (
        "PENDING",
        True,
        None,
        None,
    )
    assert told.attention is not None
    assert (told.attention.cause, told.attention.since) == ("LEFT_OPEN", None)
    assert (
        "temporal workflow start --type OrderSaga --task-queue order-saga --workflow-id order-7"
        in told.attention.message
    )


def test_a_list_shows_as_much_of_what_others_wrote_as_it_has_room_for() -> None:
    """A long sentence, and the words of who settled it; what is short stays whole."""
    long_one = Failure(reason="UNKNOWN_SKU", message="x" * 2_000)
    word = Settlement(by="b" * 200, reason="r" * 1_000, evidence="é" * 1_000, at=CLOSED)
    settled = Compensation(
        step="ProcessPayment", command="RefundPaymentCommand", state="SETTLED", settled=word
    )
    entry = OrderEntry(**RECORD.model_dump(exclude={"lines"}), line_count=1)
    large = entry.model_copy(update={"failure": long_one, "compensations": (settled,) * 4})
    shown = listed(large, None, None, LINKS)
    assert len(shown.model_dump_json()) < 5_000
    assert shown.failure is not None
    assert shown.failure.message == f"{'x' * 200} …"
    assert listed(entry, None, None, LINKS).failure == OUT_OF_STOCK


BACK = "15.30 GBP went back to the customer at 2026-03-14 15:09:26 UTC"


def test_a_failed_order_says_what_became_of_the_money() -> None:
    """What went back and when, from the story; that nothing had been charged; or who put it right by hand. Else nothing."""
    told = view(closed(*REFUSED, *TAKEN_BACK)).refund
    assert told == Refund(amount_minor=1530, currency="GBP", at=STARTED, message=BACK)
    nothing = Refund(amount_minor=0, currency="GBP", at=None, message="nothing had been charged")
    assert view(closed(*REGISTERED)).refund == nothing
    empty = answered(
        "RefundPaymentCommand", "payment", "PaymentRefundedEvent", currency="GBP", refunded_minor=0
    )
    assert view(closed(*REFUSED, sent("RefundPaymentCommand", "payment"), empty)).refund == nothing
    by_hand = view(closed(*STUCK, settles("ProcessPayment"))).refund
    assert by_hand is not None
    assert by_hand.message == "otto settled the refund by hand: paid by hand (transfer 4711)"
    assert view(running("ROLLING_BACK", *REFUSED, reason="OUT_OF_STOCK")).refund is None
    assert view(running("COMPLETED", *PAID)).refund is None


def test_the_record_says_what_became_of_the_money() -> None:
    """It knows by when, and whether it had been charged for sure."""
    paid = StateMove(state=SagaState.PAYMENT_COMPLETED, cause="PaymentCompletedEvent", at=STARTED)
    told = view_of_record(RECORD, (*MOVES, paid), LINKS).refund
    assert told == Refund(
        amount_minor=1530,
        currency="GBP",
        at=CLOSED,
        message="15.30 GBP went back to the customer by 2026-03-14 15:09:28 UTC",
    )
    unknown = view_of_record(RECORD, MOVES, LINKS).refund
    assert unknown is not None
    assert (unknown.amount_minor, unknown.at) == (None, CLOSED)
    assert (
        unknown.message
        == "whatever had been charged was given back to the customer by 2026-03-14 15:09:28 UTC"
    )
    never = RECORD.model_copy(update={"compensations": RECORD.compensations[1:]})
    assert view_of_record(never, MOVES, LINKS).refund == Refund(
        amount_minor=0, currency="GBP", at=None, message="nothing had been charged"
    )
    confirmed = RECORD.model_copy(
        update={"state": SagaState.COMPLETED, "failure": None, "compensations": ()}
    )
    assert view_of_record(confirmed, MOVES, LINKS).refund is None


@pytest.mark.parametrize("attributes", [{}, {"SagaState": "BOGUS"}])
def test_before_its_worker_began_a_saga_is_pending(attributes: dict[str, Any]) -> None:
    """A start by hand shows no state of ours yet, or anything at all, and the order can be read nevertheless."""
    shown = view(Run(STARTED, None, attributes, [], GIVEN))
    assert (shown.state, shown.status, shown.timeline) == ("PENDING", "PENDING", ())


def failed(command: str, participant: str) -> Moment:
    return Moment(STARTED, "note", f"{command} failed", participant, command, 10, {"error": "away"})


SAYS = {"by": "otto", "reason": "paid by hand", "evidence": "transfer 4711"}
STUCK = (
    *REFUSED,
    sent("RefundPaymentCommand", "payment"),
    failed("RefundPaymentCommand", "payment"),
)
AGAIN = sent("RefundPaymentCommand", "payment")


def settles(step: str = "ProcessPayment", by: str = "signal", **told: str) -> Moment:
    name = "settle_step" if by == "signal" else "request_settle_step"
    return at("decision", name, arguments=[{"step": step} | (told or SAYS)], by=by)


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        (STUCK, "STUCK"),
        ((*STUCK, AGAIN), "STUCK"),
        (
            (*STUCK, AGAIN, answered("RefundPaymentCommand", "payment", "PaymentRefundedEvent")),
            "DONE",
        ),
        ((*STUCK, settles()), "SETTLED"),
        ((*STUCK, settles(by="update")), "SETTLED"),
        (
            (
                *STUCK,
                settles(),
                answered("RefundPaymentCommand", "payment", "PaymentRefundedEvent"),
            ),
            "SETTLED",
        ),
        ((*REFUSED, sent("RefundPaymentCommand", "payment", 10)), "RUNNING"),
        ((*STUCK, settles(step="DecreaseStock")), "STUCK"),
        ((*STUCK, settles(by="otto", reason="without evidence")), "STUCK"),
        ((*REFUSED, settles(), *STUCK[len(REFUSED) :]), "STUCK"),
    ],
)
def test_a_compensation_that_keeps_failing_is_stuck_until_it_is_done_or_settled(
    moments: Any, state: str
) -> None:
    """Read off the history by the saga's own rule: a word before it was stuck, about another step or without evidence is none."""
    refund = view(running("ROLLBACK_STUCK", *moments, reason="OUT_OF_STOCK")).compensations[0]
    assert (refund.command, refund.state) == ("RefundPaymentCommand", state)
    assert refund.attempts == (11 if state == "DONE" else 10), "the tries of all rounds"
    told = refund.settled.model_dump(exclude={"at"}) if refund.settled else None
    assert told == (SAYS if state == "SETTLED" else None)


@pytest.mark.parametrize("by", ["signal", "update"])
def test_after_a_reset_a_settlement_comes_before_what_it_settles(by: str) -> None:
    """The step counts as settled, though its compensation is not commanded again, nor perhaps the step itself."""
    was_reset = at("note", RESET)
    for moments in ((was_reset, settles(by=by), *REFUSED), (was_reset, settles(by=by))):
        run = running("ROLLING_BACK", *moments, reason="OUT_OF_STOCK")
        [refund] = [c for c in view(run).compensations if c.step == "ProcessPayment"]
        assert (refund.state, refund.attempts) == ("SETTLED", None)
        assert refund.settled is not None
        assert refund.settled.by == "otto"


@pytest.mark.parametrize(
    ("state", "step", "command"),
    [
        ("COMPLETED", "ConfirmOrder", "ConfirmOrderCommand"),
        ("PENDING", "RegisterOrder", "RegisterOrderCommand"),
    ],
)
def test_what_else_must_be_obeyed_is_shown_once_it_is_stuck(
    state: str, step: str, command: str
) -> None:
    """Past the pivot, or where an earlier run is to be found out: an operator sees which step to act on, and who settled it."""
    tries = (
        *(() if state == "PENDING" else (*PAID, at("state", "COMPLETED"))),
        sent(command, "order"),
        failed(command, "order"),
    )
    assert compensations(running(state, *tries)) == []
    run = running(state, *tries, sent(command, "order"), failed(command, "order"))
    assert compensations(run) == []
    called = replace(run, attributes={**run.attributes, "NeedsAttention": True})
    assert compensations(called) == [(step, command, "STUCK", 20)]
    settled = replace(run, moments=(*run.moments, settles(step=step)))
    assert compensations(settled) == [(step, command, "SETTLED", 20)]


CONFIRM_STUCK = (
    *(*PAID, at("state", "COMPLETED")),
    *(sent("ConfirmOrderCommand", "order"), failed("ConfirmOrderCommand", "order")),
)
SENT_ON = (*CONFIRM_STUCK, settles(step="ConfirmOrder"), sent("ConfirmOrderCommand", "order"))


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        (SENT_ON, "SETTLED"),
        ((*SENT_ON, replace(failed("ConfirmOrderCommand", "order"), sent=7)), "SETTLED"),
        ((*SENT_ON, failed("ConfirmOrderCommand", "order")), "STUCK"),
        (
            (
                *SENT_ON,
                failed("ConfirmOrderCommand", "order"),
                sent("ConfirmOrderCommand", "order"),
            ),
            "STUCK",
        ),
        (
            (
                *SENT_ON,
                failed("ConfirmOrderCommand", "order"),
                settles(step="ConfirmOrder", **SAYS | {"by": "olga"}),
            ),
            "STUCK",
        ),
        ((*SENT_ON, answered("ConfirmOrderCommand", "order", "OrderConfirmedEvent")), "SETTLED"),
    ],
)
def test_what_closes_the_record_may_be_settled_and_stuck(moments: Any, state: str) -> None:
    """It is sent on with the first word, and somebody is called if that does not get through; late tries count for nothing."""
    run = running("COMPLETED", *moments)
    [confirm] = view(
        replace(run, attributes={**run.attributes, "NeedsAttention": state == "STUCK"})
    ).compensations
    assert (confirm.state, confirm.settled and confirm.settled.by) == (state, "otto")


def test_a_rejected_order_names_who_rejected_it_while_it_rolls_back() -> None:
    """The first verdict that can be read is the reason, in words and for programs."""
    wish = {"by": "rita", "reason": "fraud"}
    moments = (
        *REGISTERED,
        at("decision", "reject", arguments=[7]),
        at("decision", "reject", arguments=[wish]),
    )
    shown = view(running("ROLLING_BACK", *moments, reason="REJECTED"))
    assert shown.failure == Failure(
        reason="REJECTED", message="rejected by rita: fraud", details=wish
    )


def test_a_rollback_tells_how_far_it_is() -> None:
    """Compensations are told in the order they run: what is done with its tries, what is under way with its try so far."""
    run = running("ROLLING_BACK", *REFUSED, reason="OUT_OF_STOCK")
    waiting = [
        ("ProcessPayment", "RefundPaymentCommand", "WAITING", None),
        ("RegisterOrder", "CancelOrderCommand", "WAITING", None),
    ]
    assert compensations(run) == waiting
    refunding = replace(run, moments=(*run.moments, sent("RefundPaymentCommand", "payment", 4)))
    assert compensations(refunding) == [
        ("ProcessPayment", "RefundPaymentCommand", "RUNNING", 4),
        waiting[1],
    ]
    refunded = answered(
        "RefundPaymentCommand", "payment", "PaymentRefundedEvent", attempt=5, refunded_minor=1530
    )
    cancelling = replace(
        refunding, moments=(*refunding.moments, refunded, sent("CancelOrderCommand", "order"))
    )
    assert compensations(cancelling) == [
        ("ProcessPayment", "RefundPaymentCommand", "DONE", 5),
        ("RegisterOrder", "CancelOrderCommand", "RUNNING", None),
    ]


def test_a_refused_step_is_not_taken_back_but_one_of_unknown_outcome_is() -> None:
    """A refusal did nothing; silence may have done something; what was never asked did nothing."""
    assert [
        step for step, *_ in compensations(running("ROLLING_BACK", *REFUSED, reason="OUT_OF_STOCK"))
    ] == [
        *("ProcessPayment", "RegisterOrder"),
    ]
    silent = unanswered("ProcessPaymentCommand", "payment", "payment is down")
    moments = (
        *REGISTERED,
        sent("ProcessPaymentCommand", "payment"),
        silent,
        at("state", "ROLLING_BACK"),
    )
    assert [
        step
        for step, *_ in compensations(running("ROLLING_BACK", *moments, reason="STEP_UNAVAILABLE"))
    ] == [
        *("ProcessPayment", "RegisterOrder"),
    ]
    assert [
        step for step, *_ in compensations(running("ROLLING_BACK", *REGISTERED, reason="CANCELLED"))
    ] == ["RegisterOrder"]


def test_an_order_whose_registration_is_refused_is_cancelled_all_the_same() -> None:
    """The closing command always runs, also when the first step was the one refused."""
    refusal: dict[str, Any] = {
        "reason": "ORDER_ID_REUSED",
        "message": "choose another id",
        "details": {},
    }
    moments = (
        sent("RegisterOrderCommand", "order"),
        answered("RegisterOrderCommand", "order", "OrderRejectedEvent", **refusal),
        at("state", "ROLLING_BACK"),
    )
    run = running("ROLLING_BACK", *moments, reason="ORDER_ID_REUSED")
    assert compensations(run) == [("RegisterOrder", "CancelOrderCommand", "WAITING", None)]
    assert view(run).failure == Failure(step="RegisterOrder", event="OrderRejectedEvent", **refusal)


def test_a_refusal_tells_why_while_it_rolls_back() -> None:
    """Before the saga has closed, the refusal that stopped it is the failure, with step, event, reason and details."""
    assert view(running("ROLLING_BACK", *REFUSED, reason="OUT_OF_STOCK")).failure == OUT_OF_STOCK


def test_a_refusal_of_an_older_release_is_read_as_far_as_it_goes() -> None:
    """A refusal that lacks its message or details is still told."""
    bare = answered(
        "ProcessPaymentCommand", "payment", "PaymentFailedEvent", reason="CARD_LOST", details=7
    )
    failure = view(running("ROLLING_BACK", *REGISTERED, bare, reason="CARD_LOST")).failure
    assert failure == Failure(
        step="ProcessPayment", event="PaymentFailedEvent", reason="CARD_LOST", message="CARD_LOST"
    )


def wish(name: str, by: str, *arguments: Any) -> Moment:
    return at("decision", name, arguments=list(arguments), by=by)


ANN, BOB = {"by": "ann", "reason": "ordered twice"}, {"by": "bob", "reason": "me too"}
BY_ANN = Failure(reason="CANCELLED", message="cancelled by ann: ordered twice", details=ANN)
BY_SOMEBODY = {"by": "temporal", "reason": "wrong customer"}
BY_TEMPORAL = at("decision", "cancel", by="temporal", reason="wrong customer")


@pytest.mark.parametrize(
    ("decisions", "failure"),
    [
        ([wish("cancel", "signal", ANN)], BY_ANN),
        ([wish("request_cancel", "update", ANN)], BY_ANN),
        ([wish("request_cancel", "update", {**ANN, "ticket": 7})], BY_ANN),
        ([wish("cancel", "signal", ANN), wish("request_cancel", "update", BOB)], BY_ANN),
        (
            [
                wish("approve", "signal", BOB),
                at("note", "weather"),
                wish("cancel", "signal", ANN),
                wish("approve", "signal", BOB),
            ],
            BY_ANN,
        ),
        (
            [
                wish("cancel", "signal", *malformed)
                for malformed in ((), (BOB, BOB), (7,), (None,), ({"by": "bob"},))
            ],
            None,
        ),
        ([wish("cancel", "signal"), wish("cancel", "signal", ANN)], BY_ANN),
        ([BY_TEMPORAL, wish("cancel", "signal", ANN)], BY_ANN),
        (
            [BY_TEMPORAL],
            Failure(
                reason="CANCELLED",
                message="cancelled by an operator: wrong customer",
                details=BY_SOMEBODY,
            ),
        ),
        (
            [at("decision", "cancel", by="temporal", reason="")],
            Failure(
                reason="CANCELLED",
                message="cancelled by an operator",
                details=BY_SOMEBODY | {"reason": ""},
            ),
        ),
    ],
)
def test_a_cancel_tells_who_and_why_while_it_rolls_back(
    decisions: list[Moment], failure: Failure | None
) -> None:
    """A cancelled order says at once who cancelled it and why: the first proper wish, or else Temporal's cancel."""
    moments = (
        *PAID,
        *decisions,
        at("state", "ROLLING_BACK"),
        sent("RefundPaymentCommand", "payment"),
    )
    run = running("ROLLING_BACK", *moments, reason="CANCELLED")
    assert view(run).failure == (
        failure or Failure(reason="CANCELLED", message="the order was cancelled")
    )


def test_what_is_said_during_a_rollback_is_not_its_reason() -> None:
    """A second cancel, or trouble with a compensation, changes nothing of why the order fails."""
    later = (
        at("state", "ROLLING_BACK"),
        wish("cancel", "signal", BOB),
        unanswered("RefundPaymentCommand", "payment", "down"),
    )
    first = (*PAID, wish("cancel", "signal", ANN))
    assert view(running("ROLLING_BACK", *first, *later, reason="CANCELLED")).failure == BY_ANN
    overdue = Failure(reason="DEADLINE_EXCEEDED", message="it was not completed by its deadline")
    assert (
        view(running("ROLLING_BACK", *PAID, *later, reason="DEADLINE_EXCEEDED")).failure == overdue
    )


@pytest.mark.parametrize(
    ("reason", "message", "details"),
    [
        (
            "STEP_UNAVAILABLE",
            "the stock service gave no usable answer in time",
            {"participant": "stock"},
        ),
        (
            "DEADLINE_EXCEEDED",
            "it was not completed by its deadline: DecreaseStock had no answer by then",
            {},
        ),
    ],
)
def test_an_outage_tells_its_step_while_it_rolls_back(
    reason: str, message: str, details: dict[str, str]
) -> None:
    """When a step gave no answer in time, the failure names it and the last error."""
    silent = unanswered("DecreaseStockCommand", "stock", "stock is down")
    run = running(
        "ROLLING_BACK",
        *(*PAID, wish("approve", "signal", BOB), silent, at("state", "ROLLING_BACK")),
        reason=reason,
    )
    told = Failure(
        step="DecreaseStock",
        reason=reason,
        message=message,
        details=details | {"error": "stock is down"},
    )
    assert view(run).failure == told


def test_a_worker_that_hangs_is_told_while_it_rolls_back() -> None:
    """What the machinery says of a try is told in words, and the rest stands in the details."""
    error = (
        "a worker took the command and did not come back in time (activity StartToClose timeout)"
    )
    silent = unanswered("DecreaseStockCommand", "stock", error)
    failure = view(
        running(
            "ROLLING_BACK", *PAID, silent, at("state", "ROLLING_BACK"), reason="STEP_UNAVAILABLE"
        )
    ).failure
    assert failure is not None
    meaning = "a worker took the command and did not come back in time"
    assert failure.message == f"the stock service gave no usable answer in time: {meaning}"
    assert failure.details == {"participant": "stock", "error": error}


def closed(*moments: Moment, failure: Any = None, given: Any = GIVEN) -> Run:
    run = running("FAILED", *moments, at("state", "FAILED"), reason="OUT_OF_STOCK")
    return replace(run, closed_at=CLOSED, failure=failure, given=given)


TAKEN_BACK = (
    sent("RefundPaymentCommand", "payment"),
    answered(
        "RefundPaymentCommand",
        "payment",
        "PaymentRefundedEvent",
        attempt=3,
        currency="GBP",
        refunded_minor=1530,
    ),
    sent("CancelOrderCommand", "order"),
    answered("CancelOrderCommand", "order", "OrderCancelledEvent"),
)


def test_a_failed_order_without_a_record_is_told_from_its_run() -> None:
    """A closed saga's own last word says why it failed, and every compensation is done."""
    last_word = OUT_OF_STOCK.model_copy(update={"message": "in the saga's own words"})
    shown = view(closed(*REFUSED, *TAKEN_BACK, failure=last_word.model_dump(mode="json")))
    assert (shown.state, shown.status, shown.closed_at, shown.failure) == (
        "FAILED",
        "CANCELLED",
        CLOSED,
        last_word,
    )
    assert [(c.command, c.state, c.attempts) for c in shown.compensations] == [
        ("RefundPaymentCommand", "DONE", 3),
        ("CancelOrderCommand", "DONE", 1),
    ]


@pytest.mark.parametrize("failure", [None, {"unreadable": True}, 7, "why", []])
def test_a_last_word_that_cannot_be_read_leaves_the_history(failure: Any) -> None:
    """When the closing error tells nothing, the failure is what the history knows."""
    assert view(closed(*REFUSED, *TAKEN_BACK, failure=failure)).failure == OUT_OF_STOCK


def test_a_start_that_names_no_order_has_nothing_to_cancel() -> None:
    """A saga that failed without ever having an order to record shows no compensation that would wait for ever."""
    assert view(closed(at("state", "PENDING"), at("state", "ROLLING_BACK"))).compensations == ()


@pytest.mark.parametrize("given", [None, [], "please", {"lines": 7}, {"unreadable": True}])
def test_an_invalid_start_has_nulls(given: Any) -> None:
    """What an invalid start did not give is null, and the order can be read."""
    shown = view(closed(at("state", "PENDING"), given=given))
    assert (shown.customer_id, shown.currency, shown.total_minor, shown.lines) == (
        None,
        None,
        None,
        None,
    )


def test_an_invalid_start_keeps_what_it_gave() -> None:
    """What an invalid start did give is shown."""
    shown = view(closed(at("state", "PENDING"), given=GIVEN | {"currency": "pounds"}))
    assert (shown.customer_id, shown.currency, shown.total_minor) == ("17850", None, 1530)


MOVES = (
    StateMove(state=SagaState.PENDING, cause="start", at=STARTED),
    StateMove(state=SagaState.FAILED, cause="OrderCancelledEvent", at=CLOSED),
)
RECORD = OrderRecord(
    order_id="7",
    state=SagaState.FAILED,
    status=OrderStatus.CANCELLED,
    customer_id="17850",
    currency="GBP",
    total_minor=1530,
    lines=view(running("PENDING")).lines,
    placed_at=STARTED,
    closed_at=CLOSED,
    failure=OUT_OF_STOCK,
    compensations=(
        Compensation(step="ProcessPayment", command="RefundPaymentCommand", state="DONE"),
        Compensation(step="RegisterOrder", command="CancelOrderCommand", state="DONE"),
    ),
)


def test_an_order_that_temporal_forgot_is_told_from_its_record() -> None:
    """The record alone gives the whole order; its timeline is the state moves with their causes."""
    shown = view_of_record(RECORD, MOVES, LINKS)
    assert {name: getattr(shown, name) for name in OrderRecord.model_fields} == dict(RECORD)
    assert [(entry.at, entry.kind, entry.name, entry.detail) for entry in shown.timeline] == [
        (STARTED, "state", "PENDING", {"cause": "start"}),
        (CLOSED, "state", "FAILED", {"cause": "OrderCancelledEvent"}),
    ]


def test_a_closed_order_has_its_record_and_the_story_of_its_run() -> None:
    """While Temporal still has the run, the record tells what holds, and the run the story and how many tries it took."""
    shown = view_of_closed(RECORD, closed(*REFUSED, *TAKEN_BACK), LINKS)
    assert (shown.failure, shown.closed_at) == (OUT_OF_STOCK, CLOSED)
    assert [(c.command, c.state, c.attempts) for c in shown.compensations] == [
        ("RefundPaymentCommand", "DONE", 3),
        ("CancelOrderCommand", "DONE", 1),
    ]
    assert shown.timeline[-1].name == "FAILED"
    assert len(shown.timeline) == len(REFUSED) + len(TAKEN_BACK) + 1
