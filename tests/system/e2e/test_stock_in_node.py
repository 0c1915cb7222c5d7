"""The participant `stock` in Node takes the place of ours: by its task queue, and by JSON alone."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import grpc
import pytest
from temporalio.client import ActivityFailureError, Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from tests.gate import Gate, gate
from tests.stack import ROOT, Stack, order, until

pytestmark = pytest.mark.long

EXAMPLE = ROOT / "examples" / "stock-in-node"
INSTALLED = EXAMPLE / "node_modules" / ".package-lock.json"
OPENING = {"plenty": 1_000, "scarce": 1}
PYTHON = "orchestrator+order+payment"
KEY = "order-{}/DecreaseStock"


class Participant:
    """The worker in Node, what stands in its file, and the gate between it and Temporal."""

    def __init__(self, stack: Stack, to_temporal: Gate) -> None:
        self.stack = stack
        self.gate = to_temporal
        self.file = stack.data_dir / "stock-in-node.db"
        self.opening = stack.data_dir / "opening.json"
        self.opening.write_text(json.dumps(OPENING))
        self.processes = dict[str, subprocess.Popen[bytes]]()

    def start(self, name: str = "node") -> None:
        """Start a process of it, and wait until it takes commands."""
        log_path = self.stack.data_dir / f"{name}.log"
        with log_path.open("wb") as log:
            self.processes[name] = process = subprocess.Popen(
                ["node", "worker.js", str(self.opening)],
                cwd=EXAMPLE,
                env=self.stack.env
                | {
                    "STOCK_FILE": str(self.file),
                    "TEMPORAL_ADDRESS": f"127.0.0.1:{self.gate.port}",
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def is_ready() -> bool:
            assert process.poll() is None, log_path.read_text()
            return "ready: stock" in log_path.read_text()

        until(is_ready, f"{name} is ready")

    def kill(self, name: str = "node") -> None:
        """End one with SIGKILL."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(30)

    def terminate(self, name: str = "node") -> int:
        """Ask one to end, and return its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(30)

    def stop(self) -> None:
        """End what is left."""
        for name in list(self.processes):
            self.kill(name)

    def read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Return rows of its file."""
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(query, values).fetchall()

    @contextmanager
    def hold_file(self) -> Iterator[None]:
        """Hold its file, so that it has to wait, and after 4 s gives up."""
        with closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")

    def movements(self, order_id: str) -> list[int]:
        """Return what an order took (negative) and put back."""
        query = "SELECT change FROM movements WHERE command_key LIKE ? ORDER BY command_key"
        return [change for (change,) in self.read(query, f"order-{order_id}/%")]

    def available(self, sku: str) -> int:
        """Return how many are left."""
        [(count,)] = self.read("SELECT available FROM products WHERE sku = ?", sku)
        return int(count)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system in which no worker of ours is the participant `stock`."""
    if shutil.which("node") is None or not INSTALLED.exists():
        pytest.skip("the participant in Node is not installed: `make node`, with npm and a network")
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9, "poor": 100}, {})
        system.start_all(PYTHON)
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def participant(stack: Stack) -> Iterator[Participant]:
    """The participant in Node, at work."""
    with gate(stack.env["TEMPORAL_ADDRESS"]) as to_temporal:
        node = Participant(stack, to_temporal)
        try:
            node.start()
            yield node
        finally:
            node.stop()


@pytest.fixture
async def client(stack: Stack) -> Client:
    """A client that sends plain JSON."""
    return await Client.connect(stack.env["TEMPORAL_ADDRESS"])


def command(order_id: str, quantity: int = 1, sku: str = "plenty", **fields: Any) -> dict[str, Any]:
    """Return a command to take from stock, as it stands on the wire."""
    key = KEY.format(order_id)
    lines = [{"sku": sku, "quantity": quantity}]
    return {"idempotency_key": key, "order_id": order_id, "lines": lines, **fields}


def compensation(order_id: str, quantity: int = 1, sku: str = "plenty") -> dict[str, Any]:
    """Return the command that takes it back."""
    key = KEY.format(order_id) + "/compensation"
    return command(order_id, quantity, sku, idempotency_key=key)


async def send(client: Client, activity: str, message: dict[str, Any]) -> dict[str, Any]:
    """Send a command once, and return the answer."""
    answer: dict[str, Any] = await client.execute_activity(
        activity,
        message,
        id=f"{activity}-{uuid4().hex}",
        task_queue="stock",
        result_type=dict,
        schedule_to_close_timeout=timedelta(seconds=15),
        retry_policy=RetryPolicy(maximum_attempts=1),
    )
    return answer


async def failure_of(client: Client, activity: str, message: dict[str, Any]) -> ApplicationError:
    """Send a command that is turned away, and return what it failed with."""
    with pytest.raises(ActivityFailureError) as info:
        await send(client, activity, message)
    assert isinstance(info.value.cause, ApplicationError)
    return info.value.cause


async def test_its_fence_keeps_all_six_promises(client: Client, participant: Participant) -> None:
    """As ours does, told by commands alone: README.md of the example numbers them."""
    # 1: the same key twice, a refusal included, even when there is stock for it by now.
    event = {"event": "StockDecreasedEvent", "order_id": "one"}
    assert [await send(client, "DecreaseStock", command("one")) for _ in range(2)] == [event] * 2
    assert participant.movements("one") == [-1]
    refusals = [
        await failure_of(client, "DecreaseStock", command("two", 2, "scarce")) for _ in range(2)
    ]
    assert [refusal.details for refusal in refusals] == [refusals[0].details] * 2
    # 2: with another payload.
    reuse = await failure_of(client, "DecreaseStock", command("one", 2))
    assert (reuse.type, reuse.non_retryable) == ("KeyReused", True)
    # A field that a newer release added is no other payload.
    assert await send(client, "DecreaseStock", command("one", gift_wrap=True)) == event
    # 3: a compensation of what never happened.
    no_effect = {"event": "StockRestoredEvent", "order_id": "three", "restored": False}
    assert await send(client, "RestoreStock", compensation("three")) == no_effect
    # 4: the command after its compensation.
    late = await failure_of(client, "DecreaseStock", command("three"))
    assert (late.type, late.details[0]["reason"]) == (
        "StockDecreaseFailedEvent",
        "ALREADY_COMPENSATED",
    )
    assert participant.movements("three") == []
    # What was refused has nothing to take back; what took effect is taken back once.
    assert not (await send(client, "RestoreStock", compensation("two", 2, "scarce")))["restored"]
    # 6: a compensation that could not be done, as its file was held, may be sent again.
    with participant.hold_file():
        away = await failure_of(client, "RestoreStock", compensation("one"))
        assert not away.non_retryable
    answers = [await send(client, "RestoreStock", compensation("one")) for _ in range(2)]
    assert [answer["restored"] for answer in answers] == [True, True]
    assert participant.movements("one") == [-1, 1]


async def test_a_refusal_is_one_that_the_saga_understands(
    client: Client, participant: Participant
) -> None:
    """By its type, not retryable, benign, with the contract's own refusal as its detail."""
    del participant
    refusal = await failure_of(client, "DecreaseStock", command("short", 5, "scarce"))
    assert (refusal.type, refusal.non_retryable, refusal.category) == (
        "StockDecreaseFailedEvent",
        True,
        ApplicationErrorCategory.BENIGN,
    )
    assert refusal.details[0]["details"] == {
        "short": [{"sku": "scarce", "asked": 5, "available": 1}]
    }
    unreadable = await failure_of(client, "DecreaseStock", {"order_id": "short"})
    assert not unreadable.non_retryable  # an outage: a mended release may take the next try


async def test_two_processes_at_once_have_one_effect(
    client: Client, participant: Participant
) -> None:
    """Promise 5: whoever comes second waits, and gets the first one's answer."""
    participant.start("node-2")
    with participant.hold_file():  # both have it before either may write
        sending = [
            asyncio.create_task(send(client, "DecreaseStock", command("twice"))) for _ in range(8)
        ]
        early_answers, _ = await asyncio.wait(sending, timeout=1)
        assert not early_answers
    answers = await asyncio.gather(*sending)
    assert answers == [{"event": "StockDecreasedEvent", "order_id": "twice"}] * 8
    assert participant.movements("twice") == [-1]
    assert participant.terminate("node-2") == 0


def test_orders_complete_and_roll_back_with_it(stack: Stack, participant: Participant) -> None:
    """The whole saga: a sale, one that stock refuses and payment takes back, a product unknown."""
    sale = stack.place(order(quantity=3, order_id="sale"), Prefer="wait=30").json()
    assert (sale["state"], sale["status"]) == ("COMPLETED", "CONFIRMED")
    assert participant.movements("sale") == [-3]
    short = stack.place(order(sku="scarce", quantity=2, order_id="dear"), Prefer="wait=30").json()
    assert (short["state"], short["failure"]["reason"]) == ("FAILED", "OUT_OF_STOCK")
    assert short["failure"]["details"]["short"] == [{"sku": "scarce", "asked": 2, "available": 1}]
    assert short["refund"]["amount_minor"] == 200
    unknown_product = stack.place(order(sku="nothing", order_id="odd"), Prefer="wait=30").json()
    assert unknown_product["failure"]["reason"] == "UNKNOWN_SKU"
    poor = stack.place(order("poor", price=101, order_id="poor"), Prefer="wait=30").json()
    assert poor["failure"]["reason"] == "INSUFFICIENT_FUNDS"
    assert [participant.movements(name) for name in ("dear", "odd", "poor")] == [[], [], []]


def test_killed_and_started_again_it_loses_and_doubles_nothing(
    stack: Stack, participant: Participant
) -> None:
    """Killed once it has taken from stock, and before anybody heard: each order is taken once."""
    before = participant.available("plenty")
    names = ["one-killed", "two-killed", "away"]
    participant.gate.closed_methods = frozenset({"RespondActivityTaskCompleted"})
    participant.gate.status = grpc.StatusCode.UNAVAILABLE
    for name in names[:2]:
        assert stack.place(order(order_id=name)).status_code == 202
        until(partial(participant.movements, name), "it is taken from stock")
    participant.kill()
    participant.gate.status = None
    assert stack.place(order(order_id=names[2])).status_code == 202
    participant.start()
    assert [stack.closed_order(name)["state"] for name in names] == ["COMPLETED"] * 3
    assert [participant.movements(name) for name in names] == [[-1]] * 3
    assert participant.available("plenty") == before - 3


def test_its_books_agree(participant: Participant) -> None:
    """What is available is what there was, and what was taken and put back since."""
    query = """
        SELECT sku, available, opening + COALESCE(SUM(change), 0)
        FROM products LEFT JOIN movements USING (sku) GROUP BY sku"""
    rows = participant.read(query)
    assert len(rows) == len(OPENING)
    assert [sku for sku, available, by_movements in rows if available != by_movements] == []
