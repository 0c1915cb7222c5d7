"""What callers hear while Temporal's answers are lost on the way.

Whoever waits for an order hears of its end; whoever places one hears that it cannot be told.
"""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from application.pulse import MOST_AT_ONCE, SILENCE_SECONDS
from tests.stack import Stack, free_port, order, until

pytestmark = pytest.mark.long

CALLERS = MOST_AT_ONCE + 10


class Wire:
    """A TCP connection to Temporal that can drop all the server's answers, and stays open."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.swallows = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, True), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(65_536):
                if not (is_answer and self.swallows):
                    target.sendall(data)
        except OSError:
            return
        finally:
            for end in (source, target):
                end.close()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire to a Temporal that is to be started."""
    wire = Wire(free_port())
    yield wire
    wire.close()


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> Iterator[Stack]:
    """A system of whose parts the API alone reaches Temporal through the wire."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.temporal_port = wire._to
    system.env |= {"TEMPORAL_ADDRESS": f"127.0.0.1:{wire._to}"}
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_temporal()
        system.start_worker()
        system.ready("workers")
        system.env |= {"TEMPORAL_ADDRESS": f"127.0.0.1:{wire.port}"}
        system.start("api", "api.py")
        until(lambda: system.status("/readyz") == 200, "the API is ready")
        yield system
    finally:
        system.stop()


def test_a_wait_outlives_the_loss_of_the_news(stack: Stack, wire: Wire) -> None:
    """The order closes while nothing from Temporal arrives.

    The record answers a few seconds later, and not after 25.
    """
    with ThreadPoolExecutor(1) as pool:
        with stack.hold_database("stock"):
            answer = pool.submit(
                lambda: (stack.place(order(order_id="lost"), Prefer="wait=25"), time.monotonic())
            )
            until(
                lambda: stack.http.get("/orders/lost").json().get("state") == "PAYMENT_COMPLETED",
                "it is paid, and waited for",
            )
            wire.swallows = True
        began = time.monotonic()
        response, end = answer.result(40)
    assert (response.status_code, response.json()["state"]) == (200, "COMPLETED")
    assert end - began < 10, "a look at the record, and 2 s for what Temporal might add"


def test_a_temporal_that_hangs_is_told_to_all_who_ask_soon(stack: Stack, wire: Wire) -> None:
    """However long they would wait, and however many they are; what is closed is still shown."""
    stack.place(order(order_id="closed"), Prefer="wait=20")
    wire.swallows = True
    began = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        responses = list(
            pool.map(
                lambda n: stack.place(order(order_id=f"hung-{n}"), Prefer="wait=25"), range(CALLERS)
            )
        )
    assert time.monotonic() - began < SILENCE_SECONDS + 15, "sooner than they would have waited"
    assert {response.status_code for response in responses} == {503}
    assert [response.headers["Location"] for response in responses] == [
        f"/orders/hung-{n}" for n in range(CALLERS)
    ]
    assert stack.http.get("/orders/closed").json()["state"] == "COMPLETED"
