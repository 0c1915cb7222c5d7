"""What a caller may ask a list for, and how rubbish is refused."""

import csv
import io
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest

from contracts.placing import OrderLine
from contracts.record import Failure
from participants.order.service import OrderService
from tests.commands import ORDER, START, cancel, register
from tests.stack import Stack
from tests.system.e2e.lists.listing import SOON, ids, page, record, walk

pytestmark = pytest.mark.long


def cursor(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


GOOD = f"{START.isoformat()} a"
RUBBISH = [
    *(("limit", text) for text in ("0", "-1", "101", "1.5", "many", "", "9" * 5_000)),
    *(("status", text) for text in ("", "pending", "FAILED", "PENDING' OR '1'='1")),
    *(
        ("customer_id", text)
        for text in ("", "a b", "é", "a\n", "a\x00", "x" * 65, '" OR NeedsAttention = true')
    ),
    *(("state", text) for text in ("", "pending", "CONFIRMED")),
    *(("reason", text) for text in ("", "NOPE", "out of stock", "' OR '1'='1", "A" * 101)),
    *(("needs_attention", text) for text in ("", "maybe", "2")),
    *(("placed_again", text) for text in ("", "maybe")),
    *(("cause", text) for text in ("", "stuck", "LATE")),
    *(
        ("cursor", text)
        for text in (
            "",
            "garbage",
            "é",
            "\x00",
            "=",
            "A" * 10_000,
            cursor(GOOD) + "=",
            cursor(GOOD) + "A",
        )
    ),
    *(
        ("cursor", cursor(text))
        for text in (
            "",
            " ",
            "a",
            "null",
            f"{GOOD}\x00",
            f"{GOOD} b",
            f"{GOOD}'--",
            START.isoformat(),
        )
    ),
    *(
        ("cursor", cursor(f"{at} a"))
        for at in (
            "2010-12-01T08:26:00",
            "2010-12-01T08:26:00+01:00",
            "2010-12-01",
            "20101201T0826Z",
        )
    ),
    *(
        ("cursor", cursor(f"{at} a"))
        for at in ("0000-01-01T00:00:00+00:00", "10000-01-01T00:00:00+00:00", "9" * 4_000)
    ),
    *(("step", text) for text in ("", "a b", "é", "x" * 65)),
    *(("text", text) for text in ("", "x" * 201, "x" * 10_000)),
    *(("sku", text) for text in ("", "é", "x" * 65, "a\x00")),
    *(("currency", text) for text in ("", "gbp", "POUND")),
    *(("min_total_minor", text) for text in ("", "-1", "1.5", "9" * 30, "1")),
    *(
        (name, text)
        for name in ("placed_from", "placed_to", "closed_from", "closed_to")
        for text in ("", "2026", "2026-11-24", "2026-11-24T08:00:00", "0001-01-01T00:00:00+09:00")
    ),
    *(("sort", text) for text in ("", "placed", "--placed_at", "total_minor", "-total_minor")),
    *(
        ("cursor", cursor(f"{sort} {value} a"))
        for sort, value in (
            *(("total_minor", value) for value in ("1", "-1", "x", "9" * 30, START.isoformat())),
            *(("closed_at", value) for value in (START.isoformat(), "1")),
            *((sort, START.isoformat()) for sort in ("-placed_at", "placed_at", "order_id")),
        )
    ),
    *((name, "1") for name in ("custmer_id", "Status", "page", "offset", "needsAttention")),
]


@pytest.mark.parametrize(("name", "value"), RUBBISH, ids=lambda text: ascii(text)[:30])
def test_rubbish_is_refused_by_name(stack: Stack, name: str, value: str) -> None:
    """A parameter that is out of limits, or unknown, is named in a problem document."""
    answer = stack.http.get("/orders", params={name: value})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    [error] = answer.json()["errors"]
    assert error["field"] == name
    assert not error["message"].startswith("Value error")


def test_a_cursor_is_a_position_and_nothing_else(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """A cursor serves under any filter and limit; the filters stand beside it in `next`."""
    record(orders, customer, "c-1", "c-2", "c-3")
    following = page(stack, customer_id=customer, limit=1)["next"]
    cursor = following.partition("cursor=")[2]
    assert ids(page(stack, cursor=cursor, customer_id=customer)) == ["c-2", "c-1"]
    assert ids(page(stack, cursor=cursor, customer_id=customer, status="CONFIRMED")) == []
    assert following == f"/orders?customer_id={customer}&limit=1&cursor={cursor}"


def test_a_cursor_of_another_sort_is_refused(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """As it is no place in this list; the sentence says of which it is."""
    record(orders, customer, "s-1", "s-2")
    following = page(stack, customer_id=customer, limit=1, sort="placed_at")["next"]
    assert ids(page(stack, following)) == ["s-2"]
    answer = stack.http.get(following.replace("sort=placed_at", "sort=-placed_at"))
    assert answer.status_code == 422
    assert "sorted by placed_at" in answer.json()["errors"][0]["message"]


def test_orders_are_filtered_sorted_and_exported(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """By what they hold and why they failed; a file has what the list has, on all its pages."""
    for number, price in enumerate((300, 100, 200)):
        line = OrderLine(sku=f"SKU {number}", quantity=1, unit_price_minor=price)
        order = ORDER.model_copy(update={"customer_id": customer, "lines": (line,)})
        orders.register(register(f"-{number}", order, start=SOON + timedelta(seconds=number)))
        if number:
            why = Failure(step="ProcessPayment", reason="CANCELLED", message=f"=100% {number}\0")
            orders.cancel(cancel(f"-{number}", order, failure=why))
    own: dict[str, Any] = {"customer_id": customer}
    assert ids(page(stack, **own, sku="SKU 1")) == ["-1"]
    assert ids(page(stack, **own, text="100% 2\0")) == ["-2"]
    assert ids(page(stack, **own, text="100_", step="ProcessPayment")) == []
    assert ids(page(stack, **own, step="ProcessPayment", sort="closed_at")) == ["-1", "-2"]
    assert ids(page(stack, **own, placed_from=(SOON + timedelta(seconds=1)).isoformat())) == [
        "-2",
        "-1",
    ]
    dear: dict[str, Any] = {
        **own,
        "currency": "GBP",
        "min_total_minor": 150,
        "sort": "-total_minor",
    }
    assert walk(stack, **dear, limit=1) == ["-0", "-2"]
    document = page(stack, "/orders.json", **dear)
    assert document == page(stack, **dear)
    answer = stack.http.get("/orders.csv", params=dear)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="orders.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["order_id"] for row in rows] == ["'-0", "'-2"]
    assert rows[1]["message"] == "'=100% 2\\x00"
    assert stack.http.get("/orders.csv", params={**dear, "limit": 1}).text.count("NOTE: ") == 1
    assert stack.http.get("/orders.csv", params={"sort": "total_minor"}).status_code == 422


def test_the_openapi_document_tells_of_lists(stack: Stack) -> None:
    """The list declares its parameters, with their limits, and its answer."""
    operation = stack.http.get("/openapi.json").json()["paths"]["/orders"]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == [
        *("state", "status", "reason", "step", "text", "customer_id", "sku", "currency"),
        *("min_total_minor", "max_total_minor", "placed_from", "placed_to"),
        *("closed_from", "closed_to", "placed_again", "needs_attention", "cause"),
        *("sort", "cursor", "limit"),
    ]
    assert operation["responses"].keys() == {"200", "403", "421", "422", "429", "503"}
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/OrderList"
    }
