"""Orders on record and runs in Temporal to be listed, and lists as callers follow them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from participants.order.service import OrderService
from tests.commands import ORDER, register
from tests.stack import Stack

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
"""When orders on record were placed: most have no saga here.

An older one of those was left open.
"""


def record(orders: OrderService, customer: str, *order_ids: str, seconds: int = 0) -> None:
    """Put open orders on record, all placed at one instant."""
    for order_id in order_ids:
        order = ORDER.model_copy(update={"customer_id": customer})
        orders.register(register(order_id, order, start=SOON + timedelta(seconds=seconds)))


def run(
    stack: Stack, order_id: str, state: str, *, attention: bool = False, customer: str = ""
) -> None:
    """Start an order's run, which stays in a state that its search attributes show."""
    search_attributes: dict[str, Any] = {"SagaState": state, "NeedsAttention": attention}
    search_attributes |= {"CustomerId": customer, "OrderTotalMinor": 700} if customer else {}
    attributes = [
        part
        for name, value in search_attributes.items()
        for part in ("--search-attribute", f"{name}={json.dumps(value)}")
    ]
    place = (
        "--type",
        "OrderSaga",
        "--task-queue",
        "order-saga",
        "--workflow-id",
        f"order-{order_id}",
        "--input",
        "{}",
    )
    stack.temporal("workflow", "start", *place, *attributes)


def page(stack: Stack, path: str = "/orders", **query: Any) -> dict[str, Any]:
    answer = stack.http.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert all("timeline" not in order for order in document["orders"])
    return document


def ids(document: dict[str, Any]) -> list[str]:
    return [order["order_id"] for order in document["orders"]]


def walk(stack: Stack, **query: Any) -> list[str]:
    """Return the whole list, following `next` from page to page."""
    document = page(stack, **query)
    order_ids = ids(document)
    while document["next"]:
        document = page(stack, document["next"])
        order_ids += ids(document)
    return order_ids


def states(stack: Stack, customer: str, **query: Any) -> dict[str, tuple[str, str, bool]]:
    orders = page(stack, customer_id=customer, **query)["orders"]
    return {
        order["order_id"]: (order["state"], order["status"], order["needs_attention"])
        for order in orders
    }
