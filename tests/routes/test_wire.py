"""Requests as bytes, to the API as it is served: what HTTP/1.1 says of their form."""

import asyncio
import functools
import json
import re
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from api import create_app
from config import Settings
from routes.connections import Connection
from routes.server import configuration
from tests.tokens import AUTHENTICATION

LAST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@functools.cache
def server_config(**settings: Any) -> uvicorn.Config:
    """Return how the API is served with these settings."""
    these = Settings(**settings)
    config = configuration(create_app(these), these)
    config.load()
    return config


async def answer_to(*requests: bytes, **settings: Any) -> bytes:
    """Return what the API answers who sends this and then waits until it hangs up."""
    config = server_config(**settings)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(config, ServerState(), {}), "127.0.0.1", 0)
    async with server, asyncio.timeout(5):
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(requests))
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


def statuses(answers: bytes) -> list[int]:
    """Return the statuses of answers that came one after another."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3})", answers)]


def whole(target: str, host: str = "localhost") -> bytes:
    """Return a request for a target that is a whole address."""
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "target",
    ["http://localhost/livez", "HTTP://LOCALHOST:80/livez", "https://127.0.0.1:8443/livez?a=b"],
)
async def test_a_whole_address_is_a_target_as_a_path_is(target: str) -> None:
    """RFC 9112, 3.2.2; and the next request on the connection is answered, too."""
    assert statuses(await answer_to(whole(target), LAST)) == [200, 200]


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://shop.attacker.example/livez", "localhost", 421),
        ("http://localhost@shop.attacker.example/livez", "localhost", 421),
        ("http://localhost/livez", "shop.attacker.example", 200),
        ("http://localhost", "localhost", 200),
        ("http://localhost/no%20where", "localhost", 404),
        ("http://localhost/http://localhost/livez", "localhost", 404),
        ("http:///livez", "localhost", 404),
        ("ftp://localhost/livez", "localhost", 404),
        ("localhost:80", "localhost", 404),
    ],
)
async def test_the_host_of_a_whole_address_is_what_is_asked(
    target: str, host: str, status: int
) -> None:
    """Whatever the Host header says beside it: a page of another host gets no further this way."""
    assert statuses(await answer_to(whole(target, host), LAST)) == [status, 200]


SIGNED = {name.lower(): value for name, value in AUTHENTICATION.items()}
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


@pytest.mark.parametrize("call", [b"POST /orders", b"GET /livez", b"PUT /nowhere"])
@pytest.mark.parametrize("settings", [{}, SIGNED])
async def test_a_body_with_two_ends_is_refused(call: bytes, settings: dict[str, Any]) -> None:
    """By one of them something else would be the next request: the connection ends."""
    head = call + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answers = await answer_to(head, b"Content-Length: 12\r\n", CHUNKED, LAST, **settings)
    assert statuses(answers) == [400]
    top, _, body = answers.partition(b"\r\n\r\n")
    assert b"connection: close" in top.lower()
    assert json.loads(body) == {
        "type": "urn:problem:not-http",
        "title": "Bad Request",
        "status": 400,
        "detail": "a request has a Content-Length or a Transfer-Encoding, and not both",
    }


async def test_a_body_in_chunks_is_a_body() -> None:
    """One end is enough."""
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    assert statuses(await answer_to(head, CHUNKED, LAST)) == [404, 200]
