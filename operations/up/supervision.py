"""Running the parts of the system: supervisord runs them, and this runs supervisord.

supervisord (`runner.py`) starts the parts that `supervisord.conf` names, starts them again when
they die, and stops them in order. It is in a session of its own, so that Ctrl-C reaches this
process alone, which then stops it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from config import Settings
from contracts.placing import PlaceOrder
from operations.up.card_account import variables
from operations.up.configuration import write_configuration
from operations.up.data_directory import watch_data_dir
from operations.up.greeting import greet_when_ready
from operations.up.known_databases import watch_databases
from operations.up.parts import parts
from operations.up.processes import MARK, end_leftovers
from operations.up.reports import report
from operations.up.terminal import clock_time

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

SHORTEST_RUN_SECONDS = 10
"""A supervisord that ends sooner at its first start would do so again: the system ends."""

RESTART_SECONDS = 5
"""Between the end of a supervisord and the start of the next."""

MOST_BYTES_OF_A_LINE = 2**20

Say = Callable[[str], None]


async def run(settings: Settings, example: PlaceOrder | None, lock: TextIO, say: Say) -> int:
    """Run the system until a signal stops it; return the exit code.

    Args:
        settings: where it listens, and where its data is.
        example: an order that its shop can serve, for the greeting.
        lock: of the data directory, which is watched.
        say: tells the person at the terminal a line.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = settings.data_dir / "log"
    say(f"starting Temporal, the workers and the API; their logs are in {log}")
    stopping = asyncio.create_task(stop.wait())
    background = [
        asyncio.create_task(greet_when_ready(settings, example, say)),
        asyncio.create_task(watch_data_dir(lock, say)),
        asyncio.create_task(watch_databases(settings, say)),
    ]
    try:
        return await Supervision(settings, say).run_until(stopping)
    finally:
        for task in (stopping, *background):
            task.cancel()


class Supervision:
    """Keeps supervisord running, and says what it reports."""

    def __init__(self, settings: Settings, say: Say) -> None:
        """Run the parts with these settings, and tell `say` what becomes of them."""
        self._settings = settings
        self._say = say
        self._log = settings.data_dir / "log"
        self._down: set[str] = set()
        self._was_up = False

    async def run_until(self, stopping: asyncio.Task[Any]) -> int:
        """Run supervisord, again when it dies, until `stopping` is done; return the exit code."""
        while not stopping.done():
            try:
                await self._run_once(stopping)
            except OSError as error:  # this machine has no process or descriptor left
                if not self._was_up:
                    raise
                self._say(
                    f"{clock_time()} the process runner cannot be started, which is tried again: "
                    f"{error.strerror}"
                )
            else:
                if stopping.done():
                    break
                if not self._was_up:
                    return 1
                self._down |= parts(self._settings)
                await asyncio.to_thread(end_leftovers, self._settings.data_dir)
            await asyncio.wait([stopping], timeout=RESTART_SECONDS)
        self._say("stopped")
        return 0

    async def _run_once(self, stopping: asyncio.Task[Any]) -> None:
        """Run one supervisord to its end, and say how it ended."""
        clock = asyncio.get_running_loop().time
        start = clock()
        supervisord = await start_supervisord(self._settings)
        assert supervisord.stdout is not None
        reporting = asyncio.create_task(
            report(supervisord.stdout, self._log, self._say, self._down, stopping.done)
        )
        await asyncio.wait([reporting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not reporting.done():
            self._say(
                "stopping: the API first, then the workers as soon as the work in hand is done, "
                "Temporal last"
            )
            supervisord.terminate()
            await reporting
            await supervisord.wait()
            return
        code = await supervisord.wait()
        self._was_up = self._was_up or clock() - start > SHORTEST_RUN_SECONDS
        if self._was_up:
            self._say(
                f"{clock_time()} the process runner died (exit code {code}), "
                "and is started again with all parts"
            )
            return
        last_lines = " ".join(reporting.result())
        self._say(
            f"the process runner ended at once (exit code {code})"
            f"{f': {last_lines}' if last_lines else ''}; its log is {self._log / 'supervisord.log'}"
        )


async def start_supervisord(settings: Settings) -> asyncio.subprocess.Process:
    """Start supervisord in the data directory, in a session of its own.

    Raises:
        OSError: this machine has no room for another process, or for its configuration.
    """
    # Without -u it warns root of running as root.
    user = ["-u", str(os.geteuid())] if os.geteuid() == 0 else []
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", str(HERE / "runner.py"), "-c", str(write_configuration(settings)), *user),
        cwd=settings.data_dir,
        env=environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=MOST_BYTES_OF_A_LINE,
        start_new_session=True,
    )


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the parts: this shell's, with the embedded server as Temporal."""
    data_dir = str(settings.data_dir.resolve())
    shell_environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")
    }
    return shell_environment | {
        MARK: data_dir,
        "ORDER_SAGA_ROOT": str(ROOT),
        "DATA_DIR": data_dir,
        "TEMPORAL_ADDRESS": f"127.0.0.1:{settings.temporal_port}",
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_PORT": str(settings.temporal_port),
        "TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
        "TEMPORAL_UI_URL": settings.temporal_ui_url,
        **variables(settings),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
