"""`make up`'s own stack on a data directory, with what a measurement asks it by."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.contestants.contestant import Running
from bench.contestants.this_system import ThisSystem
from bench.doors import HttpDoor
from bench.figures import MIB
from bench.http_client import Answer, HttpClient
from bench.processes import ROOT, cpu_by_name, cpu_seconds, memory, name_of, tree
from operations.demo.ephemeral_stack import free_ports


@dataclass(frozen=True)
class Stack:
    """A running system.

    Args:
        running: its processes, and where it takes orders.
        folder: its data directory.
        client: of its Temporal.
        temporal_port: where that is.
    """

    running: Running
    folder: Path
    client: Client
    temporal_port: int

    @property
    def api_port(self) -> int:
        """Where its API is."""
        assert isinstance(self.running.door, HttpDoor)
        return self.running.door.port

    def cpu(self) -> dict[tuple[int, str], float]:
        """Return the CPU seconds that its processes have used so far."""
        return cpu_seconds(tree(self.running.roots))

    def cpu_since(self, before: Mapping[tuple[int, str], float]) -> dict[str, float]:
        """Return the CPU seconds that they have used since, by the name of the process."""
        return cpu_by_name(before, self.cpu())

    def memory_mib(self) -> dict[str, float]:
        """Return what its processes hold, each shared page counted once, by their names."""
        return {
            name_of(process.cmdline()): memory([process]).proportional / MIB
            for process in tree(self.running.roots)
        }

    async def get(self, path: str) -> tuple[Answer, float]:
        """Ask the API; return the answer and the milliseconds that it took."""
        async with HttpClient(self.api_port) as client:
            await client.request("GET", "/livez")  # opens the connection
            start = time.perf_counter()
            answer = await client.request("GET", path)
            return answer, 1000 * (time.perf_counter() - start)

    async def audit(self) -> tuple[int, float, str]:
        """Run `make audit`; return its exit code, its seconds, and what it printed."""
        return await asyncio.to_thread(self._audit)

    def _audit(self) -> tuple[int, float, str]:
        where = {"DATA_DIR": str(self.folder), "TEMPORAL_PORT": str(self.temporal_port)}
        start = time.perf_counter()
        run = subprocess.run(
            [sys.executable, "-m", "operations.audit"],
            cwd=ROOT,
            env=os.environ | where,
            capture_output=True,
            text=True,
            check=False,
        )
        return run.returncode, time.perf_counter() - start, run.stdout + run.stderr


@asynccontextmanager
async def run_stack(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Stack]:
    """Run the system on a data directory that has the shop, with these settings.

    Raises:
        DidNotStart: it does not come up.
    """
    [port] = free_ports(1)
    whole = {**settings, "TEMPORAL_PORT": str(port)}
    async with ThisSystem("up", "this system", whole).run(folder) as running:
        client = await Client.connect(f"127.0.0.1:{port}", data_converter=pydantic_data_converter)
        yield Stack(running, folder, client, port)


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each database, with what is written ahead of it."""
    return {
        f"{name}.db": sum(path.stat().st_size for path in folder.glob(f"{name}.db*"))
        for name in ("order", "payment", "stock", "temporal")
    }
