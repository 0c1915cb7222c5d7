"""What the API refuses: bodies too large, too slow or no JSON, and too many requests."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest

from routes.limits import BODY_SECONDS, MOST_BYTES
from tests.stack import WAIT_SECONDS, Stack, order, until
from tests.tokens import AUTHENTICATION, bearer

pytestmark = pytest.mark.long

JSON = {"Content-Type": "application/json"}


def api(data_dir: Path, **settings: str) -> Stack:
    """Start an API with nothing behind it."""
    system = Stack(data_dir)
    system.env |= settings
    system.start("api", "api.py")
    until(lambda: system.status("/livez") == 200, "the API answers")
    return system


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API with its limits as they come; it is ready, and no worker is there."""
    system = Stack(tmp_path_factory.mktemp("alone"))
    system.start_temporal()
    system.start("api", "api.py")
    until(lambda: system.status("/readyz") == 200, "the API is ready")
    yield system
    system.stop()


def status_and_problem(answer: httpx.Response) -> tuple[int, str]:
    """Return the status of a problem, and what it is."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["type"].removeprefix("urn:problem:")


def begin_order(stack: Stack, *headers: str) -> socket.socket:
    """Begin to post an order, by hand."""
    line = socket.create_connection(("127.0.0.1", stack.api_port), timeout=WAIT_SECONDS)
    head = [
        "POST /orders HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        *headers,
        "",
        "",
    ]
    line.sendall("\r\n".join(head).encode())
    return line


def last_answer(line: socket.socket) -> tuple[int, str]:
    """Read the answer, and that the connection is then at its end."""
    answer = HTTPResponse(line)
    answer.begin()
    problem = json.loads(answer.read())
    assert (answer.headers["Content-Type"], answer.headers["Connection"]) == (
        "application/problem+json",
        "close",
    )
    return answer.status, problem["detail"]


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 2_000_000, 4_000_000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_body_is_refused(alone: Stack, size: int, is_chunked: bool) -> None:
    """More than 256 KiB is answered 413, announced or not."""
    body = (b" " * 1_000 for _ in range(-(-size // 1_000))) if is_chunked else b" " * size
    assert status_and_problem(alone.http.post("/orders", content=body, headers=JSON)) == (
        413,
        "too-large",
    )


def test_the_largest_body_is_read(alone: Stack) -> None:
    """256 KiB are not too much; a thousand of the longest lines are less."""
    longest = order(sku="s" * 64, quantity=10**6, price=10**9)
    longest["lines"] *= 1_000
    assert len(json.dumps(longest)) < MOST_BYTES
    body = b"{}" + b" " * (MOST_BYTES - 2)
    assert status_and_problem(alone.http.post("/orders", content=body, headers=JSON)) == (
        422,
        "invalid",
    )


def send_for_ever(line: socket.socket, chunk: bytes) -> None:
    while True:
        line.sendall(chunk)


def test_an_endless_body_is_not_read_to_its_end(alone: Stack) -> None:
    """Who sends without end is answered as soon as it is too much, and hung up on."""
    with closing(begin_order(alone, "Transfer-Encoding: chunked")) as line:
        chunk = b"%x\r\n%s\r\n" % (4096, b" " * 4096)
        for _ in range(MOST_BYTES // 4096 + 1):
            line.sendall(chunk)
        assert last_answer(line) == (413, f"a body has at most {MOST_BYTES} bytes")
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            send_for_ever(line, chunk)


def test_an_announcement_is_enough(alone: Stack) -> None:
    """A body that is announced too large is refused before a byte of it came."""
    with closing(begin_order(alone, f"Content-Length: {10**15}")) as line:
        assert last_answer(line)[0] == 413


def test_a_slow_body_is_not_waited_for(alone: Stack) -> None:
    """A body that comes byte by byte has its time, and no more; others are served meanwhile."""
    with closing(begin_order(alone, "Content-Length: 1000")) as line:
        began = time.monotonic()
        line.settimeout(1)
        while True:
            line.sendall(b" ")
            assert alone.status("/livez") == 200
            try:
                assert line.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                continue
        line.settimeout(WAIT_SECONDS)
        assert last_answer(line) == (408, f"the body did not arrive within {BODY_SECONDS} s")
        assert time.monotonic() - began >= BODY_SECONDS - 1


def test_who_hangs_up_does_no_harm(alone: Stack) -> None:
    """A caller that goes away in the middle of a body leaves nothing behind, and no error."""
    for _ in range(20):
        begin_order(alone, "Content-Length: 1000").close()
    assert alone.status("/livez") == 200
    assert "Traceback" not in alone.log_text("api")


NO_JSON: list[bytes] = [
    b"nonsense",
    b"{",
    b"\xff\xfe{}",
    '{"customer_id": "é"}'.encode("latin-1"),
    json.dumps(order()).encode("utf-16"),
    b"[" * 100_000,
    b'{"a":' * 40_000,
    b'{"customer_id": "a", "customer_id": "b"}',
    b'{"lines": [{"sku": "a", "sku": "a"}]}',
    b'{"customer_id": NaN}',
    b'{"lines": [-Infinity]}',
    b'{"total": ' + b"9" * 5_000 + b"}",
    b'{"customer_id": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"lines": [["\\ud800"]]}',
    b'{"customer_id": "\\u0000"}',
    b'"\\ud800"',
]
NO_ORDERS: list[bytes] = [
    b"",
    b"[]",
    b"null",
    b"1e999",
    b"[" * 900 + b"]" * 900,
    b'{"customer_id": ' + b"[" * 500 + b"]" * 500 + b"}",
    b'{"lines": ' + b"9" * 4_000 + b"}",
    b'{"deadline_seconds": 1e400}',
    b'{"deadline_seconds": 123456789012345678901234567890}',
    b'{"' + b"k" * 100_000 + b'": 1}',
    json.dumps({f"k{n}": n for n in range(10_000)}).encode(),
    json.dumps({"lines": [1] * 1_000}).encode(),
    json.dumps({"lines": [{}] * 60_000}).encode(),
    '{"customer_id": "😀", "\\ud83d\\ude00": 1}'.encode(),
]


@pytest.mark.parametrize(
    "path", ["/orders", "/orders/a/cancel", "/orders/a/steps/ProcessPayment/settle"]
)
@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:30]))
def test_what_is_no_plain_json_is_refused(alone: Stack, path: str, body: bytes) -> None:
    """JSON that two readers could understand differently, or one not at all, is answered 400."""
    assert status_and_problem(alone.http.post(path, content=body, headers=JSON)) == (
        400,
        "not-json",
    )


@pytest.mark.parametrize("path", ["/orders", "/orders/a/cancel"])
@pytest.mark.parametrize("body", NO_ORDERS, ids=lambda body: repr(body[:30]))
def test_json_of_any_other_kind_is_refused(alone: Stack, path: str, body: bytes) -> None:
    """Plain JSON that is not what is asked for is answered 422, in few words."""
    answer = alone.http.post(path, content=body, headers=JSON)
    assert status_and_problem(answer) == (422, "invalid")
    assert len(answer.content) < 2 * MOST_BYTES


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml", "json"]
)
def test_a_body_of_another_kind_is_refused(alone: Stack, kind: str) -> None:
    """A body declared as anything but JSON gets 415.

    So no form of another site can post an order from somebody's browser.
    """
    answer = alone.http.post("/orders", content=json.dumps(order()), headers={"Content-Type": kind})
    assert status_and_problem(answer) == (415, "not-json")


def test_so_many_requests_a_time(tmp_path: Path) -> None:
    """Beyond the rate a caller is told when to retry; other callers and health are unaffected."""
    stack = api(tmp_path, API_RATE_LIMIT="5/hour", **AUTHENTICATION)
    try:
        ann = bearer(sub="ann")
        bob = bearer(sub="bob")
        assert [stack.http.get("/nowhere", headers=ann).status_code for _ in range(6)] == [
            404
        ] * 5 + [429]
        answer = stack.http.get("/nowhere", headers=bearer("orders:read", sub="ann"))
        assert status_and_problem(answer) == (429, "too-many-requests")
        assert 3_000 < int(answer.headers["Retry-After"]) <= 3_600
        assert stack.http.get("/nowhere", headers=bob).status_code == 404
        assert [stack.status("/livez") for _ in range(10)] == [200] * 10
    finally:
        stack.stop()


def test_so_many_requests_at_one_time(tmp_path: Path) -> None:
    """With all places in use one more caller is told to retry, and health is answered.

    A place that is left is free.
    """
    stack = api(tmp_path, API_IN_FLIGHT_LIMIT="3")
    try:
        with ExitStack() as waiting:
            for _ in range(3):
                waiting.enter_context(closing(begin_order(stack, "Content-Length: 10")))
            # The figure takes no place, as any other request would, and turn one of these away.
            until(lambda: stack.in_flight() == 3, "all places are taken")
            answer = stack.http.get("/nowhere")
            assert status_and_problem(answer) == (429, "too-many-requests")
            assert int(answer.headers["Retry-After"]) >= 1
            assert stack.status("/livez") == 200
        until(lambda: stack.status("/nowhere") == 404, "the places are free again")
    finally:
        stack.stop()
