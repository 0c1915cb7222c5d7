"""`make up` as it comes, with all workers in one process; and from one layout to the other."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.every_story import only_with_every_story
from tests.stack import until
from tests.system.e2e.up import PER_ROLE, RUNNER, STOP_SECONDS, Up, make

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

PARTS = ("api", "temporal", "workers")
ONE = {"WORKER_PROCESSES": "one"}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A system that is started with `begin`."""
    system = Up(tmp_path)
    try:
        yield system
    finally:
        system.kill()


def begin(up: Up, **env: str) -> None:
    """Start the system, and wait for it."""
    up.start(*RUNNER, **env)
    up.until_up()


def end(up: Up) -> None:
    """Stop the system as Ctrl-C does."""
    assert up.program is not None
    up.program.send_signal(signal.SIGTERM)
    assert up.program.wait(STOP_SECONDS) == 0


@contextmanager
def hold_database(up: Up, participant: str) -> Iterator[None]:
    """Hold a participant's database, so that its command has to wait."""
    file = up.data_dir / f"{participant}.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def place(up: Up) -> str:
    """Place the example, and return the address of the order."""
    words = up.line_to_try("curl")
    answer = httpx.post(words[2], headers={"Content-Type": "application/json"}, content=words[-1])
    assert answer.status_code == 202, answer.text
    return f"{up.url}{answer.headers['Location']}"


def view(address: str) -> dict[str, Any]:
    """Return the order as it stands."""
    order: dict[str, Any] = httpx.get(address).json()
    return order


def is_paid(address: str) -> bool:
    """Tell whether the order waits for stock."""
    return bool(view(address)["state"] == "PAYMENT_COMPLETED")


def is_confirmed(address: str) -> bool:
    """Tell whether the order is closed, and as it should be."""
    return bool(view(address)["status"] == "CONFIRMED")


def assert_the_books_balance(up: Up) -> None:
    """Let the audit look at everything."""
    code, report = make(up, "audit")
    assert code == 0, report


@only_with_every_story
def test_the_parts_are_three(up: Up) -> None:
    """They are shown, stopped, started and logged by their names; another name is refused."""
    begin(up)
    assert up.place_the_example()["state"] == "COMPLETED"
    code, output = make(up, "ps")
    assert code == 0
    assert {tuple(line.split()[:2]) for line in output.splitlines()} == {
        (part, "runs") for part in PARTS
    }
    there_are = f"there are {', '.join(PARTS)}"
    code, answer = make(up, "stop", "PART=stock")
    assert (code, answer.splitlines()[0]) == (2, f"no part is called stock: {there_are}")
    before = up.part("worker.py")
    assert make(up, "restart", "PART=workers") == (0, "workers runs\n")
    assert up.part("worker.py") != before
    assert make(up, "stop", "PART=workers") == (0, "workers is stopped\n")
    assert "workers was stopped; `make start PART=workers` starts it again\n" in up.log_text()
    assert make(up, "start", "PART=workers") == (0, "workers runs\n")
    assert up.place_the_example()["state"] == "COMPLETED"
    log = (up.data_dir / "log" / "workers.log").read_text()
    assert all(f"ready: {role}" in log for role in ("orchestrator", "order", "payment", "stock"))
    assert make(up, "logs", "PART=workers") == (0, "".join(log.splitlines(keepends=True)[-50:]))
    assert not (up.data_dir / "log" / "stock.log").exists()


@pytest.mark.parametrize("local_activities", ["off", "on"])
def test_killed_in_mid_order_it_goes_on(up: Up, local_activities: str) -> None:
    """The one process is killed with -9 with a step in hand; it restarts, the order completes."""
    begin(up, LOCAL_ACTIVITIES=local_activities)
    with hold_database(up, "stock"):
        address = place(up)
        until(lambda: is_paid(address), "the order is paid")
        up.part("worker.py").send_signal(signal.SIGKILL)
    until(lambda: "workers runs again" in up.log_text(), "the workers run again")
    assert "workers died (terminated by SIGKILL) and is started again" in up.log_text()
    until(lambda: is_confirmed(address), "the order completes", 60)
    order = view(address)
    assert [moment["name"] for moment in order["timeline"] if moment["kind"] == "event"] == [
        "OrderRegisteredEvent",
        "PaymentCompletedEvent",
        "StockDecreasedEvent",
        "OrderConfirmedEvent",
    ]
    commands = [moment for moment in order["timeline"] if moment["kind"] == "command"]
    # A local try that found the database held is a command more.
    participants = [name for name, _ in groupby(moment["participant"] for moment in commands)]
    assert participants == ["order", "payment", "stock", "order"]
    assert_the_books_balance(up)


@pytest.mark.parametrize(("before", "after"), [(ONE, PER_ROLE), (PER_ROLE, ONE)])
def test_an_order_of_one_layout_ends_in_the_other(
    up: Up, before: dict[str, str], after: dict[str, str]
) -> None:
    """Killed with a step in hand, the system is started in the other layout."""
    begin(up, **before)
    with hold_database(up, "stock"):
        address = place(up)
        until(lambda: is_paid(address), "the order is paid")
        up.kill()
    begin(up, **after)
    until(lambda: is_confirmed(address), "the order completes", 60)
    assert up.place_the_example()["state"] == "COMPLETED"
    assert_the_books_balance(up)


def test_what_a_signal_to_the_process_ends_is_finished_first(up: Up) -> None:
    """Stopped with a step in hand, the one process ends it; the order goes on after a start."""
    begin(up)
    with hold_database(up, "stock"):
        address = place(up)
        until(lambda: is_paid(address), "the order is paid")
        process: psutil.Process = up.part("worker.py")
        process.terminate()
    until(lambda: not process.is_running(), "it has ended")
    assert "stopped: stock" in (up.data_dir / "log" / "workers.log").read_text()
    until(lambda: is_confirmed(address), "the order completes", 60)
    end(up)
