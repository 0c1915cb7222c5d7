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
from tests.tables import METADATA, create_tables

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


def schema(engine: sa.Engine) -> dict[str, object]:
    """Return what the tables of a database are made of."""
    inspector = sa.inspect(engine)
    reflection = sa.MetaData()
    reflection.reflect(engine)
    return {
        name: (
            [(column.name, str(column.type), column.nullable) for column in table.columns],
            [column.name for column in table.primary_key],
            sorted((index["name"], index["unique"]) for index in inspector.get_indexes(name)),
            sorted(str(check["sqltext"]) for check in inspector.get_check_constraints(name)),
            sorted(str(key["column_names"]) for key in inspector.get_unique_constraints(name)),
        )
        for name, table in reflection.tables.items()
    }


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
@pytest.mark.parametrize(
    ("name", "service"),
    [("order", OrderService), ("payment", PaymentService), ("stock", StockService)],
)
def test_the_tables_of_tests_are_those_of_a_service(
    new_database: Callable[[], str],
    open_engine: Callable[[str], sa.Engine],
    name: str,
    service: Service,
) -> None:
    """What is quicker to create is the same."""
    by_tests = open_engine(new_database())
    create_tables(by_tests, METADATA[name])
    by_service = open_engine(new_database())
    service.open(by_service)
    assert schema(by_tests) == schema(by_service) != {}
