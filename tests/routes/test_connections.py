"""Connections that are too many, or that leave something undone, on a real listener with a clock of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, Self, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from routes import connections
from routes.connections import HEAD_SECONDS, TAKEN_SECONDS, Connection

MOST = 8

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTHY = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: local"
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"


class Listener:
    """Serves with our connections an app that answers /livez, and lets all else wait."""

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

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/livez":
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-length", b"0")],
                }
            )
            await send({"type": "http.response.body", "body": b""})

    async def line(self, said: bytes) -> Line:
        """Return a connection on which something was said, and heard."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.lines.append((reader, writer))
        writer.write(said)
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


async def heard(line: Line) -> bytes:
    """Return the first line of what came; nothing when the other side has hung up, or says nothing."""
    try:
        return await asyncio.wait_for(line[0].readline(), 0.2)
    except (TimeoutError, OSError):
        return b""


def is_open(line: Line) -> bool:
    return not line[0].at_eof() and line[0].exception() is None


@pytest.mark.parametrize("said", [b"", HALF_A_HEAD, HALF_A_BODY])
async def test_who_owes_us_something_makes_room(listener: Listener, said: bytes) -> None:
    """However many send half of something, the next is answered, and those that are served stay."""
    served = [await listener.line(ASK), await listener.line(HEALTHY)]
    assert await heard(served[1]) == b"HTTP/1.1 200 OK\r\n"
    halves = [await listener.line(said) for _ in range(MOST)]
    assert await heard(await listener.line(HEALTHY)) == b"HTTP/1.1 200 OK\r\n"
    assert [is_open(line) for line in served] == [True, True]
    assert sum(is_open(line) for line in halves) <= MOST // 2
    assert len(listener.state.connections) <= MOST // 2


async def test_who_is_served_is_not_hung_up_on(listener: Listener) -> None:
    """When all places are in use one more is told to come again, health is answered, and nobody who is served ends."""
    served = [await listener.line(ASK) for _ in range(MOST // 2)]
    for _ in range(MOST):
        crowded = await listener.line(ASK)
        assert await heard(crowded) == b"HTTP/1.1 429 Too Many Requests\r\n"
        assert await heard(await listener.line(HEALTHY)) == b"HTTP/1.1 200 OK\r\n"
    assert [is_open(line) for line in served] == [True] * len(served)
    assert len(listener.state.connections) <= MOST // 2 + 1


async def test_limits_hold_to_the_second(listener: Listener) -> None:
    """Half a head ends at its time and not before; who is served, and who keeps a connection, is left alone."""
    half, served, kept = [await listener.line(said) for said in (HALF_A_HEAD, ASK, HEALTHY)]
    assert await heard(kept)
    now = monotonic()
    for seconds, ended in (
        (HEAD_SECONDS - 2, False),
        (HEAD_SECONDS + 1, True),
        (TAKEN_SECONDS + 1, True),
    ):
        for connection in tuple(listener.state.connections):
            cast("Connection", connection).look(now + seconds)
        await asyncio.sleep(0.01)
        assert len(listener.state.connections) == (2 if ended else 3)
        assert [is_open(line) for line in (served, kept)] == [True, True]
    assert await heard(half) == b"HTTP/1.1 408 Request Timeout\r\n"
