"""How often the embedded server goes to its database, counted by its own metrics."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from contracts.states import SagaState
from contracts.stubs import SAGA_STATE
from operations.up.temporal_server import server_command
from tests.stack import BECOME, Stack, free_port, until

pytestmark = pytest.mark.long

QUEUE = "states"
SAGAS = 60
AT_ONCE = 5


@workflow.defn
class States:
    """Shows a state, another when it is told to go on, and is over."""

    def __init__(self) -> None:
        self._goes_on = False

    @workflow.signal
    def go_on(self) -> None:
        """Show the other state."""
        self._goes_on = True

    @workflow.run
    async def run(self) -> None:
        """Show both, each in a workflow task of its own."""
        workflow.upsert_search_attributes([SAGA_STATE.value_set(SagaState.PENDING)])
        await workflow.wait_condition(lambda: self._goes_on)
        workflow.upsert_search_attributes([SAGA_STATE.value_set(SagaState.COMPLETED)])


class Metrics:
    """What a server counts."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"

    def requests(self, operation: str) -> int:
        """Return how often its services asked the database for this."""
        lines = re.findall(
            rf'^persistence_requests{{.*operation="{operation}".*}} (\S+)$',
            httpx.get(self._url).text,
            re.MULTILINE,
        )
        return int(sum(map(float, lines)))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of which nothing runs yet."""
    system = Stack(tmp_path)
    try:
        yield system
    finally:
        system.stop()


async def run_sagas(client: Client) -> None:
    """Run the sagas, some at a time."""
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[States],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        for first in range(0, SAGAS, AT_ONCE):
            handles = [
                await client.start_workflow(States.run, id=f"states-{number}", task_queue=QUEUE)
                for number in range(first, first + AT_ONCE)
            ]
            for handle in handles:
                await handle.signal(States.go_on)
            for handle in handles:
                await handle.result()


async def test_a_saga_costs_no_reading_of_settings_and_visibility_is_read_once_a_second(
    stack: Stack,
) -> None:
    """Neither the namespace nor the search attributes are read for each start and each state.

    And however much happens, what visibility has to know is read once in a second.
    """
    port = free_port()
    command = server_command(stack.data_dir / "temporal.db", stack.temporal_port, None)
    stack.start("temporal", "-c", BECOME, *command, f"--metrics-port={port}")
    metrics = Metrics(port)
    count = ("workflow", "count")
    until(lambda: "Total: 0" in stack.temporal(*count, check=False), "the server answers")
    client = await Client.connect(f"127.0.0.1:{stack.temporal_port}")
    names = ("GetCurrentClusterMetadata", "GetNamespace", "GetVisibilityTasks")
    before = {name: metrics.requests(name) for name in names}
    start = time.monotonic()
    await run_sagas(client)
    requests = {name: metrics.requests(name) - before[name] for name in names}
    seconds = time.monotonic() - start
    assert requests["GetCurrentClusterMetadata"] < SAGAS / 2
    assert requests["GetNamespace"] < SAGAS / 2
    assert 0 < requests["GetVisibilityTasks"] <= seconds + 2
