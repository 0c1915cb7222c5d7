"""What an order costs on Temporal Cloud in Actions, as the server itself counts them.

What counts as one: https://docs.temporal.io/cloud/actions.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count

import httpx
import pytest
from temporalio.client import Client

from application.caller import Caller
from contracts.placing import OrderLine
from tests import temporal_server
from tests.shop import CAP, Shop
from tests.stack import free_port
from tests.worker.api_orders import order_of_ann, orders_of
from tests.worker.layouts import TOO_MANY, activities_of, one_process

pytestmark = [
    pytest.mark.long,
    pytest.mark.parametrize("new_database", ["sqlite"], indirect=True),
]

WAIT_SECONDS = 30
ACTION = re.compile(r'^action\{.*action_type="(\w+)".*namespace="default".*\} (\S+)$', re.MULTILINE)
REPORTED_SECONDS = 2
"""After this the server's figures tell all that has happened."""

NUMBERS = count(1)

START = "grpc_StartWorkflowExecution"
STEP = "command_ScheduleActivityTask"
STATE = "command_UpsertWorkflowSearchAttributes"
MEMO = "command_ModifyWorkflowProperties"
LOCAL_STEPS = "command_BatchMarkers"


@pytest.fixture(scope="module")
def metrics_port() -> int:
    """Where the server tells its figures."""
    return free_port()


@pytest.fixture(scope="module")
async def temporal(metrics_port: int) -> AsyncIterator[Client]:
    """A server that tells them."""
    async with temporal_server.running(metrics_port=metrics_port) as client:
        yield client


async def count_actions(metrics_port: int) -> Counter[str]:
    """Return how many Actions there were so far, by their kind."""
    await asyncio.sleep(REPORTED_SECONDS)
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{metrics_port}/metrics")).text
    counts: Counter[str] = Counter()
    for kind, value in ACTION.findall(text):
        counts[kind] += int(float(value))
    return counts


@pytest.mark.parametrize(
    ("local_activities", "line", "actions_of_order"),
    [
        ("off", CAP, {START: 1, STEP: 4, STATE: 2}),
        ("off", TOO_MANY, {START: 1, STEP: 5, STATE: 3, MEMO: 1}),
        ("on", CAP, {START: 1, LOCAL_STEPS: 1, STATE: 3}),
        ("on", TOO_MANY, {START: 1, LOCAL_STEPS: 1, STEP: 2, STATE: 4, MEMO: 1}),
    ],
    ids=["completed", "out of stock", "completed locally", "out of stock locally"],
)
async def test_an_order_is_few_billable_actions(
    temporal: Client,
    metrics_port: int,
    empty_shop: Shop,
    local_activities: str,
    line: OrderLine,
    actions_of_order: dict[str, int],
) -> None:
    """Its start, each command that is sent, and each state that it shows.

    Steps of one workflow task that are tried locally are one. The mark of a saga that tries them is
    an attribute that Temporal Cloud does not bill, and the server counts.
    """
    empty_shop.settings = empty_shop.settings.model_copy(
        update={"local_activities": local_activities}
    )
    orders = orders_of(temporal, empty_shop.engines["order"], empty_shop)
    async with one_process(temporal, empty_shop, activities_of(empty_shop)):
        before = await count_actions(metrics_port)
        order = order_of_ann(f"billed-{next(NUMBERS)}", line)
        assert (await orders.place(order, None, Caller(), WAIT_SECONDS)).closed_at is not None
    assert await count_actions(metrics_port) - before == actions_of_order
