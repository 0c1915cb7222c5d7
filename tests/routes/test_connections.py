"""Connections that are too many or unfinished, on a real listener with the test's own clock."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any, Self, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from routes import connections
from routes.connections import HEAD_SECONDS, TAKEN_SECONDS, Connection
from routes.half_closed import PROBE_SECONDS, STREAM

MOST = 8

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTHY = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: local"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
OLD = b"GET / HTTP/1.0\r\n\r\n"
FOLLOW = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}


class Listener:
    """Serves an app with our connections; it answers /livez, and all else waits for `answers`."""

    def __init__(self) -> None:
        self.state = ServerState()
        self.config = uvicorn.Config(
            self._app,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            log_config=None,
            timeout_keep_alive=75,
        )
        self.config.load()
        self.lines: list[Line] = []
        self.answers = asyncio.Event()
        self.left = 0

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, in pieces for a stream; who leaves before an answer may be given gets none."""
        await receive()
        is_stream = scope["path"] == "/stream"
        if is_stream:
            scope["state"][STREAM] = True
            await send(START)
            await send({"type": "http.response.body", "body": b"o", "more_body": True})
        if scope["path"] != "/livez" and not await self._may_answer(receive):
            self.left += 1
            return
        if not is_stream:
            await send(START)
        await send({"type": "http.response.body", "body": b"k" if is_stream else b"ok"})

    async def _may_answer(self, receive: Any) -> bool:
        """Wait until there may be an answer, or nobody is there; return whether somebody is."""
        leaving = asyncio.ensure_future(receive())
        answering = asyncio.create_task(self.answers.wait())
        await asyncio.wait([leaving, answering], return_when=asyncio.FIRST_COMPLETED)
        answering.cancel()
        is_left = leaving.done()
        leaving.cancel()
        return not is_left

    def look(self, seconds: float = 0) -> None:
        """Let the connections look at themselves, as the server does each second."""
        for connection in tuple(self.state.connections):
            cast("Connection", connection).look(monotonic() + seconds)

    async def line(self, request_bytes: bytes) -> Line:
        """Return a connection on which something was said, and heard."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.lines.append((reader, writer))
        writer.write(request_bytes)
        await asyncio.sleep(0.01)
        return reader, writer

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self.config, self.state, {}),
            "127.0.0.1",
            0,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        for connection in tuple(self.state.connections):
            cast("Connection", connection).transport.abort()
        self.answers.set()
        for line in self.lines:
            line[1].close()
        self._server.close()
        await asyncio.sleep(0.01)


@pytest.fixture
async def listener(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    """A listener with room for eight, and so for four of one address."""
    monkeypatch.setattr(connections, "most_connections", lambda: MOST)
    async with Listener() as listening:
        yield listening


async def next_line(line: Line) -> bytes:
    """Return the first line of what came; nothing after a hang-up, or of one who is silent."""
    try:
        return await asyncio.wait_for(line[0].readline(), 0.2)
    except (TimeoutError, OSError):
        return b""


def is_open(line: Line) -> bool:
    return not line[0].at_eof() and line[0].exception() is None


@pytest.mark.parametrize("request_bytes", [b"", HALF_A_HEAD, HALF_A_BODY])
async def test_who_owes_us_something_makes_room(listener: Listener, request_bytes: bytes) -> None:
    """However many send half of something, the next is answered, and those that are served stay."""
    lines_served = [await listener.line(ASK), await listener.line(HEALTHY)]
    assert await next_line(lines_served[1]) == b"HTTP/1.1 200 OK\r\n"
    halves = [await listener.line(request_bytes) for _ in range(MOST)]
    assert await next_line(await listener.line(HEALTHY)) == b"HTTP/1.1 200 OK\r\n"
    assert [is_open(line) for line in lines_served] == [True, True]
    assert sum(is_open(line) for line in halves) <= MOST // 2
    assert len(listener.state.connections) <= MOST // 2


async def test_who_is_served_is_not_hung_up_on(listener: Listener) -> None:
    """When all places are in use one more is told to come again, and health is answered.

    Nobody who is served ends.
    """
    lines_served = [await listener.line(ASK) for _ in range(MOST // 2)]
    for _ in range(MOST):
        extra_line = await listener.line(ASK)
        assert await next_line(extra_line) == b"HTTP/1.1 429 Too Many Requests\r\n"
        assert await next_line(await listener.line(HEALTHY)) == b"HTTP/1.1 200 OK\r\n"
    assert [is_open(line) for line in lines_served] == [True] * len(lines_served)
    assert len(listener.state.connections) <= MOST // 2 + 1


async def test_limits_hold_to_the_second(listener: Listener) -> None:
    """Half a head ends at its time and not before.

    Who is served, and who keeps a connection, is left alone.
    """
    half, busy_line, idle_line = [
        await listener.line(request_bytes) for request_bytes in (HALF_A_HEAD, ASK, HEALTHY)
    ]
    assert await next_line(idle_line)
    now = monotonic()
    for seconds, is_half_ended in (
        (HEAD_SECONDS - 2, False),
        (HEAD_SECONDS + 1, True),
        (TAKEN_SECONDS + 1, True),
    ):
        listener.look(now + seconds - monotonic())
        await asyncio.sleep(0.01)
        assert len(listener.state.connections) == (2 if is_half_ended else 3)
        assert [is_open(line) for line in (busy_line, idle_line)] == [True, True]
    assert await next_line(half) == b"HTTP/1.1 408 Request Timeout\r\n"


async def until(ask: Callable[[], object]) -> None:
    """Ask again and again until the answer is true."""
    async with asyncio.timeout(5):
        while not ask():  # noqa: ASYNC110  # what is asked for is no event
            await asyncio.sleep(0.01)


async def all_of(line: Line) -> bytes:
    """Return what comes until the other side has hung up, but for the dates."""
    async with asyncio.timeout(5):
        return re.sub(rb"[\w-]+: .*\r\n", b"", await line[0].read())


OK = b"HTTP/1.1 200 OK\r\n\r\nok"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (ASK, GO_ON + OK),
        (POST, GO_ON + OK),
        (ASK + POST, GO_ON + OK + OK),
        (ASK + HALF_A_HEAD, GO_ON + OK),
        (OLD, OK),
    ],
    ids=["GET", "POST", "two", "one and a half", "HTTP/1.0"],
)
async def test_who_sends_no_more_is_answered(
    listener: Listener, request_bytes: bytes, answer: bytes
) -> None:
    """What was asked in full is answered in full, and then the connection ends (RFC 9112, 9.6)."""
    line = await listener.line(b"")
    line[1].write(request_bytes)
    line[1].write_eof()
    await until(lambda: has_asked(listener))
    listener.look()
    listener.answers.set()
    assert await all_of(line) == answer
    await until(lambda: not listener.state.connections)
    assert listener.left == 0


def has_asked(listener: Listener) -> bool:
    """Tell whether a whole request has come, and that no more will."""
    connections = [cast("Connection", one) for one in listener.state.connections]
    return any(one.probed_at is not None for one in connections)


@pytest.mark.parametrize("request_bytes", [ASK, POST, ASK + ASK, FOLLOW])
async def test_who_hangs_up_is_noticed_at_once(listener: Listener, request_bytes: bytes) -> None:
    """By what their system says to what they are sent, within a second."""
    line = await listener.line(request_bytes)
    await until(lambda: cast("Connection", next(iter(listener.state.connections))).cycle)
    line[1].close()
    async with asyncio.timeout(1):
        await until(lambda: listener.left == 1)
    assert not listener.state.connections


async def test_who_sends_no_more_and_leaves_later_is_noticed(listener: Listener) -> None:
    """They are asked for now and then while they wait."""
    line = await listener.line(ASK)
    line[1].write_eof()
    assert await next_line(line) == b"HTTP/1.1 100 Continue\r\n"
    assert await next_line(line) == b"\r\n"
    line[1].close()
    await until(lambda: line[1].transport.get_extra_info("socket").fileno() == -1)
    listener.look()
    assert listener.left == 0
    listener.look(PROBE_SECONDS)

    def is_noticed() -> bool:
        listener.look()
        return listener.left == 1

    await until(is_noticed)


@pytest.mark.parametrize("request_bytes", [b"", HALF_A_HEAD, HALF_A_BODY])
async def test_who_sends_no_more_and_has_not_asked_is_not_waited_for(
    listener: Listener, request_bytes: bytes
) -> None:
    """Half a request is none."""
    line = await listener.line(request_bytes)
    line[1].write_eof()
    assert await all_of(line) == b""
    assert not listener.state.connections
