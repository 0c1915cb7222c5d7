"""What the order service promises of filters and sorts: what Python would find, page by page."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from itertools import count, product
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.placing import DraftOrder, OrderLine
from contracts.record import Failure, OrderRecord
from contracts.states import FailureReason, OrderStatus
from participants.order import page_queries
from participants.order.filters import BY_TOTAL, OrderFilter, Sort
from participants.order.service import OrderService
from participants.order.tables import ORDERS
from tests.commands import ORDER, START, cancel, confirm, register

CUSTOMERS = ("ann", "bob", "Carl-1")
SKUS = ("A", "B 1", "rare")
CURRENCIES = ("GBP", "JPY")
STEPS = ("ProcessPayment", "DecreaseStock", "Überweisung-2", "ö" * 60)
REASONS = ("OUT_OF_STOCK", "CANCELLED", "FRAUD_SUSPECTED")
MESSAGES = (
    'A "quoted" 100% \\ back_slash',
    "newline\nand tab\t",
    "Ünïcode 🙂 nul \0 end",
    '", "details": {"reason": "OUT_OF_STOCK"',
    "C:\\new, details and message",
)
TEXTS = (
    *(
        "a",
        "QUOTED",
        "100%",
        "_",
        "%",
        "\\",
        "\\n",
        "\n",
        "n",
        "u",
        "00",
        "\0",
        "ü",
        "🙂",
        "🙂 NUL",
    ),
    *("message", "details", '", "', "reason", "of_stock", "out_of", "CANCELLED", "x" * 200, "'"),
)
ORDERS_ON_RECORD = 70


@pytest.fixture
def service(engine: sa.Engine) -> OrderService:
    """Give an order service with orders of every kind; ids and times say nothing of each other."""
    orders = OrderService.open(engine)
    random = Random(14)
    order_id_before = None
    for number in range(ORDERS_ON_RECORD):
        order_id = f"{random.choice('aBcD')}{number}-_"
        lines = tuple(
            OrderLine(sku=sku, quantity=1, unit_price_minor=random.choice((1, 100, 50_000)))
            for sku in random.choices(SKUS, (10, 5, 1), k=2)
        )
        order = ORDER.model_copy(
            update={
                "customer_id": random.choice(CUSTOMERS),
                "currency": random.choice(CURRENCIES),
                "lines": lines,
            }
        )
        start = START + timedelta(hours=random.randrange(0, 90), microseconds=number)
        if number == 3:
            orders.cancel(cancel(order_id, DraftOrder(), start=start))
            continue
        again_of = order_id_before if number % 4 == 0 else None
        order_id_before = order_id
        orders.register(
            register(order_id, order, start=start).model_copy(update={"again_of": again_of})
        )
        failure = Failure(
            step=random.choice((*STEPS, None)),
            event=None,
            reason=random.choice(REASONS),
            message=random.choice(MESSAGES),
            details={"skus": ["quoted"], "message": "🙂"},
        )
        if number % 3 == 0:
            orders.confirm(confirm(order_id))
        elif number % 5:
            orders.cancel(cancel(order_id, order, start=start, failure=failure))
        closed_at = start + timedelta(hours=random.randrange(0, 20))
        with engine.begin() as connection:
            connection.execute(
                sa.update(ORDERS)
                .where(ORDERS.c.order_id == order_id, ORDERS.c.closed_at.is_not(None))
                .values(closed_at=closed_at)
            )
    return orders


def some_filter(random: Random, records: list[OrderRecord]) -> OrderFilter:
    """Return a filter with some of all that can be asked for."""

    def hours() -> Any:
        return START + timedelta(hours=random.randrange(-5, 110))

    chances: dict[str, Callable[[], Any]] = {
        "status": lambda: random.choice(list(OrderStatus)),
        "reason": lambda: random.choice((*REASONS[:2], FailureReason.OTHER)),
        "step": lambda: random.choice(STEPS),
        "customer_id": lambda: random.choice((*CUSTOMERS, "nobody")),
        "owner": lambda: random.choice(CUSTOMERS),
        "sku": lambda: random.choice((*SKUS, "none")),
        "min_total_minor": lambda: random.choice((0, 3, 50_001)),
        "max_total_minor": lambda: random.choice((2, 200, 10**6)),
        "placed_from": hours,
        "placed_to": hours,
        "closed_from": hours,
        "closed_to": hours,
        "text": lambda: random.choice(TEXTS),
        "placed_again": lambda: random.choice((True, False)),
        "among": lambda: {order.order_id for order in random.sample(records, 30)},
    }
    names = random.sample(sorted(chances), random.choice((0, 1, 1, 1, 2, 2, 3)))
    values: dict[str, Any] = {name: chances[name]() for name in names}
    sort = random.choice(list(Sort))
    if sort in BY_TOTAL or random.random() < 0.2:
        values["currency"] = random.choice(CURRENCIES)
    return OrderFilter(sort=sort, **values)


def plainly(order_filter: OrderFilter, records: list[OrderRecord]) -> list[str]:
    """Return the ids of the orders that a filter asks for, matches by Python alone."""
    f = order_filter
    sort = f.sort.removeprefix("-")
    names = {reason.value for reason in FailureReason if reason != "OTHER"}

    def is_wanted(order: OrderRecord) -> bool:
        why = order.failure
        words = why and [why.reason] + [why.message] * (f.owner is None)
        text = f.text and f.text.translate({ord(c): c.lower() for c in map(chr, range(65, 91))})
        return all(
            (
                f.status in (None, order.status),
                f.reason is None
                or (why and f.reason == (why.reason if why.reason in names else "OTHER")),
                f.step is None or (why and why.step == f.step),
                f.customer_id in (None, order.customer_id),
                f.owner in (None, order.customer_id),
                f.currency in (None, order.currency),
                f.sku is None or f.sku in {line.sku for line in order.lines or ()},
                f.min_total_minor is None or (order.total_minor or -1) >= f.min_total_minor,
                f.max_total_minor is None
                or (order.total_minor is not None and order.total_minor <= f.max_total_minor),
                f.placed_from is None or order.placed_at >= f.placed_from,
                f.placed_to is None or order.placed_at < f.placed_to,
                f.closed_from is None or (order.closed_at and order.closed_at >= f.closed_from),
                f.closed_to is None or (order.closed_at and order.closed_at < f.closed_to),
                f.placed_again in (None, order.again_as is not None),
                f.among is None or order.order_id in f.among,
                text is None
                or any(
                    text in w.translate({ord(c): c.lower() for c in map(chr, range(65, 91))})
                    for w in words or ()
                ),
                getattr(order, sort) is not None,
            )
        )

    matches = [order for order in records if is_wanted(order)]
    matches.sort(key=lambda o: (getattr(o, sort), o.order_id), reverse=f.sort.startswith("-"))
    return [order.order_id for order in matches]


def walk(orders: OrderService, order_filter: OrderFilter, limit: int) -> list[str]:
    """Return the whole list, page by page, of which any may be short."""
    order_ids: list[str] = []
    for number in count():
        page = orders.page(order_filter, limit)
        assert len(page.entries) <= limit
        order_ids += [entry.order_id for entry in page.entries]
        if page.end is None:
            return order_ids
        assert number <= ORDERS_ON_RECORD, "each page goes on behind the last"
        order_filter = replace(order_filter, behind=page.end)
    raise AssertionError


def test_lists_are_what_python_finds(
    service: OrderService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any filters and any sort find what a plain comparison of all orders finds, in its order.

    Likewise where a page may look at few orders alone, and where a product has too many for its
    ids to be looked at.
    """
    records = [
        record
        for entry in service.page(OrderFilter(), 1_000).entries
        if (record := service.find(entry.order_id))
    ]
    assert len(records) == ORDERS_ON_RECORD
    random = Random(43)
    uses: dict[str, int] = {}
    for _number in range(70):
        monkeypatch.setattr(page_queries, "MOST_ROWS", random.choice((5, 100_000)))
        monkeypatch.setattr(page_queries, "MOST_IDS_OF_SKU", random.choice((10, 2_000)))
        order_filter = some_filter(random, records)
        expected = plainly(order_filter, records)
        assert walk(service, order_filter, random.choice((3, 100))) == expected, order_filter
        for field in fields(OrderFilter):
            if expected and getattr(order_filter, field.name) is not None:
                uses[field.name] = uses.get(field.name, 0) + 1
    assert min(uses.get(field.name, 0) for field in fields(OrderFilter)[:-1]) > 0, uses
    for text, owner in product((*TEXTS, "\ud800"), (None, "ann")):
        order_filter = OrderFilter(text=text, owner=owner)
        assert walk(service, order_filter, 100) == plainly(order_filter, records), json.dumps(text)
