"""A system of its own that `make up` runs, as people start, watch and stop it."""

import contextlib
import itertools
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from config import Settings
from operations.up.parts import parts
from operations.up.processes import processes_of
from tests.stack import ROOT, free_port, until

UP_SECONDS = 120
STOP_SECONDS = 45
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
        own_environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MAKE")
        }
        self.env = (
            own_environment
            | {"DATA_DIR": str(self.data_dir)}
            | {name: str(port) for name, port in self.ports.items()}
        )
        self.program: subprocess.Popen[bytes] | None = None

    def start(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """Start the program anew; what it says is what `log_text` returns."""
        with self.output.open("wb") as output, heeding_interrupts():
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
            lambda: "the order saga is up" in self.log_text() or not self.running(),
            "the system is up",
            UP_SECONDS,
        )
        assert self.running(), self.log_text()

    def running(self) -> bool:
        """Say whether the program in the foreground runs."""
        return self.program is not None and self.program.poll() is None

    def log_text(self) -> str:
        """Return what the program has said so far."""
        return self.output.read_text()

    def line_to_try(self, command: str) -> list[str]:
        """Return the words of the command line that people are told to try."""
        first_line, *_ = until(lambda: list(self._lines_to_try(command)), f"{command} is told of")
        return shlex.split(first_line)

    def _lines_to_try(self, command: str) -> Iterator[str]:
        """Return the lines that are whole by now."""
        for line in self.log_text().splitlines(keepends=True):
            if line.startswith("  ") and f"{command} " in line and line.endswith("\n"):
                yield line

    def place_the_example(self) -> dict[str, Any]:
        """Do what the printed curl does, and return the order."""
        words = self.line_to_try("curl")
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

        def matches() -> list[psutil.Process]:
            lines = []
            for process in processes_of(self.data_dir):
                with contextlib.suppress(psutil.Error):
                    lines.append((process, process.cmdline()))
            return [process for process, line in lines if set(words) <= set(line)]

        return until(matches, f"{words} runs")[0]

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

        def nothing_left() -> bool:
            left = processes_of(self.data_dir)
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            return not left

        until(nothing_left, "everything is killed")


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Start programs that heed Ctrl-C, though these tests may not.

    A shell lets what it starts in the background ignore SIGINT, and all that this starts.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def make(up: Up, *words: str) -> tuple[int, str]:
    """Run `make` with these words, and return its exit code and what it prints."""
    process = subprocess.run(
        ("make", "-s", "-o", "install", *words),
        cwd=ROOT,
        env=up.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
    )
    return process.returncode, process.stdout


def answers(up: Up) -> bool:
    """Say whether the API answers, and all that it needs."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{up.url}/readyz", timeout=10).status_code == 200
    return False
