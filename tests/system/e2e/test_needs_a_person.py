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


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with one worker process per role, in which what is stuck is called so soon."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "STUCK_AFTER_SECONDS": "3",
        "COMPENSATION_PAUSE_SECONDS": "1",
        "START_TO_CLOSE_SECONDS": "2",
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
    stack.processes[worker].send_signal(signal.SIGSTOP)
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
    found: dict[str, Any] = stack.http.get(f"/orders/{order_id}").json()
    return found


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
    listed = stack.http.get("/orders?needs_attention=true").json()["orders"]
    return {order["order_id"]: order["attention"]["cause"] for order in listed}


def message_in_list(stack: Stack) -> str:
    """Return what the list says of the one order that is stuck."""
    [listed] = stack.http.get("/orders?state=ROLLBACK_STUCK").json()["orders"]
    return str(listed["attention"]["message"])


def figures(stack: Stack) -> dict[str, float]:
    """Return the figures of what needs a person, by cause and in all.

    First as the overview counts them, then as the metrics do.
    """
    found = stack.http.get("/overview").json()["needs_attention"]
    name = "orders_needing_attention"
    lines = [line for line in stack.http.get("/metrics").text.splitlines() if line.startswith(name)]
    told = {
        line.rpartition(" ")[0].removeprefix(name): float(line.rpartition(" ")[2]) for line in lines
    }
    return {"overview": found["count"], **found["by_cause"], **told}


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
    told = view(stack, "wedged")
    assert (told["state"], told["needs_attention"], told["closed_at"]) == (
        "PAYMENT_COMPLETED",
        True,
        None,
    )
    assert "a corrected worker" in told["attention"]["message"]
    assert told["attention"]["since"] > told["placed_at"]
    listed = stack.http.get("/orders?needs_attention=true").json()["orders"]
    assert [order["attention"]["since"] for order in listed if order["order_id"] == "wedged"] == [
        told["attention"]["since"]
    ]
    until(lambda: figures(stack)['_by_cause{cause="WEDGED"}'] == 1, "the figure says so")
    stack.kill("faulty")
    stack.start_worker("orchestrator")
    stack.ready("orchestrator")
    assert stack.closed("wedged", 60)["state"] == "COMPLETED"
    until(lambda: "wedged" not in causes(stack), "nobody is called any more")


def test_what_is_stuck_or_paused_is_told_in_plain_words(stack: Stack) -> None:
    """A worker that hangs, and a command paused by an operator, with why.

    The refund is shown once it is made.
    """
    with hung(stack, "stock"):
        place_paid(stack, "stuck", sku="none")
        stack.processes["payment"].send_signal(signal.SIGSTOP)
    until(lambda: causes(stack).get("stuck") == "STUCK", "it is stuck")
    told = view(stack, "stuck")
    message = told["attention"]["message"]
    assert message.startswith(
        "RefundPaymentCommand keeps failing:"
        " a worker took the command and did not come back in time"
    )
    assert told["attention"]["since"] > told["placed_at"]
    [listed] = stack.http.get("/orders?state=ROLLBACK_STUCK").json()["orders"]
    assert listed["attention"]["since"] == told["attention"]["since"]
    assert told["refund"] is None, "the money is not back yet"
    assert "did not come back in time" in stack.temporal(
        "workflow", "metadata", "--workflow-id", "order-stuck"
    )

    def pending() -> list[dict[str, Any]]:
        shown = stack.temporal(
            "workflow", "describe", "--workflow-id", "order-stuck", "--output", "json"
        )
        activities: list[dict[str, Any]] = json.loads(shown).get("pendingActivities", [])
        return activities

    activity_id = until(pending, "another round of tries has begun")[0]["activityId"]
    place = ("--workflow-id", "order-stuck", "--activity-id", activity_id)
    stack.temporal("activity", "pause", *place, "--reason", "the bank is closed")
    paused = until(
        lambda: (told := view(stack, "stuck"))["timeline"][-1]["detail"].get("paused") and told,
        "it is paused",
    )
    assert paused["timeline"][-1]["detail"]["message"].startswith("paused by temporal-cli:")
    assert "the bank is closed" in paused["attention"]["message"]
    until(lambda: "An operator paused it" in message_in_list(stack), "the list says so, too")
    assert "still tried" not in message_in_list(stack)
    stack.typed(paused["attention"]["message"], "activity unpause")
    stack.processes["payment"].send_signal(signal.SIGCONT)
    refund = stack.closed("stuck")["refund"]
    assert (refund["amount_minor"], refund["currency"]) == (100, "GBP")
    assert refund["message"].startswith("1.00 GBP went back to the customer at 20")
    stack.temporal("workflow", "delete", "--workflow-id", "order-stuck", "--yes")
    on_record = until(
        lambda: (told := view(stack, "stuck"))["timeline"][-1]["detail"].get("cause") and told,
        "Temporal has forgotten the run",
    )
    assert on_record["refund"] == refund, "the record tells the same"
    refused = stack.place(order(order_id="poor", customer="unknown"), Prefer="wait=20").json()
    assert refused["refund"] == {
        "amount_minor": 0,
        "currency": "GBP",
        "at": None,
        "message": "nothing had been charged",
    }


def test_an_order_whose_saga_is_gone_needs_a_person_until_it_is_started_again(stack: Stack) -> None:
    """Terminated, or deleted as by retention: view, list, figure and overview say so.

    The remedy that they name works.
    """
    until(lambda: view(stack, "gone")["state"] == "PENDING", "it is forgotten")
    ended = view(stack, "ended")
    assert (ended["state"], ended["status"], ended["closed_at"]) == (
        "PAYMENT_COMPLETED",
        "PENDING",
        None,
    )
    assert (ended["attention"]["cause"], ended["needs_attention"]) == ("LEFT_OPEN", True)
    assert ended["attention"]["since"] >= ended["placed_at"]
    assert (
        "temporal workflow reset --workflow-id order-ended --type LastWorkflowTask"
        in ended["attention"]["message"]
    )
    gone = view(stack, "gone")
    assert (gone["state"], gone["closed_at"], gone["attention"]["since"]) == ("PENDING", None, None)
    assert "temporal workflow start" in gone["attention"]["message"]
    began = time.monotonic()
    waited = stack.place(order(order_id="ended"), Prefer="wait=20")
    assert (waited.status_code, time.monotonic() - began < 10) == (202, True), (
        "nobody waits for what does not come"
    )
    until(
        lambda: causes(stack) == {"ended": "LEFT_OPEN", "gone": "LEFT_OPEN"},
        "both are listed",
        seconds=60,
    )
    listed = stack.http.get("/orders?state=PAYMENT_COMPLETED").json()["orders"]
    assert [order["order_id"] for order in listed] == ["ended"]
    counted = {
        "overview": 2,
        "LEFT_OPEN": 2,
        "STUCK": 0,
        "WEDGED": 0,
        "": 2.0,
        '_by_cause{cause="LEFT_OPEN"}': 2.0,
    }
    until(lambda: counted.items() <= figures(stack).items(), f"both are counted: {figures(stack)}")
    assert stack.http.get("/overview").json()["needs_attention"]["at_stake_minor"] == {"GBP": 200}

    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(lambda: stack.http.get("/orders/ended/events").text)
        said = {"by": "ann", "reason": "a test"}
        refused = stack.http.post("/orders/ended/cancel", json=said).json()
        assert ended["attention"]["message"] in refused["detail"]
        stack.typed(refused["detail"], "workflow reset")
        assert stack.closed("ended")["state"] == "COMPLETED"
        assert "event: closed" in heard.result(30), "who followed it hears how it ended"
    given = json.dumps(order())
    place_again = (
        "--type",
        "OrderSaga",
        "--task-queue",
        "order-saga",
        "--workflow-id",
        "order-gone",
        "--input",
        given,
    )
    stack.temporal("workflow", "start", *place_again)
    assert stack.closed("gone")["state"] == "COMPLETED"
    until(lambda: causes(stack) == {}, "nobody is called any more")
