"""Many orders that need a person, on a server with the default limit of visibility calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from contracts import stubs
from contracts.views import AttentionCause
from operations.up.temporal_server import server_command
from participants.order.service import OrderService
from temporal_saga.database import open_database
from tests.commands import ORDER, register
from tests.every_story import only_with_every_story
from tests.stack import BECOME, Stack, until
from tests.temporal_server import QUICK_DELETE, flags

pytestmark = pytest.mark.long

CALLS_A_SECOND = 10
"""A server's default limit of calls to visibility; the development server sets 100."""

MANY = 300


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Temporal with that limit, the API, and nobody who works."""
    system = Stack(tmp_path)
    try:
        command = server_command(
            system.data_dir / "temporal.db", system.temporal_port, system.ui_port
        )
        limit = f"--dynamic-config-value=frontend.namespaceRPS.visibility={CALLS_A_SECOND}"
        system.start("temporal", "-c", BECOME, *command, *flags(QUICK_DELETE), limit)
        system.start("api", "api.py")
        until(lambda: system.status("/readyz") == 200, "the API is ready")
        yield system
    finally:
        system.stop()


async def begin(stack: Stack, *order_ids: str) -> None:
    """Put open orders on record, and start sagas of them that nobody takes up."""
    engine = open_database(f"sqlite:///{stack.data_dir}/order.db")
    orders = OrderService.open(engine)
    search_attributes = (
        SearchAttributePair(stubs.SAGA_STATE, "AWAITING_REVIEW"),
        SearchAttributePair(stubs.NEEDS_ATTENTION, value=False),
    )

    async def start(client: Client, order_id: str) -> None:
        await client.start_workflow(
            stubs.WORKFLOW_TYPE,
            ORDER.model_dump(mode="json"),
            id=f"order-{order_id}",
            task_queue=stubs.ORCHESTRATOR_QUEUE,
            search_attributes=TypedSearchAttributes(search_attributes),
        )

    for order_id in order_ids:
        orders.register(register(order_id, start=datetime.now(UTC)))
    await for_each(stack, order_ids, start)
    engine.dispose()


async def end(stack: Stack, *order_ids: str) -> None:
    """Terminate sagas."""

    async def terminate(client: Client, order_id: str) -> None:
        await client.get_workflow_handle(f"order-{order_id}").terminate("a test")

    await for_each(stack, order_ids, terminate)


async def for_each(
    stack: Stack, order_ids: Sequence[str], do: Callable[[Client, str], Awaitable[None]]
) -> None:
    """Do something to many orders, some at a time."""
    client = await Client.connect(stack.env["TEMPORAL_ADDRESS"])
    turns = asyncio.Semaphore(50)

    async def in_turn(order_id: str) -> None:
        async with turns:
            await do(client, order_id)

    await asyncio.gather(*(in_turn(order_id) for order_id in order_ids))


def figure(stack: Stack, name: str) -> str:
    """Return a figure as it is written, "" when there is none."""
    lines = stack.http.get("/metrics").text.splitlines()
    return next(
        (line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")), ""
    )


@only_with_every_story
async def test_a_limit_that_is_met_is_not_absence(stack: Stack) -> None:
    """The list of what needs attention answers, however often it is asked for.

    The figures say that Temporal is there.
    """
    await begin(stack, "a", "b", "c")
    until(lambda: figure(stack, 'order_sagas{status="Running"}') == "3.0", "visibility knows them")
    await end(stack, "a", "b", "c")
    until(
        lambda: len(stack.http.get("/orders?needs_attention=true").json()["orders"]) == 3,
        "they are listed",
    )

    def ask(number: int) -> tuple[int, str]:
        time.sleep(number / 20)
        path = (
            "/orders?needs_attention=true",
            "/orders?state=AWAITING_REVIEW",
            "/orders",
            "/overview",
        )[number % 4]
        answer = stack.http.get(path)
        return answer.status_code, str(answer.json().get("warning"))

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(160)))
    assert set(answers) == {(200, "None")}
    until(lambda: figure(stack, "temporal_up") == "1.0", "figures are counted again", seconds=15)
    assert figure(stack, "orders_needing_attention") == "3.0"
    until(
        lambda: figure(stack, 'order_sagas{status="Terminated"}') == "3.0",
        "what is over is counted when its cost allows it",
        seconds=120,
    )


async def test_many_that_need_attention_are_counted_at_once(stack: Stack) -> None:
    """With 1,500 sagas ended from outside the figure is right and comes within seconds.

    So do list and overview.
    """
    many = [f"many-{number:04}" for number in range(MANY)]
    await begin(stack, *many)
    until(
        lambda: figure(stack, 'order_sagas{status="Running"}') == f"{MANY}.0",
        "visibility knows them",
        seconds=60,
    )
    await end(stack, *many)
    took = []

    def all_count() -> bool:
        began = time.monotonic()
        stack.http.get("/metrics")
        took.append(time.monotonic() - began)
        return figure(stack, "orders_needing_attention") == f"{MANY}.0"

    until(all_count, "all are counted", seconds=120)
    began = time.monotonic()
    overview = stack.http.get("/overview").json()
    took.append(time.monotonic() - began)
    left_open = {"LEFT_OPEN": MANY}
    assert overview["needs_attention"]["by_cause"] == dict.fromkeys(AttentionCause, 0) | left_open
    assert overview["states"]["AWAITING_REVIEW"] == MANY, "they stand where they stood"
    assert overview["needs_attention"]["at_stake_minor"] == {"GBP": MANY * ORDER.total_minor}
    assert overview["needs_attention"]["since"] is not None
    began = time.monotonic()
    page = stack.http.get("/orders?needs_attention=true&limit=100").json()
    took.append(time.monotonic() - began)
    assert len(page["orders"]) == 100
    assert max(took) < 8, took
