"""What the order service promises of an order that is confirmed."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from contracts.order import (
    OrderCancelledEvent,
    OrderConfirmedEvent,
)
from contracts.record import Compensation
from contracts.states import OrderStatus, SagaState
from participants.order.service import OrderService
from participants.order.tables import ORDERS
from tests.commands import (
    OTHER_ORDER,
    TAKEN_BACK,
    cancel,
    confirm,
    register,
    settled_confirm,
)
from tests.participants.state import LATER, all_on_record, moves_on_record, record


def test_confirm_closes_the_order(orders: OrderService) -> None:
    """A confirmed order is CONFIRMED and COMPLETED, with the time and the saga's own moves."""
    orders.register(register("7"))
    open_record = record(orders)
    before = datetime.now(UTC)
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")
    closed_record = record(orders)
    assert closed_record.closed_at is not None
    assert before <= closed_record.closed_at <= datetime.now(UTC)
    assert closed_record == open_record.model_copy(
        update={
            "state": SagaState.COMPLETED,
            "status": OrderStatus.CONFIRMED,
            "closed_at": closed_record.closed_at,
        }
    )
    assert moves_on_record(orders) == confirm("7").moves


def test_confirm_repeated_by_a_later_run_closes_once(orders: OrderService) -> None:
    """The same confirmation with other times, as after a workflow reset, changes nothing."""
    orders.register(register("7"))
    first = orders.confirm(confirm("7"))
    before = all_on_record(orders)
    assert orders.confirm(confirm("7", start=LATER)) == first
    assert all_on_record(orders) == before


def test_confirm_of_an_unknown_order_fails_until_it_is_registered(orders: OrderService) -> None:
    """Only an order that is there can be confirmed.

    A confirmation that failed leaves no trace and may be repeated.
    """
    with pytest.raises(LookupError, match="order 7 cannot be confirmed: it is not registered"):
        orders.confirm(confirm("7"))
    orders.register(register("7"))
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")


def test_confirm_of_a_cancelled_order_fails(orders: OrderService) -> None:
    """A cancelled order stays cancelled."""
    orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = all_on_record(orders)
    with pytest.raises(LookupError, match="order 7 cannot be confirmed: it is CANCELLED"):
        orders.confirm(confirm("7"))
    assert all_on_record(orders) == before


def test_confirm_under_another_key_does_not_close_twice(orders: OrderService) -> None:
    """A closed order is not closed again, whatever idempotency key asks for it."""
    orders.register(register("7"))
    orders.confirm(confirm("7"))
    with pytest.raises(LookupError, match="it is CONFIRMED"):
        orders.confirm(
            confirm("7").model_copy(update={"idempotency_key": "elsewhere/ConfirmOrder"})
        )


@pytest.mark.parametrize("is_confirmed", [False, True], ids=["open", "confirmed"])
def test_a_settled_confirm_closes_the_order_and_names_who_settled_it(
    orders: OrderService, is_confirmed: bool
) -> None:
    """A person put it right: it is CONFIRMED like its saga, by their word.

    Also where only its answer was lost.
    """
    orders.register(register("7"))
    if is_confirmed:
        orders.confirm(confirm("7"))
    assert orders.confirm(settled_confirm("7")) == OrderConfirmedEvent(order_id="7")
    closed_record = record(orders)
    assert (closed_record.status, closed_record.state, closed_record.compensations) == (
        "CONFIRMED",
        "COMPLETED",
        settled_confirm("7").compensations,
    )
    assert moves_on_record(orders) == confirm("7").moves
    assert orders.confirm(settled_confirm("7")) == OrderConfirmedEvent(order_id="7")
    assert record(orders) == closed_record


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
    """What was taken back stays so.

    The saga stays open and calls for a person, rather than overwrite that.
    """
    orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = all_on_record(orders)
    with pytest.raises(LookupError, match="it is CANCELLED"):
        orders.confirm(settled_confirm("7"))
    assert all_on_record(orders) == before


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
    before = record(orders)
    state_moves = moves_on_record(orders)
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    assert record(orders) == before.model_copy(update={"compensations": TAKEN_BACK})
    assert orders.cancel(plain) == OrderCancelledEvent(order_id="7")
    assert (record(orders).compensations, moves_on_record(orders)) == (TAKEN_BACK, state_moves)


@pytest.mark.parametrize(
    "compensations", [TAKEN_BACK, TAKEN_BACK[:1]], ids=["settled before", "not settled before"]
)
def test_a_later_run_takes_nothing_from_the_record_that_somebody_settled(
    orders: OrderService, compensations: tuple[Compensation, ...]
) -> None:
    """A saga that was reset after its end tells less than the first one did.

    Its word is added, if there was none.
    """
    refund = Compensation(
        step="ProcessPayment",
        command="RefundPaymentCommand",
        state="SETTLED",
        settled=TAKEN_BACK[1].settled,
    )
    orders.register(register("7"))
    orders.cancel(cancel("7", compensations=(refund, *compensations[1:])))
    later = TAKEN_BACK[1].settled
    assert later is not None
    again = TAKEN_BACK[1].model_copy(update={"settled": later.model_copy(update={"by": "Zoe"})})
    orders.cancel(cancel("7", compensations=(again,)))
    assert record(orders).compensations == (refund, *(compensations[1:] or (again,)))


def test_a_settled_cancel_adds_no_word_to_an_order_of_somebody_else(orders: OrderService) -> None:
    """One that has only the id in common is left alone, settled or not."""
    orders.cancel(cancel("7", OTHER_ORDER, compensations=()))
    before = all_on_record(orders)
    assert orders.cancel(cancel("7")).event == "OrderRejectedEvent"
    assert all_on_record(orders) == before
