"""What an export promises: all pages as one file, which says when it is not whole."""

import asyncio
import csv
import io
import json
from codecs import BOM_UTF8
from datetime import UTC, datetime
from typing import Any

import pytest

from application.errors import Away
from application.order_cursor import write_cursor
from application.order_export import COLUMNS, ExportQuery, OrderExport, as_csv, as_json
from application.order_query import ListQuery
from contracts.states import OrderStatus, SagaState
from contracts.views import FailureView, Links, ListedOrder, OrderList
from participants.order.filters import Position, Sort

AT = datetime(2026, 11, 29, 8, 26, 1, 500, tzinfo=UTC)
LINKS = Links(self="/orders/a", events="/orders/a/events", console="/?order=a", temporal=None)


def entry(order_id: str, message: str = "no") -> ListedOrder:
    return ListedOrder(
        order_id=order_id,
        state=SagaState.FAILED,
        status=OrderStatus.CANCELLED,
        customer_id="ann",
        currency="GBP",
        total_minor=1530,
        placed_at=AT,
        closed_at=AT,
        line_count=3,
        again_as="8-again",
        failure=FailureView.model_validate(
            {"reason": "OUT_OF_STOCK", "message": message, "step": "DecreaseStock"}
        ),
        links=LINKS,
    )


class Lists:
    """So many orders, of which some pages are short, and one may fail."""

    def __init__(self, *orders: ListedOrder, failing_from: int | None = None) -> None:
        self.orders = orders
        self.failing_from = failing_from
        self.queries: list[ListQuery] = []

    async def page(self, query: ListQuery) -> OrderList:
        """Return three orders at most."""
        self.queries.append(query)
        start = int(query.behind.order_id) if query.behind else 0
        if self.failing_from is not None and start >= self.failing_from:
            raise Away("Temporal")
        end = start + (min(query.limit, 3) if start else 0)
        position = Position(1 if query.currency else AT, str(max(end, start)))
        is_last = end >= len(self.orders)
        if not start:  # an empty page that leads on
            return OrderList(orders=(), next=query.following(position._replace(order_id="1")))
        following = None if is_last else query.following(position)
        warning = "Temporal gave no answer" if start > 3 else None
        return OrderList(orders=self.orders[start:end], next=following, warning=warning)


async def export(lists: Lists, kind: str, **query: Any) -> str:
    whole = await OrderExport.begin(ExportQuery.model_validate(query), lists.page)
    content = as_csv(whole) if kind == "csv" else as_json(whole)
    document = b"".join([piece async for piece in content])
    assert document.startswith(BOM_UTF8) is (kind == "csv"), "Excel takes it for what it is"
    return document.decode("utf-8-sig")


async def test_all_pages_are_one_file() -> None:
    """Short and empty pages end nothing; each page keeps filters and sort."""
    orders = [entry(str(number)) for number in range(8)]
    lists = Lists(*orders)
    query = {"sort": "-total_minor", "currency": "GBP", "text": "no"}
    document = json.loads(await export(lists, "json", **query))
    assert document["next"] is None
    assert document["warning"] == "Temporal gave no answer"
    assert document["orders"] == [order.model_dump(mode="json") for order in orders[1:]]
    assert {query.limit for query in lists.queries} == {100}
    assert {(q.sort, q.currency, q.text) for q in lists.queries} == {
        (Sort.HIGHEST_TOTAL, "GBP", "no")
    }
    assert json.loads(await export(Lists(), "json")) == {
        "orders": [],
        "next": None,
        "warning": None,
    }


async def test_a_file_that_is_not_whole_says_so() -> None:
    """A limit ends it where it says, and `next` leads to the others; a table has a last line."""
    lists = Lists(*(entry(str(number)) for number in range(8)))
    document = json.loads(await export(lists, "json", limit=5))
    assert [order["order_id"] for order in document["orders"]] == list("12345")
    cursor = write_cursor(Position(AT, "6"))
    assert document["next"] == f"/orders.json?limit=5&cursor={cursor}"
    rest = json.loads(await export(lists, "json", cursor=cursor))
    assert [order["order_id"] for order in rest["orders"]] == ["6", "7"]
    table = list(csv.reader(io.StringIO(await export(lists, "csv", limit=5))))
    assert [len(row) for row in table] == [len(COLUMNS)] * 6 + [1, 1]
    assert table[-2] == ["NOTE: Temporal gave no answer"]
    assert table[-1][0].startswith("NOTE: this file is not whole. More orders follow: /orders.csv?")


async def test_an_export_that_breaks_off_raises() -> None:
    """So that the answer ends without its end; at the first page nothing is answered yet."""
    lists = Lists(*(entry(str(number)) for number in range(8)), failing_from=3)
    with pytest.raises(Away):
        await export(lists, "csv")
    lists.failing_from = 0
    with pytest.raises(Away):
        await OrderExport.begin(ExportQuery(), lists.page)


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
    table = asyncio.run(export(Lists(entry("0"), entry("-x", text)), "csv"))
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
