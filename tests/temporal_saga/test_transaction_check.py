"""What leaves a transaction or waits in it is caught, and nothing else is."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import httpx
import pytest
import sqlalchemy as sa

from temporal_saga.fence import Fence
from temporal_saga.transaction_check import WaitsInTransaction, no_waiting_in_transactions
from tests.temporal_saga.fenced_participant import EFFECTS, FENCE, KEY, Ask, Done, No, Shelf

Effect = Callable[[sa.Connection], None]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a server that accepts whoever connects, and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


@pytest.fixture
def port(listener: socket.socket) -> int:
    """Give the port of that server."""
    return int(listener.getsockname()[1])


def take(shelf: Shelf, effect: Effect) -> None:
    """Let the fence take a command with this effect."""

    def act(connection: sa.Connection) -> None:
        connection.execute(sa.insert(EFFECTS), {"key": KEY, "change": 7})
        effect(connection)

    Fence(shelf.engine, FENCE).forward(Ask(), Done(), act, No)


def test_the_database_itself_may_connect_and_wait(engine: sa.Engine) -> None:
    """An effect that writes rows is what an effect is; its first connection is opened here."""
    with no_waiting_in_transactions():
        shelf = Shelf(engine)
        shelf.put(Ask())
        shelf.take_back(Ask().taken_back())
    assert shelf.changes == [7, -7]


@pytest.mark.parametrize(
    ("doing", "effect"),
    [
        ("sleeps", lambda _port: time.sleep(0)),
        ("connects", lambda port: socket.create_connection(("127.0.0.1", port))),
        ("connects", lambda port: httpx.get(f"http://127.0.0.1:{port}/", timeout=1)),
        ("connects", lambda _port: socket.gethostbyname("localhost")),
        ("starts a process", lambda _port: subprocess.run([sys.executable, "-c", ""], check=True)),
    ],
    ids=["sleep", "socket", "httpx", "name", "process"],
)
def test_an_effect_that_leaves_its_transaction_is_caught(
    shelf: Shelf, port: int, doing: str, effect: Callable[[int], object]
) -> None:
    """It gets a sentence instead of an answer, and leaves nothing behind."""
    with (
        pytest.raises(WaitsInTransaction, match=f"this {doing} in a"),
        no_waiting_in_transactions(),
    ):
        take(shelf, lambda _connection: (effect(port), None)[1])
    assert (shelf.outcomes, shelf.changes) == ({}, [])


def test_a_connection_that_is_open_already_is_no_way_out(shelf: Shelf, port: int) -> None:
    """Sending on it is caught like connecting."""
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        pytest.raises(WaitsInTransaction, match="this sends in a"),
        no_waiting_in_transactions(),
    ):
        take(shelf, lambda _connection: connection.sendall(b"charge"))
    assert shelf.changes == []


def test_a_compensation_is_watched_too(shelf: Shelf) -> None:
    """Whatever the fence calls inside its transaction."""
    shelf.put(Ask())
    shelf.before_commit = lambda _connection: time.sleep(0)
    with pytest.raises(WaitsInTransaction), no_waiting_in_transactions():
        shelf.take_back(Ask().taken_back())
    assert shelf.changes == [7]


def test_an_effect_that_swallows_the_error_is_caught_at_the_end(shelf: Shelf) -> None:
    """Nobody hides behind an `except`."""

    def swallow(_connection: sa.Connection) -> None:
        with suppress(Exception):
            time.sleep(0)

    with pytest.raises(WaitsInTransaction), no_waiting_in_transactions():
        take(shelf, swallow)


def test_outside_of_transactions_everybody_may_wait(shelf: Shelf, port: int) -> None:
    """Before and after a transaction, when it failed, in other threads, and after the check."""

    def fail(_connection: sa.Connection) -> None:
        raise OSError("disk full")

    def wait_elsewhere(_connection: sa.Connection) -> None:
        thread = threading.Thread(target=time.sleep, args=(0,))
        thread.start()
        thread.join()

    with no_waiting_in_transactions():
        time.sleep(0)
        with pytest.raises(OSError, match="disk full"):
            take(shelf, fail)
        take(shelf, wait_elsewhere)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"charge")
    with shelf.engine.begin():
        time.sleep(0)


def test_two_checks_at_once_each_end_for_themselves(shelf: Shelf) -> None:
    """A check in a check changes nothing, and the outer one goes on when the inner has ended."""
    with no_waiting_in_transactions(), no_waiting_in_transactions():
        shelf.put(Ask())

    def wait() -> None:
        with no_waiting_in_transactions():
            pass
        with shelf.engine.begin():
            time.sleep(0)

    with pytest.raises(WaitsInTransaction), no_waiting_in_transactions():
        wait()
