"""`make up` as people use it: a program in a terminal that is started, killed and stopped.

Here with a process for each role; `test_one_process.py` has it as it comes.
"""

import asyncio
import contextlib
import itertools
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from config import Settings
from operations.up import data_directory
from operations.up.command import main
from operations.up.control import main as control
from operations.up.data_directory import lock_data_dir, watch_data_dir
from operations.up.parts import parts
from operations.up.processes import processes_of
from operations.up.reports import report
from operations.up.supervision import SHORTEST_RUN_SECONDS
from tests.stack import ROOT, free_port, until

pytestmark = pytest.mark.long

UP_SECONDS = 60
STOP_SECONDS = 45
PARTS = 7  # supervisord, Temporal, four workers, the API
NO_SYSTEM = (
    "no `make up` runs on DATA_DIR={data_dir}: start it, or name the one that runs with DATA_DIR\n"
)
PER_ROLE = {"WORKER_PROCESSES": "per_role"}
PARTS_BY_NAME = sorted(parts(Settings.model_validate({"worker_processes": "per_role"})))
RUNNER = (sys.executable, "-m", "operations.up")
MAKE = ("make", "-o", "install", "up")  # nothing is installed in the middle of a test


class Up:
    """A system of its own, and the program in the foreground that runs it in a checkout."""

    def __init__(self, data_dir: Path, root: Path = ROOT) -> None:
        self.root = root
        self.data_dir = data_dir / "var"
        self.output = data_dir / "output"
        self.ports = {
            name: free_port() for name in ("TEMPORAL_PORT", "TEMPORAL_UI_PORT", "API_PORT")
        }
        self.url = f"http://127.0.0.1:{self.ports['API_PORT']}"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("MAKE")
        }
        self.env = (
            inherited
            | {"DATA_DIR": str(self.data_dir)}
            | {name: str(port) for name, port in self.ports.items()}
        )
        self.program: subprocess.Popen[bytes] | None = None

    def start(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """Start the program anew; what it says is what `said` returns."""
        with self.output.open("wb") as output:
            self.program = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.env | env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.program

    def until_up(self) -> None:
        """Wait until it says that all is up."""
        until(
            lambda: "the order saga is up" in self.said() or not self.running(),
            "the system is up",
            UP_SECONDS,
        )
        assert self.running(), self.said()

    def running(self) -> bool:
        """Say whether the program in the foreground runs."""
        return self.program is not None and self.program.poll() is None

    def said(self) -> str:
        """Return what the program has said so far."""
        return self.output.read_text()

    def told(self, command: str) -> list[str]:
        """Return the words of the command line that people are told to try."""
        return shlex.split(
            next(
                line
                for line in self.said().splitlines()
                if line.startswith("  ") and f"{command} " in line
            )
        )

    def place_the_example(self) -> dict[str, Any]:
        """Do what the printed curl does, and return the order."""
        words = self.told("curl")
        options = [
            (name, value) for name, value in itertools.pairwise(words) if name in {"-H", "-d"}
        ]
        headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
        answer = httpx.post(words[2], headers=headers, content=dict(options)["-d"], timeout=40)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def part(self, *words: str) -> psutil.Process:
        """Wait for the process whose command line has these words, and return it."""

        def found() -> list[psutil.Process]:
            lines = []
            for process in processes_of(self.data_dir):
                with contextlib.suppress(psutil.Error):
                    lines.append((process, process.cmdline()))
            return [process for process, line in lines if set(words) <= set(line)]

        return until(found, f"{words} runs")[0]

    def nothing_is_left(self) -> bool:
        """Say whether all processes are gone and all ports free."""
        if processes_of(self.data_dir):
            return False
        for port in self.ports.values():
            socket.create_server(("127.0.0.1", port)).close()
        return True

    def kill(self) -> None:
        """Kill every process at once: first `make` with its child, one group, then the rest."""
        if self.program is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.program.pid, signal.SIGKILL)
            self.program.wait(STOP_SECONDS)

        def gone() -> bool:
            left = processes_of(self.data_dir)
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            return not left

        until(gone, "everything is killed")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up"))
    up.env |= PER_ROLE
    try:
        yield up
    finally:
        up.kill()


@pytest.fixture
def up(shared: Up) -> Up:
    """A system that is up: the one of the test before, or started anew where that one ended it."""
    if not shared.running():
        shared.start(*RUNNER)
        shared.until_up()
    return shared


@pytest.mark.long
def test_a_clean_start_logs_no_warning(up: Up) -> None:
    """No log of a system that has just come up has a word of trouble."""
    trouble = re.compile(r"\b(WARN(ING)?|ERROR?|CRIT(ICAL)?|FATAL|Traceback)\b|\x1b")
    logs = {log.name: log.read_text() for log in (up.data_dir / "log").iterdir()}
    assert set(logs) == {f"{name}.log" for name in (*PARTS_BY_NAME, "supervisord")}
    found = {
        name: [line for line in text.splitlines() if trouble.search(line)]
        for name, text in logs.items()
    }
    assert not any(found.values()), found


def test_what_it_says_to_try_works(up: Up) -> None:
    """The printed curl places an order that completes; the `temporal` command lists it.

    Docs and Web UI answer.
    """
    order = up.place_the_example()
    assert (order["state"], order["status"]) == ("COMPLETED", "CONFIRMED")

    def listed() -> bool:
        done = subprocess.run(
            up.told("temporal"),
            cwd=ROOT,
            env=up.env,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return f"order-{order['order_id']}" in done.stdout

    until(listed, "the order is listed as completed")
    for address in (f"{up.url}/docs", f"http://127.0.0.1:{up.ports['TEMPORAL_UI_PORT']}"):
        assert address.split(":")[-1] in up.said()
        assert httpx.get(address, follow_redirects=True).is_success


@pytest.mark.long
def test_a_part_that_dies_is_started_again(up: Up) -> None:
    """A worker killed with -9 is started again, and orders complete.

    One line says that it died, and one that it runs again.
    """
    killed = up.part("worker.py", "payment")
    killed.kill()
    until(lambda: "payment runs again" in up.said(), "payment runs again")
    assert "payment died (terminated by SIGKILL)" in up.said()
    assert up.part("worker.py", "payment") != killed
    assert up.place_the_example()["state"] == "COMPLETED"


def make(up: Up, *words: str) -> tuple[int, str]:
    """Run `make` with these words, and return its exit code and what it prints."""
    done = subprocess.run(
        ("make", "-s", "-o", "install", *words),
        cwd=ROOT,
        env=up.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
    )
    return done.returncode, done.stdout


def answers(up: Up) -> bool:
    """Say whether the API answers, and all that it needs."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{up.url}/readyz", timeout=10).status_code == 200
    return False


@pytest.mark.long
def test_parts_are_stopped_started_and_looked_at(up: Up) -> None:
    """Parts stopped on purpose stay so, and are shown as stopped, not as dead.

    Started again, they complete orders.
    """
    stopped = ("stock", "temporal", "api")
    named = f"PART={' '.join(stopped)}"
    assert make(up, "stop", named) == (0, "".join(f"{part} is stopped\n" for part in stopped))
    assert make(up, "stop", "PART=stock") == (0, "stock was stopped already\n")
    code, shown = make(up, "ps")
    assert code == 0
    standing = {words[0]: words[1] for words in map(str.split, shown.splitlines())}
    assert standing == dict.fromkeys(PARTS_BY_NAME, "runs") | dict.fromkeys(stopped, "stopped")
    for part in stopped:
        assert f"{part} was stopped; `make start PART={part}` starts it again\n" in up.said()
        assert f"{part} died" not in up.said()
    assert make(up, "start", named) == (0, "".join(f"{part} runs\n" for part in stopped))
    assert make(up, "start", "PART=stock") == (0, "stock runs already\n")
    for part in stopped:
        until(lambda part=part: f"{part} runs again" in up.said(), "its return is told")  # type: ignore[misc]
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
    died = "the process runner died (exit code -9), and is started again with all parts"
    until(
        lambda: up.said().partition(died)[2].count("runs again") == len(PARTS_BY_NAME),
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
    done = subprocess.run(
        ("make", "-s", "-o", "install", *words),
        cwd=ROOT,
        env=up_here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(answer.format(parts=", ".join(PARTS_BY_NAME)))


@pytest.mark.parametrize(
    ("words", "answer"),
    [(words, NO_SYSTEM) for words in (("ps",), ("stop", "api"), ("start",))]
    + [(("logs",), "there is no log in {data_dir}/log: DATA_DIR says where to look\n")],
)
def test_a_system_that_does_not_run_is_said(
    words: tuple[str, ...],
    answer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one sentence, and with no success."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(ROOT)
    assert control(words) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", answer.format(data_dir=tmp_path))


def test_a_second_one_on_the_same_data_is_refused(up: Up) -> None:
    """Another `make up` on the same data exits with 1 and one sentence; the first goes on."""
    second = subprocess.run(
        RUNNER, cwd=ROOT, env=up.env, capture_output=True, text=True, check=False, timeout=30
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("cannot start: another `make up` (process ")
    assert second.stderr.count("\n") == 1
    assert len(processes_of(up.data_dir)) == PARTS


@pytest.mark.parametrize("variable", ["TEMPORAL_PORT", "TEMPORAL_UI_PORT", "API_PORT"])
def test_a_taken_port_is_named(variable: str, tmp_path: Path) -> None:
    """A taken port is named together with the variable that changes it.

    The exit code is 1 and nothing was started.
    """
    other = Up(tmp_path)
    with socket.create_server(("127.0.0.1", other.ports[variable])):
        assert other.start(*RUNNER).wait(UP_SECONDS) == 1
    assert other.said() == (
        f"cannot start: port {other.ports[variable]} on 127.0.0.1 is taken:"
        f" free it, or choose another port with {variable}\n"
    )
    assert not processes_of(other.data_dir)
    assert not list(other.data_dir.glob("*.db"))


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
    assert f"ended {PARTS} processes that an earlier run left behind" in up.said()
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
    words = up.told("curl")
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
    assert up.said().endswith("stopped\n")
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

    This also holds while the system still starts.
    """
    other = Up(tmp_path)
    try:
        make = other.start(*MAKE)
        other.part("worker.py", "payment")
        send(make.pid, number)
        assert make.wait(STOP_SECONDS) in {-number, 2}  # as make reports an interrupted recipe
        assert other.nothing_is_left()
        assert "stopped\n" in other.said()
    finally:
        other.kill()


async def test_a_part_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    """A part that cannot be started is reported with the reason.

    One that supervisord gives up is reported with where to look.
    """
    sections = {
        "supervisord": ("nodaemon=true", "logfile=supervisord.log", "pidfile=supervisord.pid"),
        "program:ghost": ("command=/nowhere/ghost", "startretries=0"),
    }
    text = "\n".join(line for name, lines in sections.items() for line in (f"[{name}]", *lines))
    (tmp_path / "supervisord.conf").write_text(text)
    command = (
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "-c",
        "supervisord.conf",
    )
    supervisord = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert supervisord.stdout is not None
    said: list[str] = []
    reporting = asyncio.create_task(
        report(supervisord.stdout, tmp_path, said.append, set(), lambda: False)
    )
    log = tmp_path / "supervisord.log"
    await asyncio.to_thread(
        until, lambda: log.exists() and "gave up" in log.read_text(), "supervisord gives up"
    )
    supervisord.terminate()
    await asyncio.gather(reporting, supervisord.wait())
    refused, given_up = said
    assert refused.endswith(
        "a part cannot be started, which is tried again: can't find command '/nowhere/ghost'"
    )
    assert given_up.endswith(
        f"ghost does not come up and is given up; its log is {tmp_path / 'ghost.log'}"
    )


async def test_a_data_directory_that_is_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted or replaced, it is reported with what that means and what to do.

    Once it is put back, nothing more is reported.
    """
    monkeypatch.setattr(data_directory, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(data_directory, "REPEAT_SECONDS", 0.01)
    data_dir, elsewhere = tmp_path / "var", tmp_path / "elsewhere"
    said: list[str] = []
    with lock_data_dir(data_dir) as lock:
        looking = asyncio.create_task(watch_data_dir(lock, said.append))
        await asyncio.sleep(0.1)
        assert said == []
        data_dir.rename(elsewhere)
        await asyncio.to_thread(until, lambda: said, "it is told")
        data_dir.mkdir()
        (data_dir / "up.lock").touch()
        said.clear()
        await asyncio.to_thread(until, lambda: said, "it is told again")
        assert (
            f"DATA_DIR={data_dir} was deleted or replaced:"
            " what is taken now is lost when this stops"
        ) in said[0]
        shutil.rmtree(data_dir)
        elsewhere.rename(data_dir)
        await asyncio.sleep(0.1)
        said.clear()
        await asyncio.sleep(0.1)
        assert said == []
        looking.cancel()


def test_bad_settings_are_said_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong settings are named with their values and with what is allowed, in one line."""
    monkeypatch.setenv("API_PORT", "eighty")
    monkeypatch.setenv("TEMPORAL_PORT", "70000")
    assert main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "API_PORT=eighty is invalid" in said
    assert "TEMPORAL_PORT=70000 is invalid" in said


def test_an_api_open_to_everybody_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An address beyond this machine is refused unless the network is said to be trusted."""
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    assert main() == 1
    assert "API_HOST=0.0.0.0 would let anybody" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data_dir", "reason"),
    [
        ("file/var", "cannot be written (Not a directory)"),
        ("100%", "has a % in it, which database URLs cannot take"),
    ],
)
def test_a_data_dir_that_will_not_do_is_refused(
    data_dir: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A data directory that cannot be used is named together with the reason."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / data_dir))
    assert main() == 1
    said = capsys.readouterr().err
    assert f"DATA_DIR={tmp_path / data_dir}" in said
    assert reason in said


def test_a_missing_temporal_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a `temporal` command it says so, and how to get one."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main() == 1
    assert capsys.readouterr().err.startswith(
        "cannot start: there is no `temporal` command; `make` installs one"
    )


@pytest.mark.long
def test_a_deleted_database_is_told_and_can_be_done_without(tmp_path: Path) -> None:
    """It does not start, and makes nothing anew; what it says to type has a new one served from."""
    other = Up(tmp_path)
    try:
        other.start(*RUNNER)
        other.until_up()
        databases = other.data_dir / "databases.json"
        until(databases.exists, "the databases are listed")
        other.kill()
        for file in other.data_dir.glob("payment.db*"):
            file.unlink()
        assert other.start(*RUNNER).wait(UP_SECONDS) == 1
        refusal = other.said()
        assert refusal.startswith("cannot start: deleted or replaced: ")
        assert not list(other.data_dir.glob("payment.db*"))
        remove, terminate = re.findall(r"type: (.*?)(?:;|\n)", refusal)
        subprocess.run(shlex.split(remove), check=True)
        other.start(*RUNNER)
        until(lambda: terminate in other.said(), "it is told again", UP_SECONDS)
        before = databases.read_text()
        subprocess.run(
            shlex.split(terminate), cwd=ROOT, env=other.env, check=True, capture_output=True
        )
        other.until_up()
        assert other.place_the_example()["state"] == "COMPLETED"
        until(lambda: databases.read_text() != before, "the new one is listed")
        other.kill()
        other.start(*RUNNER)
        other.until_up()
    finally:
        other.kill()
