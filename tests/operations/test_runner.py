"""Logs that lose lines rather than end who writes them, and a terminal that nobody waits for."""

import os
import shutil
import time
from pathlib import Path

import pytest
from supervisor import loggers  # type: ignore[import-untyped]

from operations.up import terminal
from operations.up.runner import LONGEST_PAUSE_SECONDS, Log, Part
from operations.up.terminal import MOST_LINES, Terminal

INFO = 20


def written(log: Log, *lines: str) -> None:
    for line in lines:
        log.emit(loggers.LogRecord(INFO, f"{line}\n".encode()))


def test_a_log_goes_on_after_a_full_disk(tmp_path: Path) -> None:
    """What could not be written is left out, and the log says how much that was."""
    path = tmp_path / "api.log"
    log = Log(str(path), "a", 1000, 2)
    path.symlink_to("/dev/full")
    written(log, "lost", "lost, too")
    path.unlink()
    written(log, "kept")
    assert path.read_text() == "\n(2 lines are missing here: they could not be written)\nkept\n"
    written(log, "and so on")
    assert path.read_text().endswith("kept\nand so on\n")


def test_a_log_comes_back_when_its_folder_was_deleted(tmp_path: Path) -> None:
    """The folder is made again; above it nothing is, as a data directory that was deleted is none of ours."""
    log = Log(str(tmp_path / "var" / "log" / "api.log"), "a", 1000, 2)
    written(log, "too early")
    assert not (tmp_path / "var").exists()
    (tmp_path / "var").mkdir()
    written(log, "first")
    shutil.rmtree(tmp_path / "var" / "log")
    written(log, "second")
    assert (tmp_path / "var" / "log" / "api.log").read_text() == "second\n"


def test_a_log_has_a_bound(tmp_path: Path) -> None:
    """A full file moves up, the oldest goes, and nothing is lost before that."""
    log = Log(str(tmp_path / "api.log"), "a", 10, 2)
    written(log, *(f"line {number:4}" for number in range(5)))
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"api.log.1": "line    4\n", "api.log.2": "line    3\n"}


def test_pauses_between_starts_have_a_bound() -> None:
    """A part that did not come up a thousand times is tried again soon."""
    part = Part.__new__(Part)
    part.backoff = 1000
    part.state = None
    part.change_state(30)
    assert part.delay - time.time() <= LONGEST_PAUSE_SECONDS


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> int:
    """The reading end of what stands for the terminal."""
    reading, writing = os.pipe()
    monkeypatch.setattr(terminal, "STDOUT", writing)
    monkeypatch.setattr(terminal, "LAST_SECONDS", 0.1)
    return reading


def test_a_terminal_that_is_not_read_is_not_waited_for(pipe: int) -> None:
    """More lines than anybody takes are dropped at once; what was taken in stays in order."""
    told = Terminal()
    for number in range(3 * MOST_LINES):
        told.say(f"{number:0100}")
    start = time.monotonic()
    told.close()
    assert time.monotonic() - start < 5
    assert os.read(pipe, 101) == f"{0:0100}\n".encode()
    assert os.read(pipe, 101) == f"{1:0100}\n".encode()
    os.close(pipe)


def test_a_terminal_that_is_gone_ends_nobody(pipe: int) -> None:
    """What is said to nobody is dropped."""
    told = Terminal()
    os.close(pipe)
    for _ in range(10):
        told.say("is anybody there?")
    told.close()
    assert not told._speaking.is_alive()
