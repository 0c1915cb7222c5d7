"""For the tests of participants: whoever connects or waits inside a transaction is caught.

An effect of `Fence` is to write rows, and nothing else. What it does elsewhere is not undone with
its transaction, and while it waits others wait for its locks. In a `conftest.py`::

    @pytest.fixture(autouse=True)
    def effects_stay_in_their_database() -> Iterator[None]:
        with no_waiting_in_transactions():
            yield
"""

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

SENDS = ("send", "sendall", "sendmsg", "sendto")
"""What uses a connection that was opened before: Python tells no audit hook of that."""

DOINGS = {
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
    "socket.connect": "connects",
    "socket.getaddrinfo": "looks up a host",
    "socket.gethostbyname": "looks up a host",
    "socket.sendto": "sends",
    "subprocess.Popen": "starts a process",
    "time.sleep": "sleeps",
}
"""Python's audit events of what leaves the database, or waits."""


class WaitsInTransaction(AssertionError):
    """a transaction is open meanwhile: it holds its locks, and cannot undo what is done elsewhere.

    For an effect at a provider there is `ProviderFence`, which calls outside of any transaction.
    """

    def __init__(self, doing: str) -> None:
        super().__init__(f"this {doing}; {self.__doc__}")


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
    a network of their own in C or Rust, locks, and threads that the effect hands its work to.

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
        for kind in (socket.socket, ssl.SSLSocket):
            for name in SENDS:
                send = _checked(getattr(kind, name), watch)
                stack.enter_context(patch.object(kind, name, send))
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


def _checked(send: Callable[..., Any], watch: _Watch) -> Callable[..., Any]:
    @wraps(send)
    def checked_send(self: socket.socket, *arguments: Any) -> Any:
        watch.check("sends")
        return send(self, *arguments)

    return checked_send
