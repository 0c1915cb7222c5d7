"""DBOS: a library that keeps its journal in a database, here in SQLite or in PostgreSQL."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import postgresql
from bench.contestants.contestant import Programs, Running
from bench.doors import HttpDoor
from bench.environments import PEERS, pinned_versions, python_environment
from bench.http_client import Answer, HttpClient
from operations.demo.ephemeral_stack import free_ports

PEER = PEERS / "dbos"
APPLICATION = "bench.peers.dbos.app"


@dataclass(frozen=True)
class Dbos:
    """One application process; with PostgreSQL a server beside it.

    Args:
        name: in CONTESTANTS.
        title: what it is.
        database: where DBOS keeps its journal.
    """

    name: str
    title: str
    database: Literal["sqlite", "postgresql"]

    def prepare(self) -> Mapping[str, str]:
        """Install it.

        Raises:
            Unavailable: that fails.
        """
        python_environment(PEER)
        versions = pinned_versions(PEER, "dbos", "fastapi")
        if self.database == "postgresql":
            versions["postgresql"] = postgresql.version()
        return versions

    @asynccontextmanager
    async def run(self, folder: Path) -> AsyncIterator[Running]:
        """Run it, on free ports."""
        port, database_port = free_ports(2)
        programs = Programs(folder)
        server = (
            postgresql.running(folder, database_port)
            if self.database == "postgresql"
            else nullcontext()
        )
        with server as running:
            url = running.url if running else f"sqlite:///{folder}/dbos.sqlite"
            command = ("-m", APPLICATION, str(port), folder, url)
            programs.start("dbos", python_environment(PEER), *command)
            try:
                await programs.until(lambda: is_ready(port), "the DBOS application")
                door = HttpDoor(port, lambda _: "/orders", _is_completed)
                pids, folders = ([running.pid], [running.folder]) if running else ([], [])
                yield Running(door, programs.running, pids=pids, folders=folders)
            finally:
                await programs.stop()


async def is_ready(port: int, path: str = "/readyz") -> bool:
    """Tell whether a server on this machine answers that it is ready."""
    async with HttpClient(port) as client:
        try:
            return (await client.request("GET", path)).status == 200  # noqa: PLR2004
        except (OSError, ValueError):
            return False


def _is_completed(answer: Answer) -> bool:
    return bool(answer.body == {"state": "COMPLETED"})
