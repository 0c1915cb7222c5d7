"""Orders that need a person, through real processes.

What ends or halts their sagas, and what view, list and figure say of it.
"""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from contracts.steps import ROLES
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

FAILS_ALWAYS = """
import asyncio, sys
from collections.abc import Sequence
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

@workflow.defn(dynamic=True)
class Faulty:
    @workflow.run
    async def run(self, arguments: Sequence[RawValue]) -> None:
        raise KeyError("a defect")

async def main():
    client = await Client.connect(sys.argv[1])
    await Worker(
        client,
        task_queue="order-saga",
        workflows=[Faulty],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ).run()

asyncio.run(main())
"""

LEFT_OPEN = {("ended", "LEFT_OPEN"), ("gone", "LEFT_OPEN")}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with one worker process per role, in which what is stuck is called so soon."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "STUCK_AFTER_SECONDS": "3",
        "COMPENSATION_PAUSE_SECONDS": "1",
        "START_TO_CLOSE_SECONDS": "2",
        "REVIEW_THRESHOLD_MINOR": "100000",
        "REVIEW_SECONDS": "12",
    }
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6, "none": 0})
        system.start_all(*ROLES)
        leave_open(system)
        yield system
    finally:
        system.stop()


@contextmanager
def hung(stack: Stack, worker: str) -> Iterator[None]:
    """Have a worker hang."""
    stack.suspend(worker)
    try:
        yield
    finally:
        stack.processes[worker].send_signal(signal.SIGCONT)


def leave_open(stack: Stack) -> None:
    """End the sagas of two paid orders from outside; delete one, as retention does."""
    with hung(stack, "stock"):
        place_paid(stack, "ended", "gone")
        for order_id in ("ended", "gone"):
            stack.temporal(
                "workflow", "terminate", "--workflow-id", f"order-{order_id}", "--reason", "a test"
            )
        stack.temporal("workflow", "delete", "--workflow-id", "order-gone", "--yes")


def view(stack: Stack, order_id: str) -> dict[str, Any]:
    order_view: dict[str, Any] = stack.http.get(f"/orders/{order_id}").json()
    return order_view


def place_paid(stack: Stack, *order_ids: str, sku: str = "plenty") -> None:
    """Place orders, and wait until they are paid."""
    for order_id in order_ids:
        stack.place(order(order_id=order_id, sku=sku))
    for order_id in order_ids:
        until(
            lambda order_id=order_id: view(stack, order_id)["state"] == "PAYMENT_COMPLETED",  # type: ignore[misc]
            "paid",
        )


def causes(stack: Stack) -> dict[str, str]:
    """Return why orders need a person, by the list."""
    orders = stack.http.get("/orders?needs_attention=true").json()["orders"]
    return {order["order_id"]: order["attention"]["cause"] for order in orders}


def calls(stack: Stack) -> list[tuple[str, str]]:
    """Return for which orders a person was called, and why."""
    events = stack.http.get("/events").json()["events"]
    types = [event for event in events if event["type"] == "order.needs_attention"]
    return [(event["data"]["order_id"], event["data"]["cause"]) for event in types]


def message_in_list(stack: Stack) -> str:
    """Return what the list says of the one order that is stuck."""
    [listed_order] = stack.http.get("/orders?state=ROLLBACK_STUCK").json()["orders"]
    return str(listed_order["attention"]["message"])


def figures(stack: Stack) -> dict[str, float]:
    """Return the figures of what needs a person, by cause and in all.

    First as the overview counts them, then as the metrics do.
    """
    overview_figures = stack.http.get("/overview").json()["needs_attention"]
    name = "orders_needing_attention"
    lines = [line for line in stack.http.get("/metrics").text.splitlines() if line.startswith(name)]
    metric_figures = {
        line.rpartition(" ")[0].removeprefix(name): float(line.rpartition(" ")[2]) for line in lines
    }
    return {"overview": overview_figures["count"], **overview_figures["by_cause"], **metric_figures}


def test_a_wedged_saga_needs_a_person_until_a_corrected_worker_runs(stack: Stack) -> None:
    """A release whose code fails shows in view, list and figure within a minute.

    The release after it heals it.
    """
    with hung(stack, "stock"):
        place_paid(stack, "wedged")
        stack.kill("orchestrator")
        began = time.monotonic()
        stack.start("faulty", "-c", FAILS_ALWAYS, stack.env["TEMPORAL_ADDRESS"])
    until(
        lambda: (view(stack, "wedged")["attention"] or {}).get("cause") == "WEDGED",
        "the order says so",
        seconds=60,
    )
    until(
        lambda: causes(stack).get("wedged") == "WEDGED",
        "the list says so",
        seconds=60 - (time.monotonic() - began),
    )
    until(
        lambda: figures(stack)["WEDGED"] == 1,
        "the overview says so",
        seconds=60 - (time.monotonic() - began),
    )
    order_view = view(stack, "wedged")
    assert (order_view["state"], order_view["needs_attention"], order_view["closed_at"]) == (
        "PAYMENT_COMPLETED",
        True,
        None,
    )
    assert "a corrected worker" in order_view["attention"]["message"]
    assert order_view["attention"]["since"] > order_view["placed_at"]
    orders = stack.http.get("/orders?needs_attention=true").json()["orders"]
    assert [order["attention"]["since"] for order in orders if order["order_id"] == "wedged"] == [
        order_view["attention"]["since"]
    ]
    until(lambda: figures(stack)['_by_cause{cause="WEDGED"}'] == 1, "the figure says so")
    stack.kill("faulty")
    stack.start_worker("orchestrator")
    stack.ready("orchestrator")
    assert stack.closed_order("wedged", 60)["state"] == "COMPLETED"
    until(lambda: "wedged" not in causes(stack), "nobody is called any more")


def test_what_is_stuck_or_paused_is_told_in_plain_words(stack: Stack) -> None:
    """A worker that hangs, and a command paused by an operator, with why.

    The refund is shown once it is made.
    """
    with hung(stack, "stock"):
        place_paid(stack, "stuck", sku="none")
        stack.suspend("payment")
    until(lambda: causes(stack).get("stuck") == "STUCK", "it is stuck")
    order_view = view(stack, "stuck")
    [group] = (
        group
        for group in stack.http.get("/overview").json()["needs_attention"]["groups"]
        if group["cause"] == "STUCK"
    )
    assert (group["step"], group["command"], group["count"], group["within_hour"]) == (
        "ProcessPayment",
        "RefundPaymentCommand",
        1,
        1,
    )
    assert group["message"] == "a worker took the command and did not come back in time"
    message = order_view["attention"]["message"]
    assert message.startswith(
        "RefundPaymentCommand keeps failing:"
        " a worker took the command and did not come back in time"
    )
    assert order_view["attention"]["since"] > order_view["placed_at"]
    [listed_order] = stack.http.get("/orders?state=ROLLBACK_STUCK").json()["orders"]
    assert listed_order["attention"]["since"] == order_view["attention"]["since"]
    assert listed_order["failure"] == order_view["failure"], "why it rolls back"
    assert order_view["refund"] is None, "the money is not back yet"
    assert "did not come back in time" in stack.temporal(
        "workflow", "metadata", "--workflow-id", "order-stuck"
    )

    def pending() -> list[dict[str, Any]]:
        output = stack.temporal(
            "workflow", "describe", "--workflow-id", "order-stuck", "--output", "json"
        )
        activities: list[dict[str, Any]] = json.loads(output).get("pendingActivities", [])
        return activities

    activity_id = until(pending, "another round of tries has begun")[0]["activityId"]
    place = ("--workflow-id", "order-stuck", "--activity-id", activity_id)
    stack.temporal("activity", "pause", *place, "--reason", "the bank is closed")
    paused_order = until(
        lambda: (
            (order_view := view(stack, "stuck"))["timeline"][-1]["detail"].get("paused")
            and order_view
        ),
        "it is paused",
    )
    assert paused_order["timeline"][-1]["detail"]["message"].startswith("paused by temporal-cli:")
    assert "the bank is closed" in paused_order["attention"]["message"]
    until(lambda: "An operator paused it" in message_in_list(stack), "the list says so, too")
    assert "still tried" not in message_in_list(stack)
    stack.run_command_in(paused_order["attention"]["message"], "activity unpause")
    stack.processes["payment"].send_signal(signal.SIGCONT)
    refund = stack.closed_order("stuck")["refund"]
    assert (refund["amount_minor"], refund["currency"]) == (100, "GBP")
    assert refund["message"].startswith("1.00 GBP went back to the customer at 20")
    stack.temporal("workflow", "delete", "--workflow-id", "order-stuck", "--yes")
    recorded_order = until(
        lambda: (order := view(stack, "stuck"))["timeline"][-1]["detail"].get("cause") and order,
        "Temporal has forgotten the run",
    )
    assert recorded_order["refund"] == refund, "the record tells the same"
    poor_order = stack.place(order(order_id="poor", customer="unknown"), Prefer="wait=20").json()
    assert poor_order["refund"] == {
        "amount_minor": 0,
        "currency": "GBP",
        "at": None,
        "message": "nothing had been charged",
    }


def test_a_person_is_called_before_a_review_expires(stack: Stack) -> None:
    """View, list, overview and figure say so while there is time; whoever approves it ends that."""
    stack.place(order(price=100_000, order_id="large"))
    assert view(stack, "large")["attention"] is None
    until(lambda: causes(stack).get("large") == "REVIEW_EXPIRING", "half its time is over")
    attention = view(stack, "large")["attention"]
    assert attention["cause"] == "REVIEW_EXPIRING"
    assert "approve or reject it before" in attention["message"]
    assert figures(stack)["REVIEW_EXPIRING"] == 1
    assert '_by_cause{cause="REVIEW_EXPIRING"}' in figures(stack)
    decision = {"by": "ann", "reason": "known customer"}
    stack.http.post("/orders/large/approve", json=decision).raise_for_status()
    assert stack.closed_order("large")["state"] == "COMPLETED"
    until(lambda: "large" not in causes(stack), "nobody is called any more")


def test_an_order_whose_saga_is_gone_needs_a_person_until_it_is_started_again(stack: Stack) -> None:
    """Terminated, or deleted as by retention: view, list, figure and overview say so.

    The remedy that they name works.
    """
    until(lambda: view(stack, "gone")["state"] == "PENDING", "it is forgotten")
    ended_order = view(stack, "ended")
    assert (ended_order["state"], ended_order["status"], ended_order["closed_at"]) == (
        "PAYMENT_COMPLETED",
        "PENDING",
        None,
    )
    assert (ended_order["attention"]["cause"], ended_order["needs_attention"]) == (
        "LEFT_OPEN",
        True,
    )
    assert ended_order["attention"]["since"] >= ended_order["placed_at"]
    assert (
        "temporal workflow reset --workflow-id order-ended --type LastWorkflowTask"
        in ended_order["attention"]["message"]
    )
    gone_order = view(stack, "gone")
    assert (gone_order["state"], gone_order["closed_at"], gone_order["attention"]["since"]) == (
        "PENDING",
        None,
        None,
    )
    assert "temporal workflow start" in gone_order["attention"]["message"]
    began = time.monotonic()
    answer = stack.place(order(order_id="ended"), Prefer="wait=20")
    assert (answer.status_code, time.monotonic() - began < 10) == (202, True), (
        "nobody waits for what does not come"
    )
    until(
        lambda: causes(stack) == {"ended": "LEFT_OPEN", "gone": "LEFT_OPEN"},
        "both are listed",
        seconds=60,
    )
    orders = stack.http.get("/orders?state=PAYMENT_COMPLETED").json()["orders"]
    assert [order["order_id"] for order in orders] == ["ended"]
    expected = {
        "overview": 2,
        "LEFT_OPEN": 2,
        "STUCK": 0,
        "WEDGED": 0,
        "": 2.0,
        '_by_cause{cause="LEFT_OPEN"}': 2.0,
    }
    until(lambda: expected.items() <= figures(stack).items(), f"both are counted: {figures(stack)}")
    assert stack.http.get("/overview").json()["needs_attention"]["at_stake_minor"] == {"GBP": 200}
    until(lambda: set(calls(stack)) >= LEFT_OPEN, "a person is called, while one is needed", 60)

    with ThreadPoolExecutor(1) as pool:
        stream_text = pool.submit(lambda: stack.http.get("/orders/ended/events").text)
        words = {"by": "ann", "reason": "a test"}
        problem = stack.http.post("/orders/ended/cancel", json=words).json()
        assert ended_order["attention"]["message"] in problem["detail"]
        stack.run_command_in(problem["detail"], "workflow reset")
        assert stack.closed_order("ended")["state"] == "COMPLETED"
        assert "event: closed" in stream_text.result(30), "who followed it hears how it ended"
    start_input = json.dumps(order())
    place_again = (
        "--type",
        "OrderSaga",
        "--task-queue",
        "order-saga",
        "--workflow-id",
        "order-gone",
        "--input",
        start_input,
    )
    stack.temporal("workflow", "start", *place_again)
    assert stack.closed_order("gone")["state"] == "COMPLETED"
    until(lambda: causes(stack) == {}, "nobody is called any more")


def test_a_person_is_called_once_for_each_need(stack: Stack) -> None:
    """Each order above is one event and one line of the log, however long it needed a person."""
    all_calls = calls(stack)
    assert set(all_calls) >= LEFT_OPEN
    assert len(set(all_calls)) == len(all_calls)
    log = stack.log_text("api")
    assert log.count("order ended needs a person: LEFT_OPEN (call 1): its saga has ended") == 1
