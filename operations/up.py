"""`make up`: the whole system on this machine, in the foreground, until Ctrl-C or SIGTERM.

Its shop is that of the days given on the command line, by default of those under `data/`.

supervisord runs the parts that supervisord.conf names: starts them, starts them again when they die, stops them in order. It
stands in a session of its own, so that Ctrl-C reaches this process alone, which then has it stop. What is here is the rest:
look first, load the shop, wait until all answer, and say in plain words what happens.
"""

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from config import Settings
from contracts.order import PlaceOrder
from embedded import temporal_binary
from operations.preflight import MARK, CannotStart, check_ports, end_what_is_left, only_one, read_settings
from operations.readiness import LATE_SECONDS, api_url, until_all_answer
from operations.seed import SHOP_DAYS, seed, shop_of
from operations.shop_data import read_days
from temporal_saga.database import plainly

ROOT = Path(__file__).resolve().parent.parent
UP = "the order saga is up"
WAITING = "waiting for "

DIED = re.compile(r"exited: (?P<part>\S+) \((?P<how>.*?)(; (not )?expected)?\)$")
CAME_UP = re.compile(r"success: (?P<part>\S+) entered RUNNING state")
NOT_SPAWNED = re.compile(r"spawnerr: (?P<why>.*)")
GIVEN_UP = re.compile(r"gave up: (?P<part>\S+) ")
FORCED = re.compile(r"killing '(?P<part>\S+)' .*with SIGKILL")


def say(line: str) -> None:
    """Tell the person at the terminal; a terminal that is gone is no reason to stop."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def load_shop(settings: Settings, days: Sequence[Path]) -> PlaceOrder:
    """Load what is missing of the days' shop; return an order that it can serve.

    Raises:
        CannotStart: a database does not take it.
    """
    shop = shop_of(read_days(days or sorted(SHOP_DAYS.glob("*.csv"))))
    try:
        seed(settings, shop)
    except SQLAlchemyError as error:
        raise CannotStart(f"the shop could not be loaded into the databases of payment and stock: {plainly(error)}") from error
    return shop.example


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the parts: this shell's, but for Temporal, where the embedded server is the one to use."""
    data_dir = str(settings.data_dir.resolve())
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
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


async def run(settings: Settings, example: PlaceOrder) -> int:
    """Have supervisord run the parts until a signal says stop; return this program's exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = settings.data_dir / "log"
    say(f"starting Temporal, the workers and the API; their logs are in {log}")
    with (log / "supervisord.log").open("ab") as errors:
        supervisord = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supervisor.supervisord", "-c", str(ROOT / "supervisord.conf")),
            cwd=log,
            env=environment(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    assert supervisord.stdout is not None
    telling = asyncio.create_task(tell(supervisord.stdout, log))
    welcoming = asyncio.create_task(welcome(settings, example))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([telling, stopping], return_when=asyncio.FIRST_COMPLETED)
    welcoming.cancel()
    if telling.done():
        say(f"supervisord ended, which nobody asked for (exit code {await supervisord.wait()}): see {log / 'supervisord.log'}")
        return 1
    say("stopping: the API first, then the workers as soon as the work in hand is done, Temporal last")
    supervisord.terminate()
    await telling
    await supervisord.wait()
    say("stopped")
    return 0


async def tell(lines: asyncio.StreamReader, log: Path) -> None:
    """Say in plain words what supervisord reports of deaths and returns, until it ends."""
    down = set()
    async for raw in lines:
        line, now = raw.decode(errors="replace").rstrip(), f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005  # the clock on the wall
        if match := DIED.search(line):
            down.add(match["part"])
            say(f"{now} {match['part']} died ({match['how']}) and is started again; its log is {log / match['part']}.log")
        elif (match := CAME_UP.search(line)) and match["part"] in down:
            down.remove(match["part"])
            say(f"{now} {match['part']} runs again")
        elif match := NOT_SPAWNED.search(line):
            say(f"{now} a part cannot be started, which is tried again: {match['why']}")
        elif match := GIVEN_UP.search(line):
            say(f"{now} {match['part']} does not come up and is given up; its log is {log / match['part']}.log")
        elif match := FORCED.search(line):
            say(f"{now} {match['part']} did not stop in time and is ended by force")


async def welcome(settings: Settings, example: PlaceOrder) -> None:
    """Wait until every part answers, and say where everything is; say which parts are late."""

    def late(part: str) -> None:
        log = settings.data_dir / "log" / f"{part}.log"
        say(f"{part} does not answer after {LATE_SECONDS} s, and is still waited for; its log is {log}{_waits_for(log)}")

    await until_all_answer(settings, late)
    say(greeting(settings, example))


def _waits_for(log: Path) -> str:
    """Return what a part last said that it waits for, in its log."""
    try:
        said = [line for line in log.read_text(errors="replace").splitlines() if WAITING in line]
    except OSError:
        return ""
    return f" {WAITING}{said[-1].partition(WAITING)[2]}" if said else ""


def greeting(settings: Settings, example: PlaceOrder) -> str:
    """Return where everything is, and what to try."""
    url, body = api_url(settings), example.model_dump_json(include={"customer_id", "currency", "lines"})
    temporal = temporal_binary().removeprefix(f"{Path.cwd()}{os.sep}")
    return f"""
{UP}
  console            {url}/
  API                {url}
  its documentation  {url}/docs
  Temporal Web UI    {settings.web_ui_url}
place an order, and wait for its end
  curl -s {url}/orders -H 'Prefer: wait=10' -H 'Content-Type: application/json' -d {shlex.quote(body)}
see the sagas that completed
  {shlex.quote(temporal)} workflow list --address 127.0.0.1:{settings.temporal_port} --query 'SagaState="COMPLETED"'
Ctrl-C stops everything; what is in {settings.data_dir} stays
"""


def main(*days: Path) -> int:
    """Run the system with the shop of these days; return the exit code."""
    try:
        settings = read_settings()
        with only_one(settings.data_dir):
            if left := end_what_is_left(settings.data_dir):
                say(f"ended {left} processes that an earlier run left behind")
            check_ports(settings)
            example = load_shop(settings, days)
            try:
                return asyncio.run(run(settings, example))
            finally:
                end_what_is_left(settings.data_dir)
    except CannotStart as reason:
        print(f"cannot start: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
