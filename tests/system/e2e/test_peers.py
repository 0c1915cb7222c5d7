"""What peers leave undone: they hang up, send half a request, or never read what they asked for."""

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import httpx
import psutil
import pytest

from routes.connections import HEAD_SECONDS, TAKEN_SECONDS
from tests.stack import WAIT_SECONDS, Stack, order, until

pytestmark = pytest.mark.long

DESCRIPTORS = 1_024
FEW_DESCRIPTORS = f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS}))
sys.argv = ["api.py"]
runpy.run_path("api.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API with nothing behind it, and with few descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    system = Stack(tmp_path_factory.mktemp("alone"))
    try:
        system.start("api", "-c", FEW_DESCRIPTORS)
        until(lambda: system.status("/livez") == 200, "the API answers")
        yield system
    finally:
        system.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def line(stack: Stack, request_text: str = "") -> socket.socket:
    """Return a connection to the API on which something was said."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(WAIT_SECONDS)
    connection.connect(("127.0.0.1", stack.api_port))
    connection.sendall(request_text.encode())
    return connection


def last_answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Return the answer that comes, which is the last one."""
    answer = HTTPResponse(connection)
    answer.begin()
    assert (answer.headers["Content-Type"], answer.headers["Connection"]) == (
        "application/problem+json",
        "close",
    )
    return answer.status, json.loads(answer.read())


def is_ended(connection: socket.socket) -> bool:
    """Tell whether the API has hung up."""
    connection.setblocking(False)  # noqa: FBT003  # its only argument
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_half_a_head_takes_nobodys_place(alone: Stack) -> None:
    """Others are answered while more connections than descriptors send half a head, or nothing.

    Those connections then end.

    Who asks now and then on one connection keeps it, and the log does not fill.
    """
    regular = HTTPConnection("127.0.0.1", alone.api_port, timeout=5)
    regular.request("GET", "/livez")
    regular.getresponse().read()
    lines_before = len(alone.log_text("api").splitlines())
    with ExitStack() as stack:
        stack.callback(regular.close)
        connections = [
            stack.enter_context(
                closing(line(alone, "GET /livez HTTP/1.1\r\nHost: local" * (number % 2)))
            )
            for number in range(DESCRIPTORS + 76)
        ]
        began = time.monotonic()
        longest = 0.0
        while time.monotonic() - began < 6:
            asked_at = time.monotonic()
            with httpx.Client() as http:
                assert http.get(f"http://127.0.0.1:{alone.api_port}/livez").status_code == 200
            longest = max(longest, time.monotonic() - asked_at)
            time.sleep(0.2)
        assert longest < 2
        own = regular.sock
        regular.request("GET", "/livez")
        assert regular.getresponse().read()
        assert regular.sock is own
        until(lambda: all(map(is_ended, connections)), "all are hung up on", HEAD_SECONDS + 5)
    assert len(alone.log_text("api").splitlines()) - lines_before < 5


def test_half_a_head_is_told_so(alone: Stack) -> None:
    """A head that does not end gets 408, also a connection's second, and one sent by the byte."""
    head = "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
    with (
        closing(line(alone, head)) as first,
        closing(line(alone, f"{head}\r\n{head}X: ")) as second,
    ):
        began = time.monotonic()
        while time.monotonic() - began < HEAD_SECONDS - 3:
            second.sendall(b"x")
            time.sleep(0.5)
        assert last_answer(first) == (408, _too_slow())
        while b"408" not in (received_bytes := second.recv(4_096)):
            assert received_bytes
        assert HEAD_SECONDS - 1 < time.monotonic() - began < HEAD_SECONDS + 5


def _too_slow() -> dict[str, Any]:
    detail = f"the head did not arrive within {HEAD_SECONDS} s"
    return {
        "type": "urn:problem:too-slow",
        "title": "Request Timeout",
        "status": 408,
        "detail": detail,
    }


def test_what_is_no_request_is_a_problem(alone: Stack) -> None:
    """Nonsense gets 400, a protocol upgrade is ignored, and strangers do not write our log."""
    before = alone.log_text("api")
    for request_text in (
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        f"GET /{'x' * 70_000}",
    ):
        with closing(line(alone, request_text)) as connection:
            assert last_answer(connection)[1]["type"] == "urn:problem:not-http"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x",
        "Sec-WebSocket-Version": "13",
    }
    assert alone.http.get("/livez", headers=upgrade).json() == {"status": "alive"}
    strangers = {"Host": "shop.attacker.example"}
    assert alone.http.get("/livez", headers=upgrade | strangers).status_code == 421
    assert alone.log_text("api") == before


@pytest.mark.timeout(120)
def test_an_answer_that_nobody_takes_is_given_up(alone: Stack) -> None:
    """An unread answer counts as under way, costs little, and ends with its connection."""
    process = psutil.Process(alone.processes["api"].pid)
    before = process.memory_info().rss
    ask = "GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(line(alone, ask * 10))) for _ in range(20)]
        until(lambda: alone.in_flight() >= len(connections), "all count as under way")
        began = time.monotonic()
        assert process.memory_info().rss - before < 40_000_000
        until(lambda: alone.in_flight() == 0, "all are given up", TAKEN_SECONDS + 10)
        assert time.monotonic() - began > TAKEN_SECONDS - 5
        assert all(map(is_ended, connections))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/orders",
        "/orders/a",
        "/nowhere",
    ],
)
def test_head_is_get_without_a_body(alone: Stack, path: str) -> None:
    """HEAD is answered with status and headers of GET, wherever GET is."""
    get = alone.http.get(path)
    head = alone.http.head(path)
    assert (head.status_code, head.headers["Content-Type"], head.content) == (
        get.status_code,
        get.headers["Content-Type"],
        b"",
    )


def test_what_may_be_done_is_told(alone: Stack) -> None:
    """`Allow` names HEAD wherever it names GET, and nowhere else."""
    assert alone.http.delete("/orders/a").headers["Allow"] == "GET, HEAD"
    assert alone.http.head("/orders/a/cancel").headers["Allow"] == "POST"


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system without workers, in which every order waits; it serves five callers at one time."""
    system = Stack(tmp_path_factory.mktemp("waiting"))
    system.env |= {"API_IN_FLIGHT_LIMIT": "5"}
    try:
        system.start_temporal()
        system.start("api", "api.py")
        until(lambda: system.status("/readyz") == 200, "the API is ready")
        yield system
    finally:
        system.stop()


def test_who_hangs_up_gives_the_place_back(waiting: Stack) -> None:
    """Places of callers who hung up while waiting for their orders are free within 2 s.

    The orders are placed all the same.
    """
    ids = [f"left-{number}" for number in range(5)]
    callers = []
    with ExitStack() as stack:
        for order_id in ids:
            body = json.dumps(order(order_id=order_id))
            head = (
                "POST /orders HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}"
            )
            callers.append(
                stack.enter_context(
                    closing(line(waiting, f"{head}\r\nPrefer: wait=30\r\n\r\n{body}"))
                )
            )
        until(lambda: waiting.in_flight() == len(ids), "all places are taken")
        callers[0].sendall(b"\r\n")
        callers[1].sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1)
        assert waiting.status("/orders/left-0") == 429
    until(lambda: waiting.status("/orders/left-0") == 200, "a place is free", 2)
    assert {waiting.http.get(f"/orders/{order_id}").json()["state"] for order_id in ids} == {
        "PENDING"
    }
    assert waiting.in_flight() == 0
    figures = waiting.http.get("/metrics").text
    assert 'status="499"' in figures
    assert "Traceback" not in waiting.log_text("api")


def test_who_sends_no_more_is_answered(waiting: Stack) -> None:
    """An order is placed for who half-closes behind it, and its state, and its stream, are told."""
    body = json.dumps(order(order_id="half"))
    head = "Host: localhost\r\nContent-Type: application/json\r\nPrefer: wait=2\r\n"
    post = f"POST /orders HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"
    for request_text, status in (
        (post, 202),
        (f"GET /orders/half HTTP/1.1\r\n{head}\r\n", 200),
        (f"GET /overview HTTP/1.0\r\n{head}\r\n", 200),
        (f"GET /orders/half/events HTTP/1.1\r\n{head}\r\n", 200),
    ):
        with closing(line(waiting, request_text)) as connection:
            connection.shutdown(socket.SHUT_WR)
            answer = HTTPResponse(connection)
            answer.begin()
            assert answer.status == status
            assert b"PENDING" in answer.readline() + answer.readline() + answer.readline()
            answer.close()
    until(lambda: waiting.in_flight() == 0, "who left the stream is noticed", 20)


def test_who_leaves_a_stream_gives_the_place_back(waiting: Stack) -> None:
    """So do listeners, and who asked for the head of a stream alone never takes one."""
    waiting.place(order(order_id="heard"))
    head = waiting.http.head("/orders/heard/events")
    assert (head.status_code, head.headers["Content-Type"].partition(";")[0]) == (
        200,
        "text/event-stream",
    )
    with ExitStack() as stack:
        for number in range(5):  # one after the other: a place that is not free yet refuses
            until(lambda: waiting.in_flight() == number, "all but these places are free")  # noqa: B023
            request = "GET /orders/heard/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
            stack.enter_context(closing(line(waiting, request)))
        until(lambda: waiting.in_flight() == 5, "all places are taken")
        assert waiting.status("/orders/heard") == 429
    until(lambda: waiting.status("/orders/heard") == 200, "a place is free", 2)
    assert "Traceback" not in waiting.log_text("api")
