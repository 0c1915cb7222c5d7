"""Lists of orders over HTTP: real API, server and database.

No worker runs, so that every order stays where a test puts it.
"""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from application.order_list import OrderLists
from application.order_query import ListQuery
from application.runs import Runs
from application.visibility import MOST_RUNS, SagaRuns, Visibility
from application.watch import Watch
from contracts.base import MAX_LINES
from contracts.placing import DraftOrder
from contracts.record import Failure
from contracts.views import Links
from participants.order.service import OrderService
from temporal_saga.database import open_database
from tests.commands import ORDER, START, cancel, confirm, register
from tests.stack import Stack, until

pytestmark = pytest.mark.long

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
"""When orders on record were placed: most have no saga here.

An older one of those was left open.
"""

LEFT_OUT = ("timeline", "lines", "refund", "acts")
"""What a list leaves out of an order."""

CUSTOMERS = iter(f"customer-{number}" for number in range(1_000))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Temporal and the API, and nobody who works."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.start_temporal()
        system.start("api", "api.py")
        until(lambda: system.status("/readyz") == 200, "the API is ready")
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def orders(stack: Stack) -> Iterator[OrderService]:
    """The order service's records, to write them as its worker would."""
    engine = open_database(f"sqlite:///{stack.data_dir}/order.db")
    yield OrderService.open(engine)
    engine.dispose()


@pytest.fixture
def customer() -> str:
    """A customer of this test alone, whose list is not disturbed by others."""
    return next(CUSTOMERS)


def record(orders: OrderService, customer: str, *order_ids: str, seconds: int = 0) -> None:
    """Put open orders on record, all placed at one instant."""
    for order_id in order_ids:
        order = ORDER.model_copy(update={"customer_id": customer})
        orders.register(register(order_id, order, start=SOON + timedelta(seconds=seconds)))


def run(
    stack: Stack, order_id: str, state: str, *, attention: bool = False, customer: str = ""
) -> None:
    """Start an order's run, which stays in a state that its search attributes show."""
    shown: dict[str, Any] = {"SagaState": state, "NeedsAttention": attention}
    shown |= {"CustomerId": customer, "OrderTotalMinor": 700} if customer else {}
    attributes = [
        part
        for name, value in shown.items()
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


def page(stack: Stack, path: str = "/orders", **asked: Any) -> dict[str, Any]:
    answer = stack.http.get(path, params=asked or None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert all("timeline" not in order for order in found["orders"])
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [order["order_id"] for order in found["orders"]]


def walk(stack: Stack, **asked: Any) -> list[str]:
    """Return the whole list, following `next` from page to page."""
    found = page(stack, **asked)
    listed = ids(found)
    while found["next"]:
        found = page(stack, found["next"])
        listed += ids(found)
    return listed


def states(stack: Stack, customer: str, **asked: Any) -> dict[str, tuple[str, str, bool]]:
    found = page(stack, customer_id=customer, **asked)["orders"]
    return {
        order["order_id"]: (order["state"], order["status"], order["needs_attention"])
        for order in found
    }


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
    [listed] = page(stack, customer_id=customer)["orders"]
    single = stack.http.get("/orders/whole").json()
    assert listed == {key: value for key, value in single.items() if key not in LEFT_OUT} | {
        "line_count": 3
    }
    assert (len(single["lines"]), listed["failure"]["reason"]) == (3, "OUT_OF_STOCK")


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
    shown = {
        "s-stuck": ("ROLLBACK_STUCK", "PENDING", True),
        "s-paid": ("PAYMENT_COMPLETED", "PENDING", False),
        "s-new": ("PENDING", "PENDING", False),
        "s-failed": ("FAILED", "CANCELLED", False),
        "s-done": ("COMPLETED", "CONFIRMED", False),
    }
    until(
        lambda: states(stack, customer) == shown, f"visibility has them: {states(stack, customer)}"
    )
    until(
        lambda: states(stack, customer, needs_attention=True).keys() == {"s-stuck"},
        "the next look sees it",
    )
    assert page(stack, customer_id=customer, needs_attention=True, limit=1)["next"] is None, (
        "no closed order is to come"
    )
    assert states(stack, customer, needs_attention=False).keys() == shown.keys() - {"s-stuck"}
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
    stuck = dict.fromkeys(("ended", "begun-again"), ("ROLLING_BACK", "PENDING", True))
    until(lambda: states(stack, customer, needs_attention=True) == stuck, "both need attention")
    run(stack, "begun-again", "PAYMENT_COMPLETED")
    until(
        lambda: states(stack, customer, needs_attention=True).keys() == {"ended"},
        "one needs attention",
    )
    assert states(stack, customer)["begun-again"] == ("PAYMENT_COMPLETED", "PENDING", False)


def test_what_needs_attention_is_found_page_by_page(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """The few among many are found in order and whole, also those that are not on record."""
    for number in range(0, 30, 5):
        record(orders, customer, *(f"a-{number + n:02}" for n in range(5)), seconds=number)
    stuck = ["a-27", "a-21", "a-20", "a-13", "a-02"]
    for order_id in stuck:
        run(stack, order_id, "ROLLBACK_STUCK", attention=True)
    for order_id in ("a-unheard-1", "a-unheard-2"):
        run(stack, order_id, "ROLLBACK_STUCK", attention=True, customer=customer)
    wanted = [*stuck, "a-unheard-2", "a-unheard-1"]
    for limit in (1, 2, 3, 6, 7, 100):
        listed = partial(walk, stack, customer_id=customer, needs_attention=True, limit=limit)
        until(lambda listed=listed: listed() == wanted, f"all are found by pages of {limit}")  # type: ignore[misc]
    unheard = page(stack, customer_id=customer, needs_attention=True)["orders"][-1]
    assert (unheard["state"], unheard["status"], unheard["needs_attention"]) == (
        "ROLLBACK_STUCK",
        "PENDING",
        True,
    )
    assert (unheard["customer_id"], unheard["total_minor"], unheard["line_count"]) == (
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
    given = following.partition("cursor=")[2]
    assert ids(page(stack, cursor=given, customer_id=customer)) == ["c-2", "c-1"]
    assert ids(page(stack, cursor=given, customer_id=customer, status="CONFIRMED")) == []
    assert following == f"/orders?customer_id={customer}&limit=1&cursor={given}"


def test_the_openapi_document_tells_of_lists(stack: Stack) -> None:
    """The list declares its parameters, with their limits, and its answer."""
    declared = stack.http.get("/openapi.json").json()["paths"]["/orders"]["get"]
    assert [parameter["name"] for parameter in declared["parameters"]] == [
        *("state", "status", "reason", "customer_id", "needs_attention", "limit", "cursor"),
    ]
    assert declared["responses"].keys() == {"200", "403", "421", "422", "429", "503"}
    assert declared["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/OrderList"
    }


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
    asked = {"customer_id": customer, "state": "AWAITING_REVIEW"}
    until(lambda: walk(stack, **asked) == ["n-3", "n-2", "n-1"], "visibility knows them")
    assert walk(stack, **asked, limit=1) == ["n-3", "n-2", "n-1"]
    following = page(stack, **asked, limit=1)["next"]
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


@pytest.mark.long
def test_the_largest_page_is_small_and_quick(
    stack: Stack, orders: OrderService, customer: str
) -> None:
    """A hundred failed orders of the greatest size: under 1 MB, in under 0.3 s.

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

    def asked() -> tuple[float, httpx.Response]:
        began = time.perf_counter()
        answer = stack.http.get("/orders", params={"customer_id": customer, "limit": 100})
        return time.perf_counter() - began, answer

    seconds, answer = min((asked() for _ in range(10)), key=lambda taken: taken[0])
    found = answer.json()["orders"]
    assert {order["line_count"] for order in found} == {MAX_LINES}
    assert len(found) == 100
    assert len(answer.content) < 1_000_000
    assert seconds < 0.3
    whole = stack.http.get(f"/orders/{found[0]['order_id']}").json()
    assert (whole["failure"]["details"], len(whole["lines"])) == (details, MAX_LINES)


class ClosesMeanwhile(Visibility):
    """Confirms an order in the instant in which visibility is asked, as its saga might."""

    def __init__(self, client: Client, orders: OrderService, order_id: str) -> None:
        super().__init__(client)
        self._close = partial(orders.confirm, confirm(order_id))

    async def runs(self, which: str, limit: timedelta, *, most: int = MOST_RUNS) -> SagaRuns:
        """Confirm, and ask."""
        self._close()
        return await super().runs(which, limit, most=most)


@pytest.mark.parametrize(
    ("status", "shown"), [(None, [("COMPLETED", "CONFIRMED")]), ("PENDING", [])]
)
async def test_an_order_that_closes_meanwhile_is_closed(
    stack: Stack, orders: OrderService, customer: str, status: Any, shown: list[tuple[str, str]]
) -> None:
    """An order that closes while a page is built is shown closed.

    When open orders are asked for, it is left out.
    """
    order_id = f"meanwhile-{customer}"
    record(orders, customer, order_id)
    run(stack, order_id, "PAYMENT_COMPLETED")
    client = await Client.connect(stack.env["TEMPORAL_ADDRESS"])
    visibility = ClosesMeanwhile(client, orders, order_id)
    watch = Watch(Runs(client, asyncio.Event()), visibility, orders)
    lists = OrderLists(visibility, watch, orders, lambda _: Links(self="", events="", temporal=""))
    found = await lists.page(ListQuery(customer_id=customer, status=status))
    assert [(order.state, order.status) for order in found.orders] == shown
    assert all(order.closed_at is not None for order in found.orders)


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
    found = page(stack, customer_id=customer)
    assert [(order["order_id"], order["state"]) for order in found["orders"]] == [
        ("w-open", "PENDING"),
        ("w-closed", "COMPLETED"),
    ]
    assert found["warning"].startswith("Temporal gives no answer")
    assert page(stack, customer_id=customer, status="CONFIRMED")["warning"] is None, (
        "nothing is missing of closed orders"
    )
    for attention in ("true", "false"):
        refused = stack.http.get(
            "/orders", params={"customer_id": customer, "needs_attention": attention}
        )
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    stack.start_temporal()
    until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    assert states(stack, customer, needs_attention=True) == {
        "w-open": ("ROLLBACK_STUCK", "PENDING", True)
    }
    assert page(stack, customer_id=customer)["warning"] is None
