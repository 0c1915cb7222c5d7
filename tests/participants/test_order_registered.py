"""What the order service promises of an order that is registered."""

import pytest

from contracts.base import MAX_LINES
from contracts.order import (
    OrderRegisteredEvent,
)
from contracts.placing import OrderLine, PlaceOrder
from contracts.record import OrderRecord
from contracts.states import OrderStatus, SagaState, StateMove
from participants.order.service import OrderService
from tests.commands import (
    FREE_ORDER,
    ORDER,
    OTHER_ORDER,
    START,
    confirm,
    register,
)
from tests.participants.state import LATER, REUSED, all_on_record, moves_on_record, record


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
    assert moves_on_record(orders) == (StateMove(state=SagaState.PENDING, cause="start", at=START),)


def test_register_repeated_opens_once(orders: OrderService) -> None:
    """The same registration again, also with another time or request key, changes nothing.

    It is answered with how the order stands.
    """
    assert orders.register(register("7", request_key="first")) == OrderRegisteredEvent(order_id="7")
    before = all_on_record(orders)
    again = OrderRegisteredEvent(order_id="7", known=OrderStatus.PENDING)
    assert orders.register(register("7", request_key="first")) == again
    assert orders.register(register("7", start=LATER, request_key="second")) == again
    assert all_on_record(orders) == before
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
    before = all_on_record(orders)
    assert orders.register(register("7", other)) == REUSED
    assert all_on_record(orders) == before


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
    """The most lines that are allowed, with the largest total, come back as they were."""
    lines = tuple(
        OrderLine(sku=f"SKU {n}", quantity=9_000, unit_price_minor=1_000_000_000 - n)
        for n in range(MAX_LINES)
    )
    order = ORDER.model_copy(update={"lines": lines})
    orders.register(register("7", order))
    assert (record(orders).lines, record(orders).total_minor) == (lines, order.total_minor)


def test_an_order_remembers_what_identifies_it(orders: OrderService) -> None:
    """The order's fingerprint and the request's key tell the same request from another."""
    orders.register(register("7", request_key="k" * 255))
    assert orders.identity("7") == (ORDER.fingerprint(), "k" * 255)


def test_an_order_that_is_not_there_is_none(orders: OrderService) -> None:
    """Asking for an unknown order is answered, not an error."""
    assert all_on_record(orders) == (None, (), None)
