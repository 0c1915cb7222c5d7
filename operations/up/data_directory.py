"""The data directory of a system: held by one at a time, and watched while the system runs."""

import asyncio
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from operations.up.preflight import CannotStart
from operations.up.terminal import clock_time

LEAST_FREE_BYTES = 4 * 2**20
"""With less room on the disk the embedded Temporal server cannot make its database."""

CHECK_SECONDS = 5
REPEAT_SECONDS = 60
"""What a person must act on is said again after so long."""

BAD_CHARACTERS = frozenset("%?#")
"""A database URL cannot have them in a file's name."""


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[TextIO]:
    """Hold the data directory for as long as the system runs; give the locked file.

    Raises:
        CannotStart: it cannot be written, is full, or another system holds it.
    """
    if bad := BAD_CHARACTERS & set(str(data_dir.resolve())):
        raise CannotStart(
            f"DATA_DIR={data_dir.resolve()} has a {min(bad)} in it, "
            "which database URLs cannot take: choose another"
        )
    try:
        (data_dir / "log").mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("a+")
    except OSError as error:
        raise _cannot_write(data_dir, error) from error
    with lock:
        _take(lock, data_dir)
        if not has_room(data_dir):
            raise _is_full(data_dir)
        yield lock


def _take(lock: TextIO, data_dir: Path) -> None:
    """Lock the file and write our process id into it.

    Raises:
        CannotStart: another process holds it, or it cannot be written.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        raise CannotStart(
            f"another `make up` (process {lock.read()}) runs on DATA_DIR={data_dir}: stop that "
            "one, or give this one a DATA_DIR, TEMPORAL_PORT, TEMPORAL_UI_PORT and API_PORT of its "
            "own"
        ) from error
    try:
        # Without Python's buffer, which closing the file would write again.
        os.ftruncate(lock.fileno(), 0)
        os.write(lock.fileno(), str(os.getpid()).encode())
    except OSError as error:
        raise _cannot_write(data_dir, error) from error


def _cannot_write(data_dir: Path, error: OSError) -> CannotStart:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _is_full(data_dir)
    return CannotStart(
        f"DATA_DIR={data_dir} cannot be written ({error.strerror}): "
        "make it writable, or choose another with DATA_DIR"
    )


def _is_full(data_dir: Path) -> CannotStart:
    return CannotStart(
        f"DATA_DIR={data_dir} is full: make room on that disk, or choose another with DATA_DIR"
    )


def has_room(data_dir: Path) -> bool:
    """Tell whether the disk of the data directory has room to begin with."""
    return shutil.disk_usage(data_dir).free >= LEAST_FREE_BYTES


def is_held(lock: TextIO) -> bool:
    """Tell whether the file at the lock's path is still the one that `lock_data_dir` locked.

    It is not when the data directory was deleted or replaced.
    """
    try:
        return os.path.samestat(Path(lock.name).stat(), os.fstat(lock.fileno()))
    except OSError:
        return False


async def watch_data_dir(lock: TextIO, say: Callable[[str], None]) -> None:
    """Say when the data directory is full or has room again, and when it was deleted."""
    folder = Path(lock.name).parent
    was_full = False
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        if not is_held(lock):
            say(
                f"{clock_time()} DATA_DIR={folder} was deleted or replaced: what is taken now is "
                "lost when this stops. Stop it, put the folder back from a backup, and start it "
                "again"
            )
            await asyncio.sleep(REPEAT_SECONDS)
            continue
        try:
            is_full = not has_room(folder)
        except OSError:  # it was deleted this moment; the next check says so
            continue
        if is_full and not was_full:
            say(
                f"{clock_time()} DATA_DIR={folder} is full: nothing is taken until there is room; "
                "then all goes on by itself"
            )
        elif was_full and not is_full:
            say(f"{clock_time()} DATA_DIR={folder} has room again")
        was_full = is_full
