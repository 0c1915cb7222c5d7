"""The client that places orders over HTTP: it keeps its connection, and opens another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.doors import HttpDoor
from bench.http_client import Answer, HttpClient
from bench.workload import orders


class Server:
    """Answers each request with its number on its connection; closes when told to."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.head = b"HTTP/1.1 200 OK\r\n"
        self.cut_off = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        with_body = b"Content-Length: "
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(with_body)[2].partition(b"\r")[0])
                self.requests.append(head + await reader.readexactly(length))
                if self.cut_off:
                    break
                body = b'{"connection": %d}' % self.connections
                writer.write(self.head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                if b"close" in self.head:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, HttpClient]]:
    """Give a server and a client of it."""
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listener, HttpClient(listener.sockets[0].getsockname()[1]) as client:
        yield server, client


async def test_requests_share_a_connection() -> None:
    """The second is sent on the first's; body and headers arrive."""
    async with serving() as (server, client):
        first = await client.request("POST", "/orders", b"{}", (("Prefer", "wait=1"),))
        second = await client.request("POST", "/orders", b"{}")
    assert first == second == Answer(200, {"connection": 1})
    assert b"Prefer: wait=1" in server.requests[0]
    assert server.requests[0].endswith(b"{}")


async def test_a_closed_connection_is_opened_again() -> None:
    """Also when the server says with its answer that it closes."""
    async with serving() as (server, client):
        server.head = b"HTTP/1.1 503 Busy\r\nConnection: close\r\n"
        assert await client.request("GET", "/") == Answer(503, {"connection": 1})
        assert await client.request("GET", "/") == Answer(503, {"connection": 2})


async def test_an_order_is_placed_again_where_the_answer_says_so() -> None:
    """After the Retry-After, until its end is known; then no more."""
    async with serving() as (server, client):
        server.head = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n"

        def completed(answer: Answer) -> bool | None:
            server.head = b"HTTP/1.1 200 OK\r\n"
            return True if answer.status == 200 else None

        door = HttpDoor(client.port, lambda _: "/orders", completed)
        async with door.enter() as place:
            start = asyncio.get_running_loop().time()
            await place(orders("x", 1)[0])
    assert len(server.requests) == 2
    assert server.requests[0] == server.requests[1]
    assert asyncio.get_running_loop().time() - start >= 1


async def test_a_broken_connection_is_an_error_and_not_repeated() -> None:
    """Whoever places the order decides what it means."""
    async with serving() as (server, client):
        server.cut_off = True
        with pytest.raises(OSError, match=r"closed|broke"):
            await client.request("GET", "/")
        assert len(server.requests) == 1
        server.cut_off = False
        assert (await client.request("GET", "/")).body == {"connection": 2}
