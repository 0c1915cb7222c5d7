"""The process runner: logs that drop lines rather than end it, and pauses with a bound."""

import shutil
import time
from pathlib import Path

from supervisor import loggers  # type: ignore[import-untyped]

from operations.up.runner import LONGEST_PAUSE_SECONDS, Log, Part

INFO = 20


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
