"""A list that is large, of orders that close meanwhile, or without Temporal."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.client import Client

from application.order_list import OrderLists
from application.order_query import ListQuery
from application.runs import Runs
from application.visibility import SagaRuns, Visibility
from application.watch import Watch
from contracts.base import MAX_LINES
from contracts.record import Failure
from contracts.views import Links
from participants.order.service import OrderService
from tests.commands import ORDER, cancel, confirm, register
from tests.stack import Stack, until
from tests.system.e2e.lists.listing import SOON, page, record, run, states

pytestmark = pytest.mark.long


@pytest.mark.long
def test_the_largest_page_is_small(stack: Stack, orders: OrderService, customer: str) -> None:
    """A hundred failed orders of the greatest size: under 1 MB.

    Each has as many lines as are allowed, and the longest failure.
    """
    lines = tuple(ORDER.lines[0] for _ in range(MAX_LINES))
    order = ORDER.model_copy(update={"customer_id": customer, "lines": lines})
    details: dict[str, Any] = {
        "unknown": [f"{'X' * 59}-{number:04}" for number in range(MAX_LINES)]
    }
    failure = Failure(
        step="DecreaseStock", reason="UNKNOWN_SKU", message="é" * 2_000, details=details
    )
    for number in range(100):
        order_id = f"{'x' * 60}-{number:03}"
        orders.register(register(order_id, order, start=SOON))
        orders.cancel(cancel(order_id, order, start=SOON, failure=failure))

    answer = stack.http.get("/orders", params={"customer_id": customer, "limit": 100})
    orders_on_page = answer.json()["orders"]
    assert {order["line_count"] for order in orders_on_page} == {MAX_LINES}
    assert len(orders_on_page) == 100
    assert len(answer.content) < 1_000_000
    whole = stack.http.get(f"/orders/{orders_on_page[0]['order_id']}").json()
    assert (whole["failure"]["details"], len(whole["lines"])) == (details, MAX_LINES)


class ClosesMeanwhile(Visibility):
    """Confirms an order in the instant in which visibility is asked, as its saga might."""

    def __init__(self, client: Client, orders: OrderService, order_id: str) -> None:
        super().__init__(client)
        self._close = partial(orders.confirm, confirm(order_id))

    async def runs(self, which: str, limit: timedelta) -> SagaRuns:
        """Confirm, and ask."""
        self._close()
        return await super().runs(which, limit)


@pytest.mark.parametrize(
    ("status", "expected"), [(None, [("COMPLETED", "CONFIRMED")]), ("PENDING", [])]
)
async def test_an_order_that_closes_meanwhile_is_closed(
    stack: Stack, orders: OrderService, customer: str, status: Any, expected: list[tuple[str, str]]
) -> None:
    """An order that closes while a page is built is shown closed.

    When open orders are asked for, it is left out.
    """
    order_id = f"meanwhile-{customer}"
    record(orders, customer, order_id)
    run(stack, order_id, "PAYMENT_COMPLETED")
    client = await Client.connect(stack.env["TEMPORAL_ADDRESS"])
    visibility = ClosesMeanwhile(client, orders, order_id)
    watch = Watch(Runs(client), visibility, orders, timedelta(0))
    lists = OrderLists(watch, orders, lambda _: Links(self="", events="", temporal=""))
    order_list = await lists.page(ListQuery(customer_id=customer, status=status))
    assert [(order.state, order.status) for order in order_list.orders] == expected
    assert all(order.closed_at is not None for order in order_list.orders)


def test_a_list_is_answered_without_temporal(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """With Temporal away open orders are listed as on record, with a warning.

    Only Temporal knows which need attention.
    """
    record(orders, customer, "w-open", "w-closed")
    orders.confirm(confirm("w-closed"))
    run(stack, "w-open", "ROLLBACK_STUCK", attention=True)
    until(lambda: states(stack, customer)["w-open"][0] == "ROLLBACK_STUCK", "visibility has it")
    # The last look still serves for a while: one from before this order would know of nobody, which
    # is an answer.
    until(
        lambda: states(stack, customer, needs_attention=True).keys() == {"w-open"},
        "the last look saw it",
    )
    stack.kill("temporal")
    until(
        lambda: states(stack, customer)["w-open"][0] == "PENDING",
        "what visibility said just now is forgotten",
    )
    document = page(stack, customer_id=customer)
    assert [(order["order_id"], order["state"]) for order in document["orders"]] == [
        ("w-open", "PENDING"),
        ("w-closed", "COMPLETED"),
    ]
    assert document["warning"].startswith("Temporal gives no answer")
    assert page(stack, customer_id=customer, status="CONFIRMED")["warning"] is None, (
        "nothing is missing of closed orders"
    )
    for attention in ("true", "false"):
        answer = stack.http.get(
            "/orders", params={"customer_id": customer, "needs_attention": attention}
        )
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    stack.start_temporal()
    until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    assert states(stack, customer, needs_attention=True) == {
        "w-open": ("ROLLBACK_STUCK", "PENDING", True)
    }
    assert page(stack, customer_id=customer)["warning"] is None
