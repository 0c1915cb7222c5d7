"""What the bench needs to know of whoever takes part."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.doors import Door
from bench.processes import DidNotStart, Program

START_SECONDS = 90
PROBE_PAUSE_SECONDS = 0.1


class Unavailable(Exception):
    """A contestant cannot take part on this machine; the message says why."""


async def nothing_more(_count: int) -> list[str]:
    """Find nothing wrong: for contestants of whom the participants' databases say everything."""
    return []


@dataclass(frozen=True)
class Running:
    """A contestant that takes orders.

    Args:
        door: where.
        programs: what was started for it.
        uses_services: whether it calls order, payment and stock.
        problems: is given how many orders it completed; returns a sentence for everything that
            its own records say otherwise.
        pids: of processes that are no program's children.
        folders: with files that are not in its data directory.
    """

    door: Door
    programs: Sequence[Program]
    uses_services: bool = True
    problems: Callable[[int], Awaitable[list[str]]] = nothing_more
    pids: Sequence[int] = ()
    folders: Sequence[Path] = ()

    @property
    def roots(self) -> list[int]:
        """The ids of the processes that all its others come from."""
        return [*(program.pid for program in self.programs), *self.pids]


class Contestant(Protocol):
    """One who takes part."""

    @property
    def name(self) -> str:
        """What it is called in CONTESTANTS and in the results."""

    @property
    def title(self) -> str:
        """What it is, in few words."""

    def prepare(self) -> Mapping[str, str]:
        """Install what it needs; return the versions of what it is made of.

        Raises:
            Unavailable: it cannot take part.
        """

    def run(self, folder: Path) -> AbstractAsyncContextManager[Running]:
        """Run it on an empty data directory, in which the shop is open.

        Raises:
            DidNotStart: it does not come up.
        """


@dataclass
class Programs:
    """The programs of one contestant, in the order of their start; they are stopped in reverse."""

    folder: Path
    running: list[Program] = field(default_factory=list)

    def start(
        self, name: str, *command: str | Path, env: Mapping[str, str] | None = None
    ) -> Program:
        """Start a program whose log is named `name`."""
        program = Program(command, self.folder / "log" / f"{name}.log", env)
        self.running.append(program)
        return program

    async def until(self, is_ready: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something is ready, as long as all programs run.

        Raises:
            DidNotStart: a program ended, or it is not ready within `START_SECONDS`.
        """
        end = time.monotonic() + START_SECONDS
        while not await is_ready():
            for program in self.running:
                program.check()
            if time.monotonic() > end:
                raise DidNotStart(f"not within {START_SECONDS} s: {what}")
            await asyncio.sleep(PROBE_PAUSE_SECONDS)

    async def stop(self) -> None:
        """Stop all of them."""
        for program in reversed(self.running):
            await program.stop()
