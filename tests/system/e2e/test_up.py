"""`make up` as people use it: a program in a terminal that is started, killed and stopped.

Here with a process for each role; `test_one_process.py` has it as it comes.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from operations.up.processes import processes_of
from operations.up.supervision import SHORTEST_RUN_SECONDS
from tests.stack import ROOT, until
from tests.system.e2e.up import (
    MAKE,
    PARTS_BY_NAME,
    PER_ROLE,
    RUNNER,
    STOP_SECONDS,
    UP_SECONDS,
    Up,
    answers,
    make,
)

pytestmark = pytest.mark.long

PARTS = 7  # supervisord, Temporal, four workers, the API


@pytest.fixture(scope="module")
def shared_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up"))
    up.env |= PER_ROLE
    try:
        yield up
    finally:
        up.kill()


@pytest.fixture
def up(shared_up: Up) -> Up:
    """A system that is up: the one of the test before, or started anew where that one ended it."""
    if not shared_up.running():
        shared_up.start(*RUNNER)
        shared_up.until_up()
    return shared_up


@pytest.mark.long
def test_a_clean_start_logs_no_warning(up: Up) -> None:
    """No log of a system that has just come up has a word of trouble."""
    trouble = re.compile(r"\b(WARN(ING)?|ERROR?|CRIT(ICAL)?|FATAL|Traceback)\b|\x1b")
    logs = {log.name: log.read_text() for log in (up.data_dir / "log").iterdir()}
    assert set(logs) == {f"{name}.log" for name in (*PARTS_BY_NAME, "supervisord")}
    warnings = {
        name: [line for line in text.splitlines() if trouble.search(line)]
        for name, text in logs.items()
    }
    assert not any(warnings.values()), warnings


def test_what_it_says_to_try_works(up: Up) -> None:
    """The printed curl places an order that completes; the `temporal` command lists it.

    Docs and Web UI answer.
    """
    order = up.place_the_example()
    assert (order["state"], order["status"]) == ("COMPLETED", "CONFIRMED")

    def is_listed() -> bool:
        process = subprocess.run(
            up.line_to_try("temporal"),
            cwd=ROOT,
            env=up.env,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return f"order-{order['order_id']}" in process.stdout

    until(is_listed, "the order is listed as completed")
    for address in (f"{up.url}/docs", f"http://127.0.0.1:{up.ports['TEMPORAL_UI_PORT']}"):
        assert address.split(":")[-1] in up.log_text()
        assert httpx.get(address, follow_redirects=True).is_success


@pytest.mark.long
def test_a_part_that_dies_is_started_again(up: Up) -> None:
    """A worker killed with -9 is started again, and orders complete.

    One line says that it died, and one that it runs again.
    """
    process = up.part("worker.py", "payment")
    process.kill()
    until(lambda: "payment runs again" in up.log_text(), "payment runs again")
    assert "payment died (terminated by SIGKILL)" in up.log_text()
    assert up.part("worker.py", "payment") != process
    assert up.place_the_example()["state"] == "COMPLETED"


@pytest.mark.long
def test_parts_are_stopped_started_and_looked_at(up: Up) -> None:
    """Parts stopped on purpose stay so, and are shown as stopped, not as dead.

    Started again, they complete orders.
    """
    parts = ("stock", "temporal", "api")
    part_argument = f"PART={' '.join(parts)}"
    assert make(up, "stop", part_argument) == (0, "".join(f"{part} is stopped\n" for part in parts))
    assert make(up, "stop", "PART=stock") == (0, "stock was stopped already\n")
    code, output = make(up, "ps")
    assert code == 0
    standing = {words[0]: words[1] for words in map(str.split, output.splitlines())}
    assert standing == dict.fromkeys(PARTS_BY_NAME, "runs") | dict.fromkeys(parts, "stopped")
    for part in parts:
        assert f"{part} was stopped; `make start PART={part}` starts it again\n" in up.log_text()
        assert f"{part} died" not in up.log_text()
    assert make(up, "start", part_argument) == (0, "".join(f"{part} runs\n" for part in parts))
    assert make(up, "start", "PART=stock") == (0, "stock runs already\n")
    for part in parts:
        until(lambda part=part: f"{part} runs again" in up.log_text(), "its return is told")  # type: ignore[misc]
    until(lambda: answers(up), "all answer")
    assert up.place_the_example()["state"] == "COMPLETED"
    log = (up.data_dir / "log" / "stock.log").read_text().splitlines(keepends=True)
    assert make(up, "logs", "PART=stock") == (0, "".join(log[-50:]))


@pytest.mark.long
def test_a_part_is_restarted(up: Up) -> None:
    """It is another process afterwards."""
    before = up.part("worker.py", "order")
    assert make(up, "restart", "PART=order") == (0, "order runs\n")
    assert up.part("worker.py", "order") != before


@pytest.mark.long
def test_a_process_runner_that_dies_is_started_again(up: Up) -> None:
    """A supervisord killed with -9 runs again, with all parts.

    What it left behind is ended first.
    """
    left = processes_of(up.data_dir)
    time.sleep(
        max(
            0,
            SHORTEST_RUN_SECONDS
            - (time.time() - up.part(str(up.data_dir / "supervisord.conf")).create_time()),
        )
    )
    up.part(str(up.data_dir / "supervisord.conf")).kill()
    sentence = "the process runner died (exit code -9), and is started again with all parts"
    until(
        lambda: up.log_text().partition(sentence)[2].count("runs again") == len(PARTS_BY_NAME),
        "all parts run again",
        UP_SECONDS,
    )
    assert not any(process.is_running() for process in left)
    until(lambda: answers(up), "all answer")
    assert up.place_the_example()["state"] == "COMPLETED"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("stop", "PART=warehouse"), "no part is called warehouse: there are {parts}\n"),
        (("logs", "PART=warehouse"), "no part is called warehouse: there are {parts}\n"),
        (("start",), "which part? make start PART=temporal, for example; there are {parts}\n"),
    ],
)
def test_a_part_that_there_is_not_is_said(up: Up, words: tuple[str, ...], answer: str) -> None:
    """With those that there are, which the running system knows: this shell has other settings."""
    up_here = {name: value for name, value in up.env.items() if name not in PER_ROLE}
    command = subprocess.run(
        ("make", "-s", "-o", "install", *words),
        cwd=ROOT,
        env=up_here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (command.returncode, command.stdout) == (2, "")
    assert command.stderr.startswith(answer.format(parts=", ".join(PARTS_BY_NAME)))


def test_a_second_one_on_the_same_data_is_refused(up: Up) -> None:
    """Another `make up` on the same data exits with 1 and one sentence; the first goes on."""
    second = subprocess.run(
        RUNNER, cwd=ROOT, env=up.env, capture_output=True, text=True, check=False, timeout=30
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("cannot start: another `make up` (process ")
    assert second.stderr.count("\n") == 1
    assert len(processes_of(up.data_dir)) == PARTS


@pytest.mark.long
def test_what_a_killed_runner_left_behind_is_ended(up: Up) -> None:
    """When only the runner was killed with -9, the next one ends what it left behind.

    It says so, and takes over its ports.
    """
    assert up.program is not None
    up.program.kill()
    up.program.wait(STOP_SECONDS)
    left = processes_of(up.data_dir)
    assert len(left) == PARTS
    up.start(*RUNNER)
    up.until_up()
    assert f"ended {PARTS} processes that an earlier run left behind" in up.log_text()
    assert not any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left
    )
    assert up.place_the_example()["state"] == "COMPLETED"


@pytest.mark.long
def test_killed_as_a_whole_it_goes_on_where_it_was(up: Up) -> None:
    """Everything is killed with -9 during an order that is held up.

    Started again, that order completes.
    """
    up.part("worker.py", "stock").suspend()
    words = up.line_to_try("curl")
    answer = httpx.post(words[2], headers={"Content-Type": "application/json"}, content=words[-1])
    assert answer.status_code == 202
    address = f"{up.url}{answer.headers['Location']}"
    until(lambda: httpx.get(address).json()["state"] == "PAYMENT_COMPLETED", "the order is paid")
    up.kill()
    up.start(*RUNNER)
    up.until_up()
    until(lambda: httpx.get(address).json()["status"] == "CONFIRMED", "the order completes")


def test_sigterm_stops_everything(up: Up) -> None:
    """SIGTERM to the runner ends every process in order, with exit code 0, and frees ports."""
    assert up.program is not None
    up.program.send_signal(signal.SIGTERM)
    assert up.program.wait(STOP_SECONDS) == 0
    assert up.log_text().endswith("stopped\n")
    assert up.nothing_is_left()


@pytest.mark.parametrize(
    ("send", "number"),
    [
        pytest.param(os.kill, signal.SIGTERM, id="SIGTERM", marks=pytest.mark.long),
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C", marks=pytest.mark.long),
    ],
)
def test_what_ends_make_ends_everything_first(
    send: Callable[[int, int], None], number: signal.Signals, tmp_path: Path
) -> None:
    """SIGTERM to `make` and Ctrl-C in its terminal end every process before `make` ends.

    This also holds while the system still starts, and where a shell started these tests in the
    background, so that they ignore SIGINT.
    """
    other = Up(tmp_path)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        make = other.start(*MAKE)
        other.part("worker.py", "payment")
        send(make.pid, number)
        assert make.wait(STOP_SECONDS) in {-number, 2}  # as make reports an interrupted recipe
        assert other.nothing_is_left()
        assert "stopped\n" in other.log_text()
    finally:
        signal.signal(signal.SIGINT, before)
        other.kill()
