"""What it takes to serve from a database, and what to read an order from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from contracts.acts import TakenDecisions
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from tests.commands import ORDER, cancel, confirm, register

Service = type[OrderService] | type[PaymentService] | type[StockService]


@contextmanager
def transactions(engine: sa.Engine) -> Iterator[list[None]]:
    """Give a list that grows by one with each transaction that begins."""
    begins: list[None] = []

    def note(_connection: sa.Connection) -> None:
        begins.append(None)

    sa.event.listen(engine, "begin", note)
    yield begins
    sa.event.remove(engine, "begin", note)


@pytest.mark.parametrize("service", [OrderService, PaymentService, StockService])
def test_a_service_is_constructed_without_its_database(engine: sa.Engine, service: Service) -> None:
    """Nothing is asked of the database until the service is opened; then it has its tables."""
    with transactions(engine) as begins:
        service(engine)
    assert begins == []
    assert sa.inspect(engine).get_table_names() == []
    service.open(engine)
    assert sa.inspect(engine).get_table_names() != []


@pytest.mark.parametrize("close", [None, confirm, cancel], ids=["open", "confirmed", "cancelled"])
def test_all_that_is_on_record_is_of_one_instant(
    engine: sa.Engine, orders: OrderService, close: Callable[[str], object] | None
) -> None:
    """Record, fingerprint, moves and decisions are read in one transaction, and fit together."""
    orders.register(register("7"))
    if close is confirm:
        orders.confirm(confirm("7"))
    if close is cancel:
        orders.cancel(cancel("7"))
    with transactions(engine) as begins:
        order_on_record = orders.recorded_order("7")
    assert len(begins) == 1
    assert order_on_record is not None
    assert order_on_record.record == orders.find("7")
    assert order_on_record.fingerprint == ORDER.fingerprint()
    assert order_on_record.moves[-1].state == order_on_record.record.state
    assert order_on_record.decisions == TakenDecisions(decisions=(), left_out=0)


def test_another_customers_record_is_none(orders: OrderService) -> None:
    """A customer is told as much of another's order as of one that never was."""
    orders.register(register("7"))
    assert orders.recorded_order("7", ORDER.customer_id) is not None
    assert orders.recorded_order("7", "somebody else") is None
    assert orders.recorded_order("9") is None
