"""Lists of orders over HTTP: real API, server and database.

No worker runs, so that every order stays where a test puts it.
"""

from functools import partial

import pytest

from contracts.placing import DraftOrder
from participants.order.service import OrderService
from tests.commands import ORDER, START, cancel, confirm
from tests.stack import Stack, until
from tests.system.e2e.lists.listing import ids, page, record, run, states, walk

pytestmark = pytest.mark.long


LEFT_OUT = ("timeline", "lines", "refund", "acts", "steps", "review", "action")
"""What a list leaves out of an order."""


def test_pages_are_followed_to_the_end(stack: Stack, orders: OrderService, customer: str) -> None:
    """`next` leads through all orders, newest first, with the same filters, despite new orders."""
    record(orders, customer, "p-1", "p-2", "p-3", "p-4", "p-5")
    record(orders, customer, "p-0", seconds=1)
    first = page(stack, customer_id=customer, limit=2, status="PENDING")
    assert (ids(first), first["warning"]) == (["p-0", "p-5"], None)
    record(orders, customer, "p-9", seconds=2)
    second = page(stack, first["next"])
    assert ids(second) == ["p-4", "p-3"]
    orders.confirm(confirm("p-2"))
    last = page(stack, second["next"])
    assert (ids(last), last["next"]) == (["p-1"], None)
    assert walk(stack, customer_id=customer, limit=1) == [
        "p-9",
        "p-0",
        "p-5",
        "p-4",
        "p-3",
        "p-2",
        "p-1",
    ]
    assert walk(stack, customer_id=customer, status="CONFIRMED") == ["p-2"]
    assert ids(page(stack, customer_id="nobody-at-all")) == []


def test_a_page_is_as_long_as_asked_for(stack: Stack, orders: OrderService, customer: str) -> None:
    """A page has twenty orders by default and a hundred at most; a full page may be the last."""
    record(orders, customer, *(f"l-{number:03}" for number in range(101)))
    assert len(ids(page(stack, customer_id=customer))) == 20
    assert [len(ids(page(stack, customer_id=customer, limit=limit))) for limit in (1, 100)] == [
        1,
        100,
    ]
    assert page(stack, customer_id=customer, limit=100)["next"] is not None
    assert len(set(walk(stack, customer_id=customer))) == 101
    orders.confirm(confirm("l-007"))
    full = page(stack, customer_id=customer, status="PENDING", limit=100)
    assert (len(ids(full)), full["next"]) == (100, None)


def test_a_listed_order_is_the_order_without_its_lines_and_timeline(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """A list shows a closed order as its own page does, with failure and links.

    Its lines are counted.
    """
    record(orders, customer, "whole")
    orders.cancel(cancel("whole", ORDER.model_copy(update={"customer_id": customer})))
    [listed_order] = page(stack, customer_id=customer)["orders"]
    single = stack.http.get("/orders/whole").json()
    assert listed_order == {key: value for key, value in single.items() if key not in LEFT_OUT} | {
        "line_count": 3
    }
    assert (len(single["lines"]), listed_order["failure"]["reason"]) == (3, "OUT_OF_STOCK")


def test_an_order_of_nobody_is_listed(stack: Stack, orders: OrderService) -> None:
    """A start that said nothing usable is in the list of all, with nulls."""
    orders.cancel(cancel("nobodys", DraftOrder(), start=START.replace(year=9000)))
    [newest] = page(stack, limit=1)["orders"]
    assert newest["order_id"] == "nobodys"
    assert (
        newest["customer_id"],
        newest["currency"],
        newest["total_minor"],
        newest["line_count"],
    ) == (None, None, None, None)


def test_open_orders_show_their_sagas_state(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """An open order has the state that visibility saw last, a closed one that of its record.

    One without a run is PENDING.
    """
    record(orders, customer, "s-new", "s-paid", "s-stuck", "s-done", "s-failed")
    run(stack, "s-paid", "PAYMENT_COMPLETED")
    run(stack, "s-stuck", "ROLLBACK_STUCK", attention=True)
    run(stack, "s-done", "PAYMENT_COMPLETED")
    run(stack, "s-failed", "ROLLBACK_STUCK", attention=True)
    orders.confirm(confirm("s-done"))
    orders.cancel(cancel("s-failed", ORDER.model_copy(update={"customer_id": customer})))
    expected = {
        "s-stuck": ("ROLLBACK_STUCK", "PENDING", True),
        "s-paid": ("PAYMENT_COMPLETED", "PENDING", False),
        "s-new": ("PENDING", "PENDING", False),
        "s-failed": ("FAILED", "CANCELLED", False),
        "s-done": ("COMPLETED", "CONFIRMED", False),
    }
    until(
        lambda: states(stack, customer) == expected,
        f"visibility has them: {states(stack, customer)}",
    )
    until(
        lambda: states(stack, customer, needs_attention=True).keys() == {"s-stuck"},
        "the next look sees it",
    )
    assert page(stack, customer_id=customer, needs_attention=True, limit=1)["next"] is None, (
        "no closed order is to come"
    )
    assert states(stack, customer, needs_attention=False).keys() == expected.keys() - {"s-stuck"}
    assert states(stack, customer, needs_attention=True, status="CONFIRMED") == {}
    assert walk(stack, customer_id=customer, needs_attention="false", limit=1) == [
        "s-paid",
        "s-new",
        "s-failed",
        "s-done",
    ]


def test_the_last_run_tells(stack: Stack, orders: OrderService, customer: str) -> None:
    """A saga ended from outside needs attention, until it is started again."""
    record(orders, customer, "ended", "begun-again")
    for order_id in ("ended", "begun-again"):
        run(stack, order_id, "ROLLING_BACK")
        stack.temporal(
            "workflow", "terminate", "--workflow-id", f"order-{order_id}", "--reason", "a test"
        )
    expected = dict.fromkeys(("ended", "begun-again"), ("ROLLING_BACK", "PENDING", True))
    until(lambda: states(stack, customer, needs_attention=True) == expected, "both need attention")
    run(stack, "begun-again", "PAYMENT_COMPLETED")
    until(
        lambda: states(stack, customer, needs_attention=True).keys() == {"ended"},
        "one needs attention",
    )
    assert states(stack, customer)["begun-again"] == ("PAYMENT_COMPLETED", "PENDING", False)


def test_an_order_left_open_past_its_pivot_is_completed(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """Wherever it is shown: visibility does not tell it from a saga that went to its end."""
    record(orders, customer, "sold", seconds=-7_200)
    run(stack, "sold", "COMPLETED")
    stack.temporal("workflow", "terminate", "--workflow-id", "order-sold", "--reason", "a test")
    expected = {"sold": ("COMPLETED", "PENDING", True)}
    until(lambda: states(stack, customer, needs_attention=True) == expected, "it needs attention")
    assert states(stack, customer) == states(stack, customer, state="COMPLETED") == expected
    assert states(stack, customer, state="PENDING") == {}
    view = stack.http.get("/orders/sold").json()
    assert (view["state"], view["attention"]["cause"]) == ("COMPLETED", "LEFT_OPEN")


def test_what_needs_attention_is_found_page_by_page(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """The few among many are found in order and whole, also those that are not on record."""
    for number in range(0, 30, 5):
        record(orders, customer, *(f"a-{number + n:02}" for n in range(5)), seconds=number)
    stuck_ids = ["a-27", "a-21", "a-20", "a-13", "a-02"]
    for order_id in stuck_ids:
        run(stack, order_id, "ROLLBACK_STUCK", attention=True)
    for order_id in ("a-unheard-1", "a-unheard-2"):
        run(stack, order_id, "ROLLBACK_STUCK", attention=True, customer=customer)
    ids_in_need = [*stuck_ids, "a-unheard-2", "a-unheard-1"]
    for limit in (1, 2, 3, 6, 7, 100):
        walk_pages = partial(walk, stack, customer_id=customer, needs_attention=True, limit=limit)
        until(
            lambda walk_pages=walk_pages: walk_pages() == ids_in_need,  # type: ignore[misc]
            f"all are found by pages of {limit}",
        )
    unheard_order = page(stack, customer_id=customer, needs_attention=True)["orders"][-1]
    assert (unheard_order["state"], unheard_order["status"], unheard_order["needs_attention"]) == (
        "ROLLBACK_STUCK",
        "PENDING",
        True,
    )
    assert (
        unheard_order["customer_id"],
        unheard_order["total_minor"],
        unheard_order["line_count"],
    ) == (
        customer,
        700,
        None,
    )
    assert len(walk(stack, customer_id=customer)) == 30, (
        "the list of all is the order service's own"
    )
    assert walk(stack, customer_id=customer, needs_attention=True, status="CANCELLED") == []


def test_runs_that_are_no_orders_are_left_out(stack: Stack) -> None:
    """A run whose id is no order's, or holds more than one, is no order needing attention."""
    for workflow_id in ('" OR "1"="1', "é", "a b", "x" * 65):
        run(stack, workflow_id, "ROLLBACK_STUCK", attention=True)
    run(stack, "after-all", "ROLLBACK_STUCK", attention=True, customer="after-all")
    until(lambda: states(stack, "after-all", needs_attention=True), "visibility has them")
    assert not {'" OR "1"="1', "é", "a b", "x" * 65} & set(walk(stack, needs_attention=True))


def test_a_list_is_narrowed_by_state_and_reason(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """By the state shown, open or closed, and by why they failed; `next` keeps both."""
    record(orders, customer, "n-1", "n-2", "n-3", "n-4", "n-5", "n-6")
    for order_id in ("n-1", "n-2", "n-3"):
        run(stack, order_id, "AWAITING_REVIEW")
    run(stack, "n-4", "COMPLETED")
    orders.confirm(confirm("n-5"))
    orders.cancel(cancel("n-6", ORDER.model_copy(update={"customer_id": customer})))
    query = {"customer_id": customer, "state": "AWAITING_REVIEW"}
    until(lambda: walk(stack, **query) == ["n-3", "n-2", "n-1"], "visibility knows them")
    assert walk(stack, **query, limit=1) == ["n-3", "n-2", "n-1"]
    following = page(stack, **query, limit=1)["next"]
    assert following.startswith(
        f"/orders?state=AWAITING_REVIEW&customer_id={customer}&limit=1&cursor="
    )
    until(
        lambda: walk(stack, customer_id=customer, state="COMPLETED") == ["n-5", "n-4"],
        "one that closes, and one that did",
    )
    assert walk(stack, customer_id=customer, state="COMPLETED", status="PENDING") == ["n-4"]
    assert walk(stack, customer_id=customer, state="COMPLETED", limit=1) == ["n-5", "n-4"]
    assert walk(stack, customer_id=customer, state="FAILED") == ["n-6"]
    assert walk(stack, customer_id=customer, state="ROLLBACK_STUCK") == []
    assert walk(stack, customer_id=customer, reason="OUT_OF_STOCK") == ["n-6"]
    assert walk(stack, customer_id=customer, reason="CANCELLED") == []
    assert walk(stack, customer_id=customer, reason="OUT_OF_STOCK", state="COMPLETED") == []
