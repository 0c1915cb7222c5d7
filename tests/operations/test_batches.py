"""How fast a batch reaches many sagas."""

import asyncio
import time

import pytest
from temporalio.client import Client

from operations.up.temporal_server import temporal_binary
from tests import temporal_server
from tests.operations.order_sagas import place, until
from tests.shop import CAP

pytestmark = pytest.mark.long

SAGAS = 40
A_SECOND = 10
BEFORE_THE_SIGNAL = 2
"""Events of a saga that no worker takes: it started, and its first workflow task waits."""


async def test_a_batch_reaches_ten_sagas_a_second() -> None:
    """So that those that it woke do not keep new orders waiting; it begins with ten at once."""
    async with temporal_server.running() as client:
        handles = [await place(client, f"waits-{number}", CAP) for number in range(SAGAS)]

        async def are_visible() -> bool:
            return (await client.count_workflows("ExecutionStatus = 'Running'")).count == SAGAS

        async def are_reached() -> bool:
            lengths = [(await handle.describe()).history_length for handle in handles]
            return min(lengths) > BEFORE_THE_SIGNAL

        await until(are_visible, "all are visible")
        began = time.monotonic()
        await approve_all(client)
        await until(are_reached, "all are reached")
        assert time.monotonic() - began > (SAGAS - A_SECOND) / A_SECOND - 1


async def approve_all(client: Client) -> None:
    """Start the batch as docs/OPERATING.md does."""
    process = await asyncio.create_subprocess_exec(
        temporal_binary(),
        *("workflow", "signal", "--address", client.service_client.config.target_host),
        *("--query", "ExecutionStatus = 'Running'", "--name", "approve", "--yes"),
        *("--reason", "a test"),
    )
    assert await process.wait() == 0
