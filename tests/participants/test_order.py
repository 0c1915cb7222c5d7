"""What the order service promises; that each record of moves is gapless and ends at the order's state is checked every time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
import sqlalchemy as sa

from contracts.base import MAX_LINES
from contracts.order import (
    CancelOrderCommand,
    OrderCancelledEvent,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
    OrderRejectedEvent,
)
from contracts.placing import DraftOrder, OrderLine, PlaceOrder
from contracts.record import Compensation, Failure, OrderRecord
from contracts.states import OrderStatus, SagaState, StateMove
from participants.order.service import OrderService
from participants.order.tables import ORDERS
from tests.commands import (
    FREE_ORDER,
    ORDER,
    OTHER_ORDER,
    OUT_OF_STOCK,
    START,
    TAKEN_BACK,
    cancel,
    confirm,
    moves,
    register,
    settled_confirm,
)
from tests.concurrency import at_once

REUSED = OrderRejectedEvent(
    order_id="7",
    reason="ORDER_ID_REUSED",
    message="the order id 7 belongs to another order; choose another id",
    details={"order_id": "7"},
)
LATER = START + timedelta(days=1)
RIVALS = 8


def record(orders: OrderService, order_id: str = "7") -> OrderRecord:
    """Return an order's record, which must be there."""
    found = orders.find(order_id)
    assert found is not None
    return found


def remembered(
    orders: OrderService,
) -> tuple[OrderRecord | None, tuple[StateMove, ...], tuple[str, str | None] | None]:
    """Return everything that the service tells of order 7."""
    return orders.find("7"), orders.moves("7"), orders.identity("7")


# Register opens an order.


def test_register_opens_the_order(orders: OrderService) -> None:
    """A registered order is PENDING, with all that was ordered, its total and its time."""
    assert orders.register(register("7")) == OrderRegisteredEvent(order_id="7")
    assert record(orders) == OrderRecord(
        order_id="7",
        state=SagaState.PENDING,
        status=OrderStatus.PENDING,
        customer_id="17850",
        currency="GBP",
        total_minor=6 * 255 + 339 + 2 * 250,
        lines=ORDER.lines,
        placed_at=START,
    )


def test_register_makes_the_first_move(orders: OrderService) -> None:
    """An open order's moves are the one into PENDING, at the time when it was placed."""
    orders.register(register("7"))
    assert orders.moves("7") == (StateMove(state=SagaState.PENDING, cause="start", at=START),)


def test_register_repeated_opens_once(orders: OrderService) -> None:
    """The same registration again, with another time or request key too, changes nothing, and is told how the order stands."""
    assert orders.register(register("7", request_key="first")) == OrderRegisteredEvent(order_id="7")
    before = remembered(orders)
    again = OrderRegisteredEvent(order_id="7", known=OrderStatus.PENDING)
    assert orders.register(register("7", request_key="first")) == again
    assert orders.register(register("7", start=LATER, request_key="second")) == again
    assert remembered(orders) == before
    orders.confirm(confirm("7"))
    assert orders.register(register("7")) == OrderRegisteredEvent(
        order_id="7", known=OrderStatus.CONFIRMED
    )


@pytest.mark.parametrize(
    "other",
    [
        OTHER_ORDER,
        FREE_ORDER,
        ORDER.model_copy(update={"currency": "EUR"}),
        ORDER.model_copy(update={"deadline_seconds": 1}),
        ORDER.model_copy(update={"lines": ORDER.lines[::-1]}),
    ],
    ids=["customer", "lines", "currency", "deadline", "order of lines"],
)
def test_register_of_another_order_under_the_same_id_is_refused(
    orders: OrderService, other: PlaceOrder
) -> None:
    """ORDER_ID_REUSED says that the id belongs to another order, and that order stays as it is."""
    orders.register(register("7"))
    before = remembered(orders)
    assert orders.register(register("7", other)) == REUSED
    assert remembered(orders) == before


def test_register_under_another_key_does_not_open_twice(orders: OrderService) -> None:
    """An order's id is taken whatever idempotency key it was registered under."""
    orders.register(register("7"))
    again = register("7").model_copy(update={"idempotency_key": "elsewhere/RegisterOrder"})
    assert orders.register(again) == REUSED
    assert orders.register(again) == REUSED


def test_an_order_of_zero_is_an_order(orders: OrderService) -> None:
    """An order that costs nothing has a total of 0, not an unknown one."""
    orders.register(register("7", FREE_ORDER))
    assert record(orders).total_minor == 0


def test_the_largest_order_is_recorded_exactly(orders: OrderService) -> None:
    """As many lines as are allowed, at prices that make the largest total, come back as they were."""
    lines = tuple(
        OrderLine(sku=f"SKU {n}", quantity=9_000, unit_price_minor=1_000_000_000 - n)
        for n in range(MAX_LINES)
    )
    order = ORDER.model_copy(update={"lines": lines})
    orders.register(register("7", order))
    assert (record(orders).lines, record(orders).total_minor) == (lines, order.total_minor)


def test_an_order_remembers_what_identifies_it(orders: OrderService) -> None:
    """The fingerprint of what was ordered and the request's key are kept, to tell the same request from another."""
    orders.register(register("7", request_key="k" * 255))
    assert orders.identity("7") == (ORDER.fingerprint(), "k" * 255)


def test_an_order_that_is_not_there_is_none(orders: OrderService) -> None:
    """Asking for an unknown order is answered, not an error."""
    assert remembered(orders) == (None, (), None)


# Confirm closes it.


def test_confirm_closes_the_order(orders: OrderService) -> None:
    """A confirmed order is CONFIRMED and COMPLETED, with the time and the saga's own moves."""
    orders.register(register("7"))
    opened, before = record(orders), datetime.now(UTC)
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")
    closed = record(orders)
    assert closed.closed_at is not None
    assert before <= closed.closed_at <= datetime.now(UTC)
    assert closed == opened.model_copy(
        update={
            "state": SagaState.COMPLETED,
            "status": OrderStatus.CONFIRMED,
            "closed_at": closed.closed_at,
        }
    )
    assert orders.moves("7") == confirm("7").moves


def test_confirm_repeated_by_a_later_run_closes_once(orders: OrderService) -> None:
    """The same confirmation with other times in its moves, as after a workflow reset, changes nothing."""
    orders.register(register("7"))
    first = orders.confirm(confirm("7"))
    before = remembered(orders)
    assert orders.confirm(confirm("7", start=LATER)) == first
    assert remembered(orders) == before


def test_confirm_of_an_unknown_order_fails_until_it_is_registered(orders: OrderService) -> None:
    """Only an order that is there can be confirmed; a confirmation that failed leaves no trace and may be repeated."""
    with pytest.raises(LookupError, match="order 7 cannot be confirmed: it is not registered"):
        orders.confirm(confirm("7"))
    orders.register(register("7"))
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")


def test_confirm_of_a_cancelled_order_fails(orders: OrderService) -> None:
    """A cancelled order stays cancelled."""
    orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = remembered(orders)
    with pytest.raises(LookupError, match="order 7 cannot be confirmed: it is CANCELLED"):
        orders.confirm(confirm("7"))
    assert remembered(orders) == before


def test_confirm_under_another_key_does_not_close_twice(orders: OrderService) -> None:
    """A closed order is not closed again, whatever idempotency key asks for it."""
    orders.register(register("7"))
    orders.confirm(confirm("7"))
    with pytest.raises(LookupError, match="it is CONFIRMED"):
        orders.confirm(
            confirm("7").model_copy(update={"idempotency_key": "elsewhere/ConfirmOrder"})
        )


@pytest.mark.parametrize("confirmed", [False, True], ids=["open", "confirmed"])
def test_a_settled_confirm_closes_the_order_and_names_who_settled_it(
    orders: OrderService, confirmed: bool
) -> None:
    """A person put it right: it is CONFIRMED like its saga, by their word; also where only its answer was lost."""
    orders.register(register("7"))
    if confirmed:
        orders.confirm(confirm("7"))
    assert orders.confirm(settled_confirm("7")) == OrderConfirmedEvent(order_id="7")
    closed = record(orders)
    assert (closed.status, closed.state, closed.compensations) == (
        "CONFIRMED",
        "COMPLETED",
        settled_confirm("7").compensations,
    )
    assert orders.moves("7") == confirm("7").moves
    assert orders.confirm(settled_confirm("7")) == OrderConfirmedEvent(order_id="7")
    assert record(orders) == closed


def test_a_settled_confirm_adds_its_word_to_what_was_closed_by_hand(
    orders: OrderService, engine: sa.Engine
) -> None:
    """Somebody wrote into the database what the service would not: the word says who."""
    orders.register(register("7"))
    with engine.begin() as connection:
        connection.execute(sa.update(ORDERS).values(status="CONFIRMED", state="COMPLETED"))
    with pytest.raises(LookupError, match="it is CONFIRMED"):
        orders.confirm(confirm("7"))
    orders.confirm(settled_confirm("7"))
    assert record(orders).compensations == settled_confirm("7").compensations


def test_no_word_confirms_a_cancelled_order(orders: OrderService) -> None:
    """What was taken back stays so: the saga stays open and calls for a person, rather than overwrite that."""
    orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = remembered(orders)
    with pytest.raises(LookupError, match="it is CANCELLED"):
        orders.confirm(settled_confirm("7"))
    assert remembered(orders) == before


def test_a_settled_confirm_finds_no_order_where_there_is_none(orders: OrderService) -> None:
    """It cannot be made of nothing; it is asked for until the record is there again."""
    with pytest.raises(LookupError, match="it is not registered"):
        orders.confirm(settled_confirm("7"))


def test_a_settled_cancel_adds_its_word_to_a_record_that_was_closed_before(
    orders: OrderService,
) -> None:
    """The first answer was lost, so a person settled it: nothing else of the record changes."""
    orders.register(register("7"))
    plain = cancel("7", compensations=(TAKEN_BACK[0],))
    orders.cancel(plain)
    before, moved = record(orders), orders.moves("7")
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    assert record(orders) == before.model_copy(update={"compensations": TAKEN_BACK})
    assert orders.cancel(plain) == OrderCancelledEvent(order_id="7")
    assert (record(orders).compensations, orders.moves("7")) == (TAKEN_BACK, moved)


@pytest.mark.parametrize(
    "told", [TAKEN_BACK, TAKEN_BACK[:1]], ids=["settled before", "not settled before"]
)
def test_a_later_run_takes_nothing_from_the_record_that_somebody_settled(
    orders: OrderService, told: tuple[Compensation, ...]
) -> None:
    """A saga that was reset after its end tells less than the first one did: its word is added, if there was none."""
    refund = Compensation(
        step="ProcessPayment",
        command="RefundPaymentCommand",
        state="SETTLED",
        settled=TAKEN_BACK[1].settled,
    )
    orders.register(register("7"))
    orders.cancel(cancel("7", compensations=(refund, *told[1:])))
    later = TAKEN_BACK[1].settled
    assert later is not None
    again = TAKEN_BACK[1].model_copy(update={"settled": later.model_copy(update={"by": "Zoe"})})
    orders.cancel(cancel("7", compensations=(again,)))
    assert record(orders).compensations == (refund, *(told[1:] or (again,)))


def test_a_settled_cancel_adds_no_word_to_an_order_of_somebody_else(orders: OrderService) -> None:
    """One that has only the id in common is left alone, settled or not."""
    orders.cancel(cancel("7", OTHER_ORDER, compensations=()))
    before = remembered(orders)
    assert orders.cancel(cancel("7")).event == "OrderRejectedEvent"
    assert remembered(orders) == before


# Cancel closes it too, and tells why.


def test_cancel_closes_the_order_with_the_whole_story(orders: OrderService) -> None:
    """A cancelled order is CANCELLED and FAILED, with the failure, the compensations, and the moves down to FAILED."""
    orders.register(register("7"))
    opened, before = record(orders), datetime.now(UTC)
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    closed = record(orders)
    assert closed.closed_at is not None
    assert before <= closed.closed_at <= datetime.now(UTC)
    assert closed == opened.model_copy(
        update={
            "state": SagaState.FAILED,
            "status": OrderStatus.CANCELLED,
            "closed_at": closed.closed_at,
            "failure": OUT_OF_STOCK,
            "compensations": TAKEN_BACK,
        }
    )
    ending = StateMove(state=SagaState.FAILED, cause="OrderCancelledEvent", at=closed.closed_at)
    assert orders.moves("7") == (*cancel("7").moves, ending)


def test_cancel_of_an_order_that_was_never_registered_records_it_closed(
    orders: OrderService,
) -> None:
    """When registering never came, the record is created as closed, with all that was ordered and why it failed."""
    orders.cancel(cancel("7", request_key="key"))
    closed = record(orders)
    assert (closed.status, closed.state, closed.failure) == (
        OrderStatus.CANCELLED,
        SagaState.FAILED,
        OUT_OF_STOCK,
    )
    assert (closed.customer_id, closed.currency, closed.total_minor, closed.lines) == (
        "17850",
        "GBP",
        2_369,
        ORDER.lines,
    )
    assert closed.placed_at == START
    assert closed.closed_at is not None
    assert orders.identity("7") == (ORDER.fingerprint(), "key")


@pytest.mark.parametrize("lines", [None, ()], ids=["no lines known", "empty lines"])
def test_cancel_records_an_order_of_which_nothing_is_known(
    orders: OrderService, lines: tuple[OrderLine, ...] | None
) -> None:
    """A start that was no order is recorded closed; what it did not say is None."""
    nothing = DraftOrder(lines=lines)
    invalid = Failure(
        reason="INVALID_ORDER", message="give the order as one JSON object; 0 arguments came"
    )
    command = cancel("7", nothing, failure=invalid, compensations=())
    assert orders.cancel(command) == OrderCancelledEvent(order_id="7")
    closed = record(orders)
    assert (closed.customer_id, closed.currency, closed.lines) == (None, None, None)
    assert closed.total_minor == nothing.total_minor
    assert (closed.status, closed.failure, closed.compensations) == (
        OrderStatus.CANCELLED,
        invalid,
        (),
    )
    assert orders.identity("7") == (nothing.fingerprint(), None)
    assert orders.cancel(command) == OrderCancelledEvent(order_id="7")


def test_what_is_no_order_cancels_none_that_is_on_record(orders: OrderService) -> None:
    """A start by hand that names no order of its own leaves an earlier run's alone, which may have been paid."""
    orders.register(register("7"))
    before = remembered(orders)
    invalid = Failure(
        reason="INVALID_ORDER",
        message="the order_id 'seven' and the workflow id 'order-7' name different orders",
    )
    assert orders.cancel(cancel("7", failure=invalid, compensations=())) == REUSED
    assert remembered(orders) == before


def test_the_last_move_of_a_cancelled_order_is_the_order_services_own(orders: OrderService) -> None:
    """The saga tells its moves up to the rollback; that the order failed is added when it is closed."""
    told = moves(START, SagaState.PENDING, SagaState.ROLLING_BACK)
    orders.cancel(cancel("7").model_copy(update={"moves": told}))
    assert [move.state for move in orders.moves("7")] == [
        *(move.state for move in told),
        SagaState.FAILED,
    ]


def test_cancel_repeated_by_a_later_run_closes_once(orders: OrderService) -> None:
    """The same cancellation with another story in it, as after a workflow reset, changes nothing."""
    orders.register(register("7"))
    first = orders.cancel(cancel("7"))
    before = remembered(orders)
    other = Failure(reason="CANCELLED", message="cancelled by Eve: again")
    assert (
        orders.cancel(
            cancel("7", start=LATER, failure=other, compensations=(), request_key="other")
        )
        == first
    )
    assert remembered(orders) == before


def test_cancel_is_the_same_command_after_its_way_through_the_wire(orders: OrderService) -> None:
    """An order that was placed in full and one that was read back from JSON are the same to the fence."""
    command = cancel("7")
    received = CancelOrderCommand.model_validate_json(command.model_dump_json())
    assert orders.cancel(command) == orders.cancel(received) == OrderCancelledEvent(order_id="7")


def test_cancel_of_another_order_under_the_same_id_leaves_that_one_alone(
    orders: OrderService,
) -> None:
    """A saga whose registration was refused cannot cancel the order that owns the id; that order's own saga still can."""
    orders.register(register("7"))
    orders.register(register("7", OTHER_ORDER))
    before = remembered(orders)
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert remembered(orders) == before
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    assert record(orders).status == OrderStatus.CANCELLED


def test_cancel_of_another_order_does_not_keep_the_owner_from_being_confirmed(
    orders: OrderService,
) -> None:
    """The owner of the id goes on as if nobody else had come."""
    orders.register(register("7"))
    orders.cancel(cancel("7", OTHER_ORDER))
    assert orders.register(register("7")) == OrderRegisteredEvent(
        order_id="7", known=OrderStatus.PENDING
    )
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")
    before = remembered(orders)
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert remembered(orders) == before


def test_cancel_of_another_order_leaves_a_cancelled_one_alone(orders: OrderService) -> None:
    """The owner's story stays as it was told, also when another order of that id is cancelled later."""
    orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = remembered(orders)
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert remembered(orders) == before


def test_a_confirmed_order_is_only_cancelled_by_a_saga_that_took_something_back(
    orders: OrderService,
) -> None:
    """A saga started again under a confirmed order's id and stopped at once cancels nothing; a reset one that refunded does."""
    orders.register(register("7"))
    orders.confirm(confirm("7"))
    before = remembered(orders)
    assert orders.cancel(cancel("7", compensations=TAKEN_BACK[1:])) == REUSED
    assert remembered(orders) == before
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    assert record(orders).status == OrderStatus.CANCELLED


@pytest.mark.parametrize("was_registered", [True, False])
def test_register_after_cancel_is_refused(orders: OrderService, was_registered: bool) -> None:
    """A registration that arrives after its cancellation opens nothing, and its refusal says that it came too late."""
    if was_registered:
        orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = remembered(orders)
    late = orders.register(register("7"))
    assert isinstance(late, OrderRejectedEvent)
    assert late.reason == "ALREADY_COMPENSATED"
    assert "arrived after its compensation" in late.message
    assert remembered(orders) == before


def test_one_order_is_not_touched_by_the_end_of_another(orders: OrderService) -> None:
    """Closing an order changes no other order's record or moves."""
    for order_id in ("6", "7", "8"):
        orders.register(register(order_id))
    before = remembered(orders)
    orders.confirm(confirm("6"))
    orders.cancel(cancel("8"))
    assert remembered(orders) == before


@pytest.mark.parametrize("close", [confirm, cancel], ids=["confirm", "cancel"])
def test_times_come_back_in_utc(
    orders: OrderService, close: Callable[..., CancelOrderCommand]
) -> None:
    """Moves told in another time zone are the same instants, in UTC; and so are all times of a record."""
    elsewhere = START.astimezone(timezone(timedelta(hours=-8)))
    orders.register(register("7", start=elsewhere))
    command = close("7", start=elsewhere)
    (orders.cancel if isinstance(command, CancelOrderCommand) else orders.confirm)(command)
    told = orders.moves("7")
    assert [move.at for move in told[:3]] == [START + timedelta(seconds=n) for n in range(3)]
    found = record(orders)
    assert found.placed_at == START
    assert found.closed_at is not None
    assert {
        at.tzinfo for at in (found.placed_at, found.closed_at, *(move.at for move in told))
    } == {UTC}


@pytest.mark.parametrize(
    "words",
    ["\x00", "ünïcödé 🧺", "'; DROP TABLE orders; --", "x" * 100_000],
    ids=["NUL", "unicode", "SQL", "long"],
)
def test_any_words_can_be_the_reason(orders: OrderService, words: str) -> None:
    """Whatever people and machines say about a failure is kept as they said it."""
    failure = Failure(reason="CANCELLED", message=words, details={"by": words})
    orders.cancel(cancel("7", failure=failure))
    assert record(orders).failure == failure


def test_a_record_that_cannot_be_written_leaves_nothing(orders: OrderService) -> None:
    """A closing command that fails half-way leaves the order open and can be repeated."""
    orders.register(register("7"))
    before = remembered(orders)
    broken = confirm("7").moves[0].model_copy(update={"at": START.replace(tzinfo=None)})
    with pytest.raises(sa.exc.StatementError):
        orders.confirm(confirm("7").model_copy(update={"moves": (broken,)}))
    assert remembered(orders) == before
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")


def test_an_order_from_the_threshold_on_is_to_be_reviewed(engine: sa.Engine) -> None:
    """The answer says for how long; an order below is not, nor is any when there is no threshold."""
    total = ORDER.total_minor
    for number, (threshold, seconds) in enumerate(
        [(total, 60), (0, 60), (total + 1, None), (None, None)]
    ):
        service = OrderService.open(engine, review_threshold_minor=threshold, review_seconds=60)
        answer = service.register(register(f"r{number}"))
        assert isinstance(answer, OrderRegisteredEvent)
        assert answer.review_seconds == seconds


def test_whether_an_order_is_to_be_reviewed_never_changes(engine: sa.Engine) -> None:
    """Repeated under other settings, a registration hears what it heard first: the saga's history rests on it."""
    OrderService.open(engine, review_threshold_minor=0, review_seconds=60).register(register("r"))
    answer = OrderService.open(engine).register(register("r"))
    assert isinstance(answer, OrderRegisteredEvent)
    assert answer.review_seconds == 60


def test_a_request_names_one_order_for_ever(orders: OrderService) -> None:
    """Whatever it is claimed for afterwards; another request may name the same order."""
    assert orders.claim("ann's key", "7") == "7"
    assert [orders.claim("ann's key", other) for other in ("8", "7", "9")] == ["7", "7", "7"]
    assert orders.claim("bob's key", "7") == "7"
    assert orders.claim("bob's other key", "8") == "8"


def test_of_many_who_claim_a_request_one_wins(orders: OrderService) -> None:
    """Each with an order of its own, all at one time, again and again: all are told the order of one of them."""
    for number in range(10):
        claims = [
            partial(orders.claim, f"request {number}", f"{number}-{rival}")
            for rival in range(RIVALS)
        ]
        told = set(at_once(claims))
        assert len(told) == 1
        assert told == {orders.claim(f"request {number}", "late")}
        assert told < {f"{number}-{rival}" for rival in range(RIVALS)}
