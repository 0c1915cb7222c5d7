"""What an export promises: all pages as one file, which says when it is not whole."""

import asyncio
import csv
import io
import json
from codecs import BOM_UTF8
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from application.errors import Away
from application.open_orders import AS_ON_RECORD
from application.order_cursor import write_cursor
from application.order_export import COLUMNS, ExportQuery, OrderExport, as_csv, as_json
from application.order_list import OrderLists
from application.watch import Watch
from contracts.record import Failure, OrderEntry
from contracts.states import OrderStatus, SagaState
from contracts.views import Links, ListedOrder
from participants.order.filters import OrderFilter, Page, Position, Sort
from participants.order.reads import OrderReads

AT = datetime(2026, 11, 29, 8, 26, 1, 500, tzinfo=UTC)
LINKS = Links(self="/orders/a", events="/orders/a/events", console="/?order=a", temporal=None)


def entry(order_id: str, message: str = "no", closed_at: datetime | None = AT) -> OrderEntry:
    return OrderEntry(
        order_id=order_id,
        state=SagaState.FAILED,
        status=OrderStatus.CANCELLED,
        customer_id="ann",
        currency="GBP",
        total_minor=1530,
        placed_at=AT,
        closed_at=closed_at,
        line_count=3,
        again_as="8-again",
        failure=Failure(reason="OUT_OF_STOCK", message=message, step="DecreaseStock"),
    )


def document_of(entry: OrderEntry) -> dict[str, Any]:
    """Return how a list shows an order."""
    return ListedOrder(**entry.model_dump(), links=LINKS).model_dump(mode="json")


class Records:
    """So many orders, of which some pages are short, and one may fail; Temporal is away."""

    def __init__(self, *orders: OrderEntry, failing_from: int | None = None) -> None:
        self.orders = orders
        self.failing_from = failing_from
        self.looks: list[tuple[OrderFilter, int]] = []

    def page(self, order_filter: OrderFilter, limit: int) -> Page:
        """Return three orders at most; at first none, as what leads on."""
        if order_filter.among is not None:
            return Page([], None)
        self.looks.append((order_filter, limit))
        start = int(order_filter.behind.order_id) if order_filter.behind else 0
        if self.failing_from is not None and start >= self.failing_from:
            raise Away("Temporal")
        end = start + min(limit, 3) if start else 1
        position = Position(1 if order_filter.currency else AT, str(end))
        if not start:
            return Page([], position)
        return Page([*self.orders[start:end]], None if end >= len(self.orders) else position)

    async def runs(self, *_: Any) -> NoReturn:
        """Tell nothing of sagas."""
        raise Away("Temporal")


async def begin(records: Records, **query: Any) -> OrderExport:
    watch = SimpleNamespace(visibility=records)
    lists = OrderLists(cast(Watch, watch), cast(OrderReads, records), lambda _order_id: LINKS)
    export_query = ExportQuery.model_validate(query)
    return await OrderExport.begin(export_query, lists.pages(export_query, export_query.limit))


async def export(records: Records, kind: str, **query: Any) -> str:
    whole = await begin(records, **query)
    content = as_csv(whole) if kind == "csv" else as_json(whole)
    document = b"".join([piece async for piece in content])
    assert document.startswith(BOM_UTF8) is (kind == "csv"), "Excel takes it for what it is"
    return document.decode("utf-8-sig")


async def test_all_pages_are_one_file() -> None:
    """Short and empty pages end nothing; each page keeps filters and sort."""
    orders = [entry(str(number), closed_at=None if number == 7 else AT) for number in range(8)]
    records = Records(*orders)
    query = {"sort": "-total_minor", "currency": "GBP", "text": "no"}
    document = json.loads(await export(records, "json", **query))
    assert document["next"] is None
    assert document["warning"] == f"Temporal gives no answer: {AS_ON_RECORD}"
    assert document["orders"] == [document_of(order) for order in orders[1:]]
    assert {limit for _, limit in records.looks} == {100}
    assert {(look.sort, look.currency, look.text) for look, _ in records.looks} == {
        (Sort.HIGHEST_TOTAL, "GBP", "no")
    }
    assert json.loads(await export(Records(), "json")) == {
        "orders": [],
        "next": None,
        "warning": None,
    }


async def test_a_file_that_is_not_whole_says_so() -> None:
    """A limit ends it where it says, and `next` leads to the others; a table has a last line."""
    records = Records(
        *(entry(str(number), closed_at=None if number == 5 else AT) for number in range(8))
    )
    document = json.loads(await export(records, "json", limit=5))
    assert [order["order_id"] for order in document["orders"]] == list("12345")
    assert [limit for _, limit in records.looks] == [5, 5, 2]
    cursor = write_cursor(Position(AT, "6"))
    assert document["next"] == f"/orders.json?limit=5&cursor={cursor}"
    rest = json.loads(await export(records, "json", cursor=cursor))
    assert [order["order_id"] for order in rest["orders"]] == ["6", "7"]
    table = list(csv.reader(io.StringIO(await export(records, "csv", limit=5))))
    assert [len(row) for row in table] == [len(COLUMNS)] * 6 + [1, 1]
    assert table[-2] == [f"NOTE: Temporal gives no answer: {AS_ON_RECORD}"]
    assert table[-1][0].startswith("NOTE: this file is not whole. More orders follow: /orders.csv?")


async def test_an_export_that_breaks_off_raises() -> None:
    """So that the answer ends without its end; at the first page nothing is answered yet."""
    records = Records(*(entry(str(number)) for number in range(8)), failing_from=3)
    with pytest.raises(Away):
        await export(records, "csv")
    records.failing_from = 0
    with pytest.raises(Away):
        await begin(records)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+44", "'+44"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "\\t=1"),
        ("\r\n=1", "\\r\\n=1"),
        ("\0=1", "\\x00=1"),
        ("\ufeff=1", "\\ufeff=1"),
        ("＝1", "'＝1"),
        ('a",=1', 'a",=1'),
        ("a;=1\n=2", "a;=1\\n=2"),
        ("é \U0001f642", "é \U0001f642"),
    ],
)
def test_no_cell_is_computed(text: str, cell: str) -> None:
    """A text that begins like a formula is text; what acts unseen is escaped; lines stay lines."""
    table = asyncio.run(export(Records(entry("0"), entry("-x", text)), "csv"))
    head, row = csv.reader(io.StringIO(table))
    assert dict(zip(head, row, strict=True)) == {
        "order_id": "'-x",
        "state": "FAILED",
        "status": "CANCELLED",
        "customer_id": "ann",
        "total": "15.30",
        "currency": "GBP",
        "total_minor": "1530",
        "line_count": "3",
        "placed_at": "2026-11-29 08:26:01",
        "closed_at": "2026-11-29 08:26:01",
        "needs_attention": "false",
        "attention": "",
        "attention_since": "",
        "reason": "OUT_OF_STOCK",
        "step": "DecreaseStock",
        "message": cell,
        "again_of": "",
        "again_as": "8-again",
    }
    assert table.count("\r\n") == 2
