"""`make up`: the whole system on this machine, in the foreground, until Ctrl-C or SIGTERM.

Its shop is that of the days given on the command line, by default of those under `data/`.

supervisord (runner.py) runs the parts that supervisord.conf names: starts them, starts them again when they die,
stops them in order. It stands in a session of its own, so that Ctrl-C reaches this process alone, which then has it stop. What
is here is the rest: look first, load the shop, wait until all answer, have supervisord run again when it dies, and say in plain
words what happens. Neither a full disk nor a terminal that is gone or not read ends it or makes it wait.
"""

import asyncio
import os
import re
import shlex
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy.exc import SQLAlchemyError

from config import Settings
from contracts.placing import PlaceOrder
from operations.shop.seed import SHOP_DAYS, seed, shop_of
from operations.shop.shop_days import read_days
from operations.up.preflight import (
    MARK,
    CannotStart,
    check_ports,
    end_what_is_left,
    has_room,
    is_held,
    only_one,
    read_settings,
)
from operations.up.readiness import LATE_SECONDS, api_url, until_all_answer
from operations.up.temporal_server import temporal_binary
from operations.up.terminal import Terminal
from temporal_saga.database import plainly

HERE = Path(__file__).resolve().parent
ROOT = Path(__file__).resolve().parents[2]
UP = "the order saga is up"
WAITING = "waiting for "

DIED = re.compile(r"exited: (?P<part>\S+) \((?P<how>.*?)(; (not )?expected)?\)$")
STOPPED = re.compile(r"stopped: (?P<part>\S+) ")
CAME_UP = re.compile(r"success: (?P<part>\S+) entered RUNNING state")
NOT_SPAWNED = re.compile(r"spawnerr: (?P<why>.*)")
GIVEN_UP = re.compile(r"gave up: (?P<part>\S+) ")
FORCED = re.compile(r"killing '(?P<part>\S+)' .*with SIGKILL")

SHORTEST_RUN_SECONDS = 10
"""A process runner that ends sooner at the first start does so again: that is told, and the end."""

LAST_WORDS = 3
MOST_BYTES_OF_A_LINE = 2**20

PARTS = frozenset({"temporal", "orchestrator", "order", "payment", "stock", "api"})

LOOK_SECONDS = 5
"""Between two looks at the data directory."""

REPEAT_SECONDS = 60
"""What a person must do something about is said again after so long."""

Say = Callable[[str], None]


def load_shop(settings: Settings, days: Sequence[Path]) -> PlaceOrder | None:
    """Load what is missing of the days' shop; return an order that it can serve, None with SHOP=none.

    Raises:
        CannotStart: a database does not take it.
    """
    if settings.shop == "none" and not days:
        return None
    shop = shop_of(read_days(days or sorted(SHOP_DAYS.glob("*.csv"))))
    try:
        seed(settings, shop)
    except SQLAlchemyError as error:
        raise CannotStart(
            f"the shop could not be loaded into the databases of payment and stock: {plainly(error)}"
        ) from error
    return shop.example


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the parts: this shell's, but for Temporal, where the embedded server is the one to use."""
    data_dir = str(settings.data_dir.resolve())
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")
    }
    return inherited | {
        MARK: data_dir,
        "ORDER_SAGA_ROOT": str(ROOT),
        "DATA_DIR": data_dir,
        "TEMPORAL_ADDRESS": f"127.0.0.1:{settings.temporal_port}",
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_PORT": str(settings.temporal_port),
        "TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
        "TEMPORAL_UI_URL": settings.temporal_ui_url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


async def run(settings: Settings, example: PlaceOrder | None, lock: TextIO, say: Say) -> int:
    """Have supervisord run the parts until a signal says stop; return this program's exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = settings.data_dir / "log"
    say(f"starting Temporal, the workers and the API; their logs are in {log}")
    stopping = asyncio.create_task(stop.wait())
    beside = [
        asyncio.create_task(welcome(settings, example, say)),
        asyncio.create_task(look_after(lock, say)),
    ]
    try:
        return await keep_running(settings, stopping, say)
    finally:
        for task in (stopping, *beside):
            task.cancel()


async def keep_running(settings: Settings, stopping: asyncio.Task[Any], say: Say) -> int:
    """Run supervisord, again when it dies, until it is time to stop; return this program's exit code."""
    log = settings.data_dir / "log"
    clock = asyncio.get_running_loop().time
    down: set[str] = set()
    was_up = False
    while not stopping.done():
        began = clock()
        try:
            supervisord = await start_supervisord(settings)
        except OSError as error:  # no process or no descriptor is left on this machine
            if not was_up:
                raise
            say(
                f"{_now()} the process runner cannot be started, which is tried again: {error.strerror}"
            )
            await asyncio.wait([stopping], timeout=LOOK_SECONDS)
            continue
        assert supervisord.stdout is not None
        telling = asyncio.create_task(tell(supervisord.stdout, log, say, down, stopping.done))
        await asyncio.wait([telling, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not telling.done():
            say(
                "stopping: the API first, then the workers as soon as the work in hand is done, Temporal last"
            )
            supervisord.terminate()
            await telling
            await supervisord.wait()
            break
        code = await supervisord.wait()
        was_up = was_up or clock() - began > SHORTEST_RUN_SECONDS
        if not was_up:
            words = f": {' '.join(telling.result())}" if telling.result() else ""
            say(
                f"the process runner ended at once (exit code {code}){words}; its log is {log / 'supervisord.log'}"
            )
            return 1
        say(
            f"{_now()} the process runner died (exit code {code}), and is started again with all parts"
        )
        down |= PARTS
        await asyncio.to_thread(end_what_is_left, settings.data_dir)
        await asyncio.wait([stopping], timeout=LOOK_SECONDS)
    say("stopped")
    return 0


async def start_supervisord(settings: Settings) -> asyncio.subprocess.Process:
    """Start supervisord in the data directory, in a session of its own.

    Raises:
        OSError: this machine has no room for another process.
    """
    as_ourselves = (
        ["-u", str(os.geteuid())] if os.geteuid() == 0 else []
    )  # else it warns root of itself
    return await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-P",
            str(HERE / "runner.py"),
            "-c",
            str(HERE / "supervisord.conf"),
            *as_ourselves,
        ),
        cwd=settings.data_dir,
        env=environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=MOST_BYTES_OF_A_LINE,
        start_new_session=True,
    )


async def tell(
    lines: asyncio.StreamReader,
    log: Path,
    say: Say,
    down: set[str],
    is_stopping: Callable[[], bool],
) -> list[str]:
    """Say in plain words what supervisord reports of deaths and returns, until it ends; return its last words."""
    last_words = deque[str](maxlen=LAST_WORDS)
    async for raw in lines:
        line = raw.decode(errors="replace").rstrip()
        now = _now()
        last_words.append(line)
        if match := DIED.search(line):
            down.add(match["part"])
            say(
                f"{now} {match['part']} died ({match['how']}) and is started again; its log is {log / match['part']}.log"
            )
        elif (match := STOPPED.search(line)) and not is_stopping():
            down.add(match["part"])
            say(
                f"{now} {match['part']} was stopped; `make start PART={match['part']}` starts it again"
            )
        elif (match := CAME_UP.search(line)) and match["part"] in down:
            down.remove(match["part"])
            say(f"{now} {match['part']} runs again")
        elif match := NOT_SPAWNED.search(line):
            say(f"{now} a part cannot be started, which is tried again: {match['why']}")
        elif match := GIVEN_UP.search(line):
            say(
                f"{now} {match['part']} does not come up and is given up; its log is {log / match['part']}.log"
            )
        elif match := FORCED.search(line):
            say(f"{now} {match['part']} did not stop in time and is ended by force")
    return list(last_words)


def _now() -> str:
    return f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005  # the clock on the wall


async def look_after(lock: TextIO, say: Say) -> None:
    """Say when the data directory is full, and has room again, and when it was deleted under the running system."""
    folder = Path(lock.name).parent
    was_full = False
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not is_held(lock):
            say(
                f"{_now()} DATA_DIR={folder} was deleted or replaced: what is taken now is lost when this stops. Stop it, put "
                "the folder back from a backup, and start it again"
            )
            await asyncio.sleep(REPEAT_SECONDS)
            continue
        try:
            is_full = not has_room(folder)
        except OSError:  # it went this moment, which the next look tells
            continue
        if is_full and not was_full:
            say(
                f"{_now()} DATA_DIR={folder} is full: nothing is taken until there is room; then all goes on by itself"
            )
        elif was_full and not is_full:
            say(f"{_now()} DATA_DIR={folder} has room again")
        was_full = is_full


async def welcome(settings: Settings, example: PlaceOrder | None, say: Say) -> None:
    """Wait until every part answers, and say where everything is; say which parts are late."""

    def late(part: str) -> None:
        log = settings.data_dir / "log" / f"{part}.log"
        say(
            f"{part} does not answer after {LATE_SECONDS} s, and is still waited for; its log is {log}{_waits_for(log)}"
        )

    await until_all_answer(settings, late)
    say(greeting(settings, example))


def what_to_try(url: str, example: PlaceOrder | None) -> str:
    """Return the first thing to do with a shop: order from it, or fill it."""
    if example is None:
        return "fill the shop: docs/API.md, Your own shop\n  make shop FILE=products.csv"
    body = example.model_dump_json(include={"customer_id", "currency", "lines"})
    headers = "-H 'Prefer: wait=10' -H 'Content-Type: application/json'"
    return f"place an order, and wait for its end\n  curl -s {url}/orders {headers} -d {shlex.quote(body)}"


def _waits_for(log: Path) -> str:
    """Return what a part last said that it waits for, in its log."""
    try:
        said = [line for line in log.read_text(errors="replace").splitlines() if WAITING in line]
    except OSError:
        return ""
    return f" {WAITING}{said[-1].partition(WAITING)[2]}" if said else ""


def greeting(settings: Settings, example: PlaceOrder | None) -> str:
    """Return where everything is, and what to try."""
    url = api_url(settings)
    temporal = temporal_binary().removeprefix(f"{Path.cwd()}{os.sep}")
    return f"""
{UP}
  console            {url}/
  API                {url}
  its documentation  {url}/docs
  Temporal Web UI    {settings.web_ui_url}
{what_to_try(url, example)}
see the sagas that completed
  {shlex.quote(temporal)} workflow list --address 127.0.0.1:{settings.temporal_port} --query 'SagaState="COMPLETED"'
Ctrl-C stops everything; what is in {settings.data_dir} stays
"""


def main(*days: Path) -> int:
    """Run the system with the shop of these days; return the exit code."""
    terminal = Terminal()
    try:
        settings = read_settings()
        with only_one(settings.data_dir) as lock:
            if left := end_what_is_left(settings.data_dir):
                terminal.say(f"ended {left} processes that an earlier run left behind")
            check_ports(settings)
            example = load_shop(settings, days)
            try:
                return asyncio.run(run(settings, example, lock, terminal.say))
            finally:
                end_what_is_left(settings.data_dir)
    except CannotStart as reason:
        print(f"cannot start: {reason}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        terminal.close()
