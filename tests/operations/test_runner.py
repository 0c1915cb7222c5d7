"""The process runner: logs that drop lines rather than end it, and pauses with a bound.

And parts that are stopped while they start.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from supervisor import loggers  # type: ignore[import-untyped]

from operations.up.runner import LONGEST_PAUSE_SECONDS, Log, Part
from tests.stack import ROOT, until

INFO = 20

HOLDS_A_START = """
import os, sys, time
from operations.up import runner

def hold(options):
    os.setpgrp()
    open("held", "w").close()
    while not os.path.exists("release"):
        time.sleep(0.01)

runner.Options.setpgrp = hold
sys.argv[1:] = ["-c", "supervisord.conf", "-u", str(os.geteuid())]
runner.main()
"""
"""The runner, which holds the copy of itself that is to become a part."""

CONFIGURATION = """
[supervisord]
nodaemon=true
logfile=supervisord.log
pidfile=supervisord.pid

[program:part]
command=sleep 60
stopwaitsecs=60
"""


def write(log: Log, *lines: str) -> None:
    for line in lines:
        log.emit(loggers.LogRecord(INFO, f"{line}\n".encode()))


def test_a_log_goes_on_after_a_full_disk(tmp_path: Path) -> None:
    """What could not be written is left out, and the log says how much that was."""
    path = tmp_path / "api.log"
    log = Log(str(path), "a", 1000, 2)
    path.symlink_to("/dev/full")
    write(log, "lost", "lost, too")
    path.unlink()
    write(log, "kept")
    assert path.read_text() == "\n(2 lines are missing here: they could not be written)\nkept\n"
    write(log, "and so on")
    assert path.read_text().endswith("kept\nand so on\n")


def test_a_log_comes_back_when_its_folder_was_deleted(tmp_path: Path) -> None:
    """The folder is made again, but not the one above it: that is a deleted data directory."""
    log = Log(str(tmp_path / "var" / "log" / "api.log"), "a", 1000, 2)
    write(log, "too early")
    assert not (tmp_path / "var").exists()
    (tmp_path / "var").mkdir()
    write(log, "first")
    shutil.rmtree(tmp_path / "var" / "log")
    write(log, "second")
    assert (tmp_path / "var" / "log" / "api.log").read_text() == "second\n"


def test_a_log_has_a_bound(tmp_path: Path) -> None:
    """A full file moves up, the oldest goes, and nothing is lost before that."""
    log = Log(str(tmp_path / "api.log"), "a", 10, 2)
    write(log, *(f"line {number:4}" for number in range(5)))
    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert files == {"api.log.1": "line    4\n", "api.log.2": "line    3\n"}


def test_pauses_between_starts_have_a_bound() -> None:
    """A part that did not come up a thousand times is tried again soon."""
    part = Part.__new__(Part)
    part.backoff = 1000
    part.state = None
    part.change_state(30)
    assert part.delay - time.time() <= LONGEST_PAUSE_SECONDS


@pytest.mark.long
def test_a_part_is_stopped_before_its_program_runs(tmp_path: Path) -> None:
    """SIGTERM that reaches the copy of the runner from which a part is made ends the part."""
    (tmp_path / "supervisord.conf").write_text(CONFIGURATION)
    log = tmp_path / "supervisord.log"
    with subprocess.Popen(
        (sys.executable, "-c", f"import sys; sys.path[0] = {str(ROOT)!r}\n{HOLDS_A_START}"),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as runner:
        try:
            until((tmp_path / "held").exists, "the part is about to start")
            runner.terminate()
            until(lambda: "waiting for part to die" in log.read_text(), "the part is stopped")
            (tmp_path / "release").touch()
            runner.wait(20)
        finally:
            if runner.poll() is None:
                runner.terminate()
                (tmp_path / "release").touch()
                runner.kill()
    assert "stopped: part (terminated by SIGTERM)" in log.read_text()
