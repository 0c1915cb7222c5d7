"""What is looked at before the system starts, so that it starts or says in one sentence why it cannot."""

import errno
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

import psutil
from pydantic import ValidationError

from config import Settings, explain
from operations.up.temporal_server import temporal_binary

MARK = "ORDER_SAGA_STACK"
"""Every process of a system carries this environment variable; its value is the system's data directory."""

LEAST_FREE_BYTES = 4 * 2**20
"""With less room on the disk the embedded Temporal server cannot make its database."""

END_SECONDS = 45
"""What is asked to end gets this long, more than operations/up/supervisord.conf gives a worker, before it is ended by force."""


class CannotStart(Exception):
    """Something outside the system keeps it from starting; the message says what, and what to do."""


def read_settings(kind: type[Settings] = Settings) -> Settings:
    """Return the settings of the environment, as far as this kind of settings reads it.

    Raises:
        CannotStart: one of them is wrong, or there is no Temporal to run.
    """
    try:
        settings = kind()
        temporal_binary()
    except ValidationError as error:
        raise CannotStart(explain(error)) from error
    except FileNotFoundError as error:
        raise CannotStart(str(error)) from error
    return settings


@contextmanager
def only_one(data_dir: Path) -> Iterator[TextIO]:
    """Hold the data directory for as long as the system runs; give the file whose lock holds it.

    Raises:
        CannotStart: it cannot be written, is full, or another system holds it.
    """
    if odd := set("%?#") & set(str(data_dir.resolve())):
        raise CannotStart(
            f"DATA_DIR={data_dir.resolve()} has a {odd.pop()} in it, which database URLs cannot take: choose another"
        )
    try:
        (data_dir / "log").mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("a+")
    except OSError as error:
        raise _cannot_write(data_dir, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise CannotStart(
                f"another `make up` (process {lock.read()}) runs on DATA_DIR={data_dir}: stop that one, "
                "or give this one a DATA_DIR, TEMPORAL_PORT, TEMPORAL_UI_PORT and API_PORT of its own"
            ) from error
        try:
            os.ftruncate(lock.fileno(), 0)
            os.write(
                lock.fileno(), str(os.getpid()).encode()
            )  # past the buffer, which closing would write again
        except OSError as error:
            raise _cannot_write(data_dir, error) from error
        if not has_room(data_dir):
            raise CannotStart(
                f"DATA_DIR={data_dir} is full: make room on that disk, or choose another with DATA_DIR"
            )
        yield lock


def _cannot_write(data_dir: Path, error: OSError) -> CannotStart:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CannotStart(
            f"DATA_DIR={data_dir} is full: make room on that disk, or choose another with DATA_DIR"
        )
    return CannotStart(
        f"DATA_DIR={data_dir} cannot be written ({error.strerror}): make it writable, or choose another with DATA_DIR"
    )


def has_room(data_dir: Path) -> bool:
    """Tell whether the disk of the data directory has room to begin with."""
    return shutil.disk_usage(data_dir).free >= LEAST_FREE_BYTES


def is_held(lock: TextIO) -> bool:
    """Tell whether the lock file is still the one that `only_one` took, and thereby the data directory the same."""
    try:
        return os.path.samestat(Path(lock.name).stat(), os.fstat(lock.fileno()))
    except OSError:
        return False


def check_ports(settings: Settings) -> None:
    """Find every port free.

    Raises:
        CannotStart: one is taken.
    """
    wanted = {
        "TEMPORAL_PORT": ("127.0.0.1", settings.temporal_port),
        "TEMPORAL_UI_PORT": ("127.0.0.1", settings.temporal_ui_port),
        "API_PORT": (settings.api_host, settings.api_port),
    }
    with ExitStack() as held:  # all at once, so that two of ours do not get the same one
        for variable, (host, port) in wanted.items():
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                held.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                taken = (
                    "is taken"
                    if error.errno == errno.EADDRINUSE
                    else f"cannot be used ({error.strerror})"
                )
                raise CannotStart(
                    f"port {port} on {host} {taken}: free it, or choose another port with {variable}"
                ) from error


def end_what_is_left(data_dir: Path) -> int:
    """End every process of this data directory's system, by force those that do not end when asked; return how many there were.

    Only those whose parent is none of them are asked: supervisord then stops its own, in order.
    """
    asked: set[psutil.Process] = set()
    seen: set[psutil.Process] = set()
    start = time.monotonic()
    while left := processes_of(data_dir):
        seen |= left
        patient = time.monotonic() - start < END_SECONDS
        for process in left:
            with suppress(psutil.NoSuchProcess):
                if not patient:
                    process.kill()
                elif process.parent() not in left and process not in asked:
                    process.terminate()
                    asked.add(process)
        time.sleep(0.1)
    return len(seen)


def processes_of(data_dir: Path) -> set[psutil.Process]:
    """Return the processes of this data directory's system."""
    mark, found = str(data_dir.resolve()), set()
    ourselves = {process.pid for process in [psutil.Process(), *psutil.Process().parents()]}
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # ended meanwhile, or somebody else's
            if process.environ().get(MARK) == mark and process.pid not in ourselves:
                found.add(process)
    return found
