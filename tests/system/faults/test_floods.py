"""Floods of messages to stuck orders, and outages of ours that count for no deadline.

With the real system.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from contracts.steps import ROLES
from operations.up.temporal_server import MOST_SIGNALS
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

RETRY = {"step": "ProcessPayment", "by": "ann", "reason": "try again"}
OTTO = {"by": "otto", "reason": "paid by hand", "evidence": "transfer 4711"}
MOST_EVENTS = 2 * MOST_SIGNALS
"""Of one run: a burst that comes in one task is in its history before the saga hears of it."""

AT_ONCE = 100
FLOOD_SECONDS = 120


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system in which what fails is stuck soon."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {"STUCK_AFTER_SECONDS": "2", "COMPENSATION_PAUSE_SECONDS": "1"}
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6, "scarce": 1})
        system.start_all(*ROLES)
        yield system
    finally:
        system.stop()


async def flood(address: str, workflow_id: str) -> tuple[int, list[int]]:
    """Signal with a new reason each time until the second following run.

    Return the number of signals, and each run's events.
    """
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    handle = client.get_workflow_handle(workflow_id)
    runs = [(await handle.describe()).run_id]
    signals_sent = 0
    give_up = time.monotonic() + FLOOD_SECONDS
    while len(runs) < 3 and time.monotonic() < give_up:
        words = [
            RETRY | {"reason": f"once more, {signals_sent + number}"} for number in range(AT_ONCE)
        ]
        answers = await asyncio.gather(
            *(handle.signal("retry_step", signal_words) for signal_words in words),
            return_exceptions=True,
        )
        assert all(answer is None or "signal" in str(answer) for answer in answers), (
            answers
        )  # or the run takes no more
        signals_taken = sum(answer is None for answer in answers)
        if not signals_taken:
            await asyncio.sleep(
                0.1
            )  # the run is full, and ends as soon as the orchestrator has read what came
        signals_sent += signals_taken
        now = (await handle.describe()).run_id
        runs += [now] if now != runs[-1] else []
    descriptions = [
        await client.get_workflow_handle(workflow_id, run_id=run).describe() for run in runs
    ]
    return signals_sent, [run.history_length for run in descriptions]


async def updates(address: str, workflow_id: str) -> int:
    """Return how many updates the saga's last run has taken."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    events = (await client.get_workflow_handle(workflow_id).fetch_history()).events
    return sum(
        event.HasField("workflow_execution_update_accepted_event_attributes") for event in events
    )


def order_view(stack: Stack, order_id: str) -> dict[str, Any]:
    """Return an order as the API shows it."""
    view: dict[str, Any] = stack.http.get(f"/orders/{order_id}").json()
    return view


def test_a_stuck_order_is_refunded_whatever_it_was_sent_meanwhile(stack: Stack) -> None:
    """Thousands of retries by signal and hundreds by update: histories stay short.

    A person's act still counts, and the money comes back.
    """
    orders = ("flooded", "settled")
    with stack.hold_database("stock"):
        for order_id in orders:
            stack.place(order(sku="scarce", quantity=2, order_id=order_id))
        until(
            lambda: all(stack.at_work(order_id, "DecreaseStock") for order_id in orders),
            "both are paid",
        )
        stack.kill("payment")
    for order_id in orders:
        until(
            lambda order_id=order_id: order_view(stack, order_id)["state"] == "ROLLBACK_STUCK",  # type: ignore[misc]
            f"{order_id} is stuck",
        )
    before = order_view(stack, "flooded")
    address = stack.env["TEMPORAL_ADDRESS"]

    signals_sent, lengths = asyncio.run(flood(address, "order-flooded"))
    assert len(lengths) == 3, f"{signals_sent} signals: runs of {lengths} events"
    assert max(lengths) < MOST_EVENTS
    began = time.monotonic()
    during = order_view(stack, "flooded")
    assert time.monotonic() - began < 5
    assert (during["state"], during["placed_at"], during["needs_attention"]) == (
        "ROLLBACK_STUCK",
        before["placed_at"],
        True,
    )
    assert during["failure"]["reason"] == "OUT_OF_STOCK"
    assert [c["state"] for c in during["compensations"]] == ["STUCK", "WAITING"]

    bodies = [{"by": "ann", "reason": f"once more, {number}"} for number in range(300)]
    path = "/orders/settled/steps/ProcessPayment"
    assert {stack.http.post(f"{path}/retry", json=words).status_code for words in bodies} == {202}
    assert asyncio.run(updates(address, "order-settled")) < len(bodies) / 3
    assert stack.http.post(f"{path}/settle", json=OTTO).status_code == 202
    assert [
        c["settled"] and c["settled"]["by"] for c in stack.closed_order("settled")["compensations"]
    ] == ["otto", None]

    stack.start_worker("payment")
    view = stack.closed_order("flooded", 60)
    assert (view["state"], view["placed_at"]) == ("FAILED", before["placed_at"])
    assert [(c["step"], c["state"]) for c in view["compensations"]] == [
        ("ProcessPayment", "DONE"),
        ("RegisterOrder", "DONE"),
    ]
    states = [entry["name"] for entry in view["timeline"] if entry["kind"] == "state"]
    assert states == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "ROLLING_BACK",
        "ROLLBACK_STUCK",
        "ROLLING_BACK",
        "FAILED",
    ]
    assert stack.http.get("/customers/rich/wallet").json()["balance_minor"] == 10**9 - 200


def test_an_orchestrator_that_was_away_is_no_ones_deadline(stack: Stack) -> None:
    """Orders placed meanwhile, or in the middle of a step that ended well, complete."""
    with stack.hold_database("payment"):
        stack.place(order(order_id="begun", deadline_seconds=6))
        until(lambda: stack.at_work("begun", "ProcessPayment"), "the payment is at work")
        stack.suspend("orchestrator")
    assert stack.place(order(order_id="placed", deadline_seconds=3)).status_code == 202
    time.sleep(7)
    stack.processes["orchestrator"].send_signal(signal.SIGCONT)
    for order_id in ("begun", "placed"):
        assert stack.closed_order(order_id)["state"] == "COMPLETED"


def test_everything_killed_is_no_ones_deadline(stack: Stack) -> None:
    """Killed in a payment until long after the deadline: one more try, and the order completes."""
    with stack.hold_database("payment"):
        stack.place(order(order_id="killed", deadline_seconds=5))
        until(partial(stack.at_work, "killed", "ProcessPayment"), "the payment is at work")
        for name in [*stack.processes]:
            stack.kill(name)
    time.sleep(8)
    stack.start_all(*ROLES)
    view = stack.closed_order("killed")
    assert view["state"] == "COMPLETED"
    assert [entry["name"] for entry in view["timeline"]].count("ProcessPaymentCommand") == 2
