"""For the tests of participants: whoever connects or waits inside a transaction is caught.

An effect of `Fence` is to write rows, and nothing else. What it does elsewhere is not undone with
its transaction, and while it waits others wait for its locks. Where the wheel is installed pytest
has it as a fixture of the same name (`pytest_plugin.py`)::

    @pytest.mark.usefixtures("no_waiting_in_transactions")
"""

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial, wraps
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

UNTOLD: list[tuple[Any, str, str]] = [
    (time, "sleep", "sleeps"),  # an audit event from Python 3.13 on
    *(
        (kind, name, "sends")  # on a connection that was opened before
        for kind in (socket.socket, ssl.SSLSocket)
        for name in ("send", "sendall", "sendmsg", "sendto")
    ),
]
"""What leaves the database, or waits, and no audit event tells of."""

DOINGS = {
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
    "socket.connect": "connects",
    "socket.getaddrinfo": "connects",
    "socket.gethostbyname": "connects",
    "socket.sendto": "sends",
    "subprocess.Popen": "starts a process",
    "time.sleep": "sleeps",
}
"""Python's audit events of the same."""


class WaitsInTransaction(AssertionError):
    """something connects, sends, sleeps or starts a process while its transaction is open."""

    def __init__(self, doing: str) -> None:
        super().__init__(
            f"this {doing} in a transaction, which holds its locks meanwhile and cannot undo what "
            "is done elsewhere; ProviderFence calls a provider outside of any transaction"
        )


class _Watch:
    """Which threads have transactions open, and what they did meanwhile."""

    def __init__(self) -> None:
        self._connections: dict[int, set[int]] = {}
        self.errors: list[WaitsInTransaction] = []

    def begin(self, connection: sa.Connection) -> None:
        self._connections.setdefault(threading.get_ident(), set()).add(id(connection))

    def end(self, connection: sa.Connection) -> None:
        for connections in list(self._connections.values()):
            connections.discard(id(connection))

    def check(self, doing: str) -> None:
        """Raise, and remember in case that the effect catches it."""
        if self._connections.get(threading.get_ident()):
            self.errors.append(WaitsInTransaction(doing))
            raise self.errors[-1]


_watches: list[_Watch] = []


@contextmanager
def no_waiting_in_transactions() -> Iterator[None]:
    """Catch each thread that connects, sends, sleeps or starts a process in a transaction.

    That is a transaction of any SQLAlchemy engine, which the same thread has open. The database's
    own connection is free to do all of it. Not caught is what Python is not told of: libraries with
    a network of their own in C or Rust, locks, threads that the effect hands its work to, and
    before Python 3.13 a `sleep` that was imported by its name.

    Raises:
        WaitsInTransaction: where it happens, and again at the end if that was caught.
    """
    _tell_of_audit_events()
    watch = _Watch()
    with ExitStack() as stack:
        for name, listener in (
            ("begin", watch.begin),
            ("commit", watch.end),
            ("rollback", watch.end),
        ):
            sa.event.listen(sa.Engine, name, listener)
            stack.callback(sa.event.remove, sa.Engine, name, listener)
        for owner, name, doing in UNTOLD:
            function = _with_check(getattr(owner, name), partial(watch.check, doing))
            stack.enter_context(patch.object(owner, name, function))
        _watches.append(watch)
        stack.callback(_watches.remove, watch)
        yield
    if watch.errors:
        raise watch.errors[0]


@cache
def _tell_of_audit_events() -> None:
    """Check all of them from now on: a hook cannot be removed."""

    def check(event: str, _arguments: tuple[Any, ...]) -> None:
        if _watches and event in DOINGS:
            for watch in _watches:
                watch.check(DOINGS[event])

    sys.addaudithook(check)


def _with_check(function: Callable[..., Any], check: Callable[[], None]) -> Callable[..., Any]:
    @wraps(function)
    def checked_function(*arguments: Any, **options: Any) -> Any:
        check()
        return function(*arguments, **options)

    return checked_function
