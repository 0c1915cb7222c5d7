"""An ephemeral stack: `operations.up` on free ports, for as long as one command needs it.

Its Temporal and its databases are in a temporary folder that is deleted with it; with DATA_DIR set
they are there, and stay. It takes no other setting of the shell, but for PAYMENT in `make demo`:
not the databases, tokens, limits, prices or reviews of another system.
"""

import asyncio
import os
import random
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from rich.console import Console

from config import Settings
from operations.up.greeting import UP
from operations.up.supervision import ROOT

START_SECONDS = 90
"""Longer than `operations.up` waits before it says which part does not answer."""

PLACE = ("data_dir", "temporal_port", "temporal_ui_port", "api_port")
"""The settings that say where a stack is."""

WITH_CARDS = ("payment", "card_provider_port", "card_control_port")
"""Those that it gets as well where its customers pay with cards."""

NOT_EPHEMERAL = range(10_000, 32_768)
"""Ports below those that Linux gives to outgoing connections (`ip_local_port_range`). A port of
those, free when it was chosen, may be a connection's by the time that a server takes it."""


class DidNotStart(Exception):
    """The stack did not come up; the message is what it printed about that."""


@contextmanager
def ephemeral_settings(base: Settings) -> Iterator[Settings]:
    """Give settings with free ports and, unless DATA_DIR is set, a temporary folder.

    The folder is deleted at the end, unless its logs say why nothing started.
    """
    with ExitStack() as cleanup:
        folder = base.data_dir
        if "data_dir" not in base.model_fields_set:
            folder = Path(tempfile.mkdtemp(prefix="order-saga-"))
            cleanup.callback(shutil.rmtree, folder)
        names = [name for name in settings_of_stack(base) if name.endswith("_port")]
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        try:
            yield base.model_copy(update={"data_dir": folder.absolute(), **ports})
        except DidNotStart:
            cleanup.pop_all()
            raise


@asynccontextmanager
async def run_stack(settings: Settings, day: Path, console: Console) -> AsyncIterator[None]:
    """Run the stack with the shop of a day, an absolute path; print which parts die and return.

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
    is_up = asyncio.Event()
    output: list[str] = []
    listening = asyncio.create_task(_listen(process.stdout, is_up, output, console))
    coming_up = asyncio.create_task(is_up.wait())
    try:
        with console.status("starting Temporal, the workers and the API"):
            await asyncio.wait(
                [listening, coming_up], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        if not is_up.is_set():
            # Lines that begin with the time are about single parts.
            raise DidNotStart("".join(line for line in output if not line[0].isdigit()).strip())
        yield
    finally:
        coming_up.cancel()
        with suppress(ProcessLookupError), console.status("stopping"):
            process.terminate()
            await listening
            await process.wait()


def environment(settings: Settings) -> dict[str, str]:
    """Return the stack's environment: this shell's, but of our settings only where the stack is."""
    shell_environment = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in Settings.model_fields
    }
    names = settings_of_stack(settings)
    return shell_environment | {name.upper(): str(getattr(settings, name)) for name in names}


def settings_of_stack(settings: Settings) -> tuple[str, ...]:
    """Return the names of the settings that such a stack gets."""
    return (*PLACE, *WITH_CARDS) if settings.payment == "cards" else PLACE


async def _listen(
    lines: asyncio.StreamReader, is_up: asyncio.Event, output: list[str], console: Console
) -> None:
    """Collect what the stack prints until it is up; then print its lines about single parts."""
    async for raw in lines:
        line = raw.decode(errors="replace")
        if line.startswith(UP):
            is_up.set()
        if not is_up.is_set():
            output.append(line)
        elif line[0].isdigit():
            console.print(
                line.rstrip(), style="yellow", highlight=False, markup=False, soft_wrap=True
            )


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, and that become no connection's meanwhile.

    Raises:
        OSError: fewer are free.
    """
    ports = list[int]()
    with ExitStack() as listeners:
        for port in random.sample(NOT_EPHEMERAL, len(NOT_EPHEMERAL)):
            if len(ports) == count:
                return ports
            with suppress(OSError):
                listeners.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
    raise OSError(f"there are no {count} free ports from {NOT_EPHEMERAL[0]} to {NOT_EPHEMERAL[-1]}")
