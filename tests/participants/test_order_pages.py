"""What the order service promises of its lists.

Newest first, page by page, whatever happens between two pages.
"""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from contracts.placing import DraftOrder
from contracts.record import Failure, OrderEntry
from contracts.states import FailureReason, OrderStatus
from participants.order import page_queries
from participants.order.filters import OrderFilter, Position
from participants.order.service import OrderService
from participants.order.tables import LINES, ORDERS
from temporal_saga.database import reading
from tests.commands import ORDER, OTHER_ORDER, START, cancel, confirm, register
from tests.repository.sources import ROOT

ALL = OrderFilter()
NOBODY = DraftOrder()


def place(orders: OrderService, *order_ids: str, seconds: int = 0) -> None:
    """Register orders, all at one instant."""
    for order_id in order_ids:
        orders.register(register(order_id, start=START + timedelta(seconds=seconds)))


def ids(orders: OrderService, order_filter: OrderFilter = ALL, limit: int = 100) -> list[str]:
    return [record.order_id for record in orders.page(order_filter, limit).entries]


def after(orders: OrderService, order_id: str, order_filter: OrderFilter = ALL) -> OrderFilter:
    """Ask for what follows an order in the list."""
    record = orders.find(order_id)
    assert record is not None
    return replace(order_filter, behind=Position.of(record))


def walk(orders: OrderService, order_filter: OrderFilter, limit: int) -> list[str]:
    """Return the whole list, page by page."""
    order_ids: list[str] = []
    while page := ids(orders, order_filter, limit):
        assert len(page) <= limit
        order_ids += page
        order_filter = after(orders, page[-1], order_filter)
    return order_ids


def test_the_newest_come_first(orders: OrderService) -> None:
    """Orders come by the time at which they were placed, not by that at which they were written."""
    for order_id, seconds in (("b", 2), ("d", 4), ("a", 1), ("c", 3)):
        place(orders, order_id, seconds=seconds)
    assert ids(orders) == ["d", "c", "b", "a"]
    assert ids(orders, limit=2) == ["d", "c"]


def test_a_page_holds_records_without_their_lines(orders: OrderService) -> None:
    """Each order of a page is what is found under its id, but for its lines, which are counted."""
    place(orders, "1", "2", "3")
    orders.register(register("4", OTHER_ORDER.model_copy(update={"lines": ORDER.lines[::-1]})))
    orders.confirm(confirm("1"))
    orders.cancel(cancel("2"))
    orders.cancel(cancel("5", NOBODY))
    orders.register(register("6").model_copy(update={"again_of": "2"}))
    orders.cancel(cancel("6"))
    orders.register(register("7").model_copy(update={"again_of": "6"}))
    records = [orders.find(order_id) for order_id in "7654321"]
    entries = [
        OrderEntry(
            **record.model_dump(exclude={"lines"}), line_count=record.lines and len(record.lines)
        )
        for record in records
        if record
    ]
    assert orders.page(ALL, 100).entries == entries
    assert [entry.line_count for entry in entries] == [3, 3, None, 3, 3, 3, 3]
    assert [(entry.again_of, entry.again_as) for entry in entries if entry.order_id in "762"] == [
        ("6", None),
        ("2", "7"),
        (None, "6"),
    ]
    [alone] = orders.page(OrderFilter(among=["6"]), 1).entries
    assert alone == entries[1]


def test_a_page_leaves_out_long_details(orders: OrderService) -> None:
    """A failure may name a thousand products.

    The order under its id does, and a page only tells the reason.
    """
    place(orders, "1", "2")
    long_one = Failure(reason="UNKNOWN_SKU", message="many", details={"skus": ["y" * 60] * 1_000})
    orders.cancel(cancel("1", failure=long_one))
    orders.cancel(cancel("2"))
    short, cut = (entry.failure for entry in orders.page(ALL, 2).entries)
    assert short is not None
    assert short.details
    assert cut == long_one.model_copy(update={"details": {}})
    record = orders.find("1")
    assert record is not None
    assert record.failure == long_one


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 100])
def test_pages_join_without_gap_or_repetition(orders: OrderService, limit: int) -> None:
    """Also when many orders were placed at one instant, the pages of any size make up the list."""
    place(orders, "a", "b", "c", "D", "_", "-")
    place(orders, "z", seconds=-1)
    place(orders, "0", seconds=1)
    whole = ids(orders)
    assert (whole[0], whole[-1], sorted(whole[1:-1])) == ("0", "z", sorted("abcD_-"))
    assert walk(orders, ALL, limit) == whole


def test_what_is_placed_between_two_pages_moves_nothing(orders: OrderService) -> None:
    """A newer order is not on later pages.

    One at the instant of the boundary is, only when its place is there.
    """
    place(orders, "b", "d", "f")
    place(orders, "old", seconds=-1)
    assert ids(orders, limit=2) == ["f", "d"]
    second = after(orders, "d")
    place(orders, "new", seconds=1)
    place(orders, "c", "e")
    assert ids(orders, second) == ["c", "b", "old"]


def test_what_is_closed_between_two_pages_moves_nothing(orders: OrderService) -> None:
    """The list goes on after an order that meanwhile no longer fits the filter."""
    place(orders, "a", "b", "c", "d")
    order_filter = OrderFilter(status=OrderStatus.PENDING)
    assert ids(orders, order_filter, limit=2) == ["d", "c"]
    orders.confirm(confirm("c"))
    assert ids(orders, after(orders, "c", order_filter)) == ["b", "a"]
    assert ids(orders, order_filter) == ["d", "b", "a"]


def test_a_position_need_not_be_an_orders(orders: OrderService) -> None:
    """Any instant and id divide the list; beyond its end there is nothing."""
    place(orders, "a", "b")
    for position, order_ids in (
        (Position(START, "aa"), ["a"]),
        (Position(START + timedelta(microseconds=1), ""), ["b", "a"]),
        (Position(START, ""), []),
        (Position(START.replace(year=1), "z"), []),
        (Position(START.replace(year=9999), "a"), ["b", "a"]),
    ):
        assert ids(orders, OrderFilter(behind=position)) == order_ids


def test_filters_join(orders: OrderService) -> None:
    """Status, customer and ids each narrow the list; what is wanted by all is found."""
    place(orders, "1", "2", "3")
    orders.register(register("4", OTHER_ORDER))
    orders.confirm(confirm("1"))
    orders.cancel(cancel("2"))
    for order_filter, order_ids in (
        (OrderFilter(status=OrderStatus.CONFIRMED), ["1"]),
        (OrderFilter(status=OrderStatus.CANCELLED), ["2"]),
        (OrderFilter(status=OrderStatus.PENDING), ["4", "3"]),
        (OrderFilter(customer_id="17850"), ["3", "2", "1"]),
        (OrderFilter(customer_id="nobody"), []),
        (OrderFilter(status=OrderStatus.PENDING, customer_id="17850"), ["3"]),
        (OrderFilter(among={"1", "4", "unknown"}), ["4", "1"]),
        (OrderFilter(among=()), []),
        (
            OrderFilter(status=OrderStatus.CONFIRMED, customer_id="17850", among=["1", "2", "4"]),
            ["1"],
        ),
    ):
        assert ids(orders, order_filter) == order_ids
        assert walk(orders, order_filter, 1) == order_ids


def test_an_order_of_nobody_is_listed_but_nobodys(orders: OrderService) -> None:
    """A start that did not say for whom has its place in the list, and belongs to no customer."""
    place(orders, "a")
    orders.cancel(cancel("b", NOBODY))
    place(orders, "c")
    assert walk(orders, ALL, 1) == ["c", "b", "a"]
    assert ids(orders, OrderFilter(customer_id="17850")) == ["c", "a"]
    assert ids(orders, OrderFilter(status=OrderStatus.CANCELLED)) == ["b"]


def test_failed_orders_are_found_by_why_they_failed(orders: OrderService) -> None:
    """Under every other filter.

    An order that did not fail, or failed for another reason, is left out.
    """
    place(orders, "a", "b", "c", "d")
    orders.cancel(cancel("b"))
    words = {"by": "ann", "reason": "OUT_OF_STOCK"}
    orders.cancel(
        cancel(
            "c",
            failure=Failure(reason="CANCELLED", message='"reason": "OUT_OF_STOCK"', details=words),
        )
    )
    orders.cancel(
        cancel("d", failure=Failure(reason="CANCELLED", message="\x00", details={"reason": "\x00"}))
    )
    assert ids(orders, OrderFilter(reason="OUT_OF_STOCK")) == ["b"]
    assert ids(orders, OrderFilter(reason="CANCELLED", status=OrderStatus.CANCELLED)) == ["d", "c"]
    assert orders.figures()[1] == {"OUT_OF_STOCK": 1, "CANCELLED": 2}
    assert ids(orders, OrderFilter(reason="OUT_OF_STOCK", customer_id="nobody")) == []
    assert ids(orders, OrderFilter(reason="OUT' OR '1'='1")) == []


def test_reasons_of_another_release_are_found_as_other(orders: OrderService) -> None:
    """As readers are told of them, together with those that say so themselves."""
    place(orders, "a", "b", "c", "d")
    for order_id, reason in (("a", "FRAUD_SUSPECTED"), ("b", "OTHER"), ("c", "OUT_OF_STOCK")):
        orders.cancel(cancel(order_id, failure=Failure(reason=reason, message="no")))
    assert ids(orders, OrderFilter(reason=FailureReason.OTHER)) == ["b", "a"]
    assert ids(orders, OrderFilter(reason=FailureReason.OUT_OF_STOCK)) == ["c"]


def test_figures_count_everybodys_orders_or_ones_own(orders: OrderService) -> None:
    """By status and by why they failed.

    A customer's figures are of that customer's orders alone.
    """
    assert orders.figures() == (dict.fromkeys(OrderStatus, 0), {})
    place(orders, "a", "b", "c")
    orders.register(register("d", ORDER.model_copy(update={"customer_id": "other"})))
    orders.confirm(confirm("a"))
    orders.cancel(cancel("b"))
    statuses, reasons = orders.figures()
    assert (statuses, reasons) == (
        {"PENDING": 2, "CONFIRMED": 1, "CANCELLED": 1},
        {"OUT_OF_STOCK": 1},
    )
    assert orders.figures("other") == ({"PENDING": 1, "CONFIRMED": 0, "CANCELLED": 0}, {})
    assert orders.totals(["a", "b", "d", "nothing"]) == {"GBP": 3 * ORDER.total_minor}
    assert orders.totals(["a", "b", "d"], "other") == {"GBP": ORDER.total_minor}


@pytest.mark.long
def test_very_many_orders_are_looked_up(orders: OrderService) -> None:
    """More than PostgreSQL takes values in one statement, 65,535; each counts once."""
    place(orders, "a", "z")
    order_ids = ["a", *(f"gone {number}" for number in range(70_000)), "z", "a"]
    assert orders.statuses(order_ids) == dict.fromkeys("az", OrderStatus.PENDING)
    assert orders.totals(order_ids) == {"GBP": 2 * ORDER.total_minor}
    assert orders.statuses([]) == {}
    assert orders.totals([]) == {}


def test_open_orders_come_oldest_first(orders: OrderService) -> None:
    """With the times at which they were placed, at most so many, and none that is closed."""
    for order_id, seconds in (("b", 2), ("a", 1), ("c", 3)):
        place(orders, order_id, seconds=seconds)
    place(orders, "done")
    orders.confirm(confirm("done"))
    assert list(orders.still_open(2).items()) == [
        (name, START + timedelta(seconds=s)) for name, s in (("a", 1), ("b", 2))
    ]
    assert orders.still_open(9, "nobody") == {}


def test_words_of_a_customer_are_no_sql(orders: OrderService) -> None:
    """Whatever is asked for is compared, and never executed."""
    place(orders, "a")
    for words in ("' OR '1'='1", "17850' --", "%", "*"):
        assert ids(orders, OrderFilter(customer_id=words)) == []
        assert ids(orders, OrderFilter(among=[words])) == []


def test_many_ids_can_be_asked_for(orders: OrderService) -> None:
    """Ten thousand ids narrow the list as two do."""
    place(orders, "a", "b", "c")
    many = [f"x{number}" for number in range(10_000)] + ["a", "c"]
    assert ids(orders, OrderFilter(among=many)) == ["c", "a"]
    assert orders.statuses(many) == {"a": OrderStatus.PENDING, "c": OrderStatus.PENDING}
    assert orders.statuses([]) == {}


@pytest.mark.parametrize(
    ("order_filter", "index"),
    [
        (ALL, "orders_newest"),
        (OrderFilter(behind=Position(START, "a")), "orders_newest"),
        (OrderFilter(status=OrderStatus.PENDING), "orders_newest_by_status"),
        (
            OrderFilter(status=OrderStatus.PENDING, behind=Position(START, "a")),
            "orders_newest_by_status",
        ),
        (
            OrderFilter(customer_id="17850", behind=Position(START, "a")),
            "orders_newest_by_customer",
        ),
        (
            OrderFilter(reason="OUT_OF_STOCK", behind=Position(START, "a")),
            "orders_newest_by_reason",
        ),
    ],
)
def test_a_page_is_read_along_an_index(
    engine: sa.Engine, orders: OrderService, order_filter: OrderFilter, index: str
) -> None:
    """No page sorts orders or looks at more than it holds, where the filter has an index."""
    place(orders, "a")
    query_plan = plan(engine, order_filter)
    assert index in query_plan
    assert "sort" not in query_plan.lower()
    assert "temp b-tree" not in query_plan.lower()


@pytest.mark.parametrize(
    "missing", [{"orders_newest"}, {index.name for index in ORDERS.indexes}], ids=["one", "all"]
)
def test_a_database_of_an_earlier_release_gets_its_indexes(
    engine: sa.Engine, missing: set[str]
) -> None:
    """A database from before there were lists gets the indexes they need, once.

    It keeps its orders.
    """
    orders = OrderService.open(engine)
    place(orders, "a")
    for index in ORDERS.indexes:
        if index.name in missing:
            index.drop(engine)
    assert not missing & indexes(engine)
    for _ in range(2):
        assert ids(OrderService.open(engine)) == ["a"]
        assert indexes(engine) == {index.name for index in ORDERS.indexes}


def test_deploying_has_the_indexes_that_large_databases_need_first() -> None:
    """As they are made here, without a lock, so that the service finds them when it starts."""
    page = (ROOT / "docs" / "DEPLOYING.md").read_text()
    block = re.findall(r"^CREATE INDEX CONCURRENTLY IF NOT EXISTS .*;$", page, re.MULTILINE)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    own = {
        str(sa.schema.CreateIndex(index).compile(dialect=dialect))
        for index in ORDERS.indexes | LINES.indexes
    }
    statements = {line.replace("CONCURRENTLY IF NOT EXISTS ", "").rstrip(";") for line in block}
    assert len(statements) == 5
    assert statements <= own


def indexes(engine: sa.Engine) -> set[str | None]:
    """Return their names; SQLAlchemy's inspector leaves out those of expressions."""
    catalogue = {
        "sqlite": "SELECT name FROM sqlite_master"
        " WHERE type = 'index' AND tbl_name = 'orders' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() "
        "AND tablename = 'orders' AND indexname <> 'orders_pkey'",
    }
    with reading(engine) as connection:
        return set(connection.exec_driver_sql(catalogue[engine.dialect.name]).scalars())


def plan(engine: sa.Engine, order_filter: OrderFilter) -> str:
    """Return how the database would read a page of a table that is large."""
    with reading(engine) as connection:
        if connection.dialect.name == "postgresql":
            for cheap_on_few_rows in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
                connection.exec_driver_sql(f"SET {cheap_on_few_rows} = off")
        text = str(
            page_queries.page(order_filter, 20, None).compile(
                connection, compile_kwargs={"literal_binds": True}
            )
        )
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {text}"))
