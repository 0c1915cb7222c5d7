"""A stack of its own beside whatever else runs on this machine: `operations.up` on free ports, for as long as it is needed.

Its Temporal and its databases live in a temporary folder that goes with it; in DATA_DIR when that is given, which stays. No other
setting of the shell is meant for it: not the databases, tokens, limits, prices or reviews of another system.
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from rich.console import Console

from config import Settings
from operations.up.system import ROOT, UP

START_SECONDS = 90
"""Longer than `operations.up` waits before it says which part does not answer."""


PLACE = ("data_dir", "temporal_port", "temporal_ui_port", "api_port")
"""The settings that say where a stack is."""


class DidNotStart(Exception):
    """The stack did not come up; the message is what it said about that."""


@contextmanager
def own(given: Settings) -> Iterator[Settings]:
    """Give the settings of a stack of its own; a temporary folder goes at the end, unless its logs say why nothing started."""
    with ExitStack() as held:
        folder = given.data_dir
        if "data_dir" not in given.model_fields_set:
            folder = Path(tempfile.mkdtemp(prefix="order-saga-"))
            held.callback(shutil.rmtree, folder)
        temporal, web_ui, api = _free_ports(3)
        ports = {"temporal_port": temporal, "temporal_ui_port": web_ui, "api_port": api}
        try:
            yield given.model_copy(update={"data_dir": folder.absolute(), **ports})
        except DidNotStart:
            held.pop_all()
            raise


@asynccontextmanager
async def running(settings: Settings, day: Path, console: Console) -> AsyncIterator[None]:
    """Run the stack with the shop of a day, an absolute path; say which of its parts die and come again.

    Raises:
        DidNotStart: it does not come up in time.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "operations.up", str(day)),
        cwd=ROOT,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    up, said = asyncio.Event(), list[str]()
    listening = asyncio.create_task(_listen(process.stdout, up, said, console))
    coming_up = asyncio.create_task(up.wait())
    try:
        with console.status("starting Temporal, the workers and the API"):
            await asyncio.wait(
                [listening, coming_up], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        if not up.is_set():
            raise DidNotStart("".join(line for line in said if not line[0].isdigit()).strip())
        yield
    finally:
        coming_up.cancel()
        with suppress(ProcessLookupError), console.status("stopping"):
            process.terminate()
            await listening
            await process.wait()


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the stack: this shell's, but for our settings, of which it has where it is and nothing else."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in Settings.model_fields
    }
    return inherited | {name.upper(): str(getattr(settings, name)) for name in PLACE}


async def _listen(
    lines: asyncio.StreamReader, up: asyncio.Event, said: list[str], console: Console
) -> None:
    """Keep what the stack says until it is up; pass on what it says afterwards with the time: deaths and returns."""
    async for raw in lines:
        line = raw.decode(errors="replace")
        if line.startswith(UP):
            up.set()
        if not up.is_set():
            said.append(line)
        elif line[0].isdigit():
            console.print(
                line.rstrip(), style="yellow", highlight=False, markup=False, soft_wrap=True
            )


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as held:
        listeners = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in listeners]
