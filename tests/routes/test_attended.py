import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routes.attended import LEFT, PIECE_BYTES, Attended
from routes.head import Head

REQUEST: Message = {"type": "http.request", "body": b"all of it", "more_body": False}
GONE: Message = {"type": "http.disconnect"}
START: Message = {"type": "http.response.start", "status": 200, "headers": []}


async def messages_sent(
    app: Callable[[Receive, Send], Awaitable[None]], *messages: Message, method: str = "GET"
) -> list[Message]:
    """Return the messages sent to a caller who says this.

    Who was answered in full is gone, as far as uvicorn tells.
    """
    coming: asyncio.Queue[Message] = asyncio.Queue()
    for message in messages:
        coming.put_nowait(message)
    answer_messages: list[Message] = []

    async def send(message: Message) -> None:
        answer_messages.append(message)
        if message["type"] == "http.response.body" and not message["more_body"]:
            coming.put_nowait(GONE)

    async def inner(_scope: Scope, receive: Receive, send: Send) -> None:
        await app(receive, send)

    layers: ASGIApp = Attended(Head(inner))
    async with asyncio.timeout(5):
        await layers({"type": "http", "method": method, "path": "/"}, coming.get, send)
    return answer_messages


async def test_the_work_for_who_hangs_up_stops() -> None:
    """A waiting handler stops when its caller is gone; nobody is answered, as our figures say."""
    stop = asyncio.Event()

    async def wait(_receive: Receive, _send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stop.set()

    assert await messages_sent(wait, REQUEST, GONE) == [
        {"type": "http.response.start", "status": LEFT, "headers": []}
    ]
    assert stop.is_set()


async def test_the_work_for_who_waits_is_done() -> None:
    """A handler gets the body and its answer goes out; its work behind the answer is done too."""
    messages_heard: list[Message] = []

    async def reply(receive: Receive, send: Send) -> None:
        messages_heard.append(await receive())
        await send(START)
        await send({"type": "http.response.body", "body": b"yes", "more_body": False})
        await asyncio.sleep(0.01)
        messages_heard.append(await receive())

    answer_messages = await messages_sent(reply, REQUEST)
    assert answer_messages == [
        START,
        {"type": "http.response.body", "body": b"yes", "more_body": False},
    ]
    assert messages_heard == [REQUEST, GONE]


async def test_what_fails_fails() -> None:
    """An error of a handler is one, and goes on to where errors are answered."""

    async def fail(_receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await messages_sent(fail, REQUEST)


async def test_what_fails_as_it_is_stopped_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Of a handler that ends badly when it is stopped the log has a line, and that is all."""

    async def stumble(_receive: Receive, _send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("no") from None

    await messages_sent(stumble, REQUEST, GONE)
    assert caplog.messages == ["what was done for a caller who left ended with OSError('no')"]


async def test_a_large_answer_goes_out_in_pieces() -> None:
    """No piece is handed on before the one before it is taken; the end comes when all are."""
    body = bytes(range(256)) * 1_000

    async def reply(_receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    _, *parts = await messages_sent(reply, REQUEST)
    assert b"".join(part["body"] for part in parts) == body
    assert max(len(part["body"]) for part in parts) == PIECE_BYTES
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert parts[-1]["body"] == b""


async def test_head_is_get_without_its_body() -> None:
    """Status and headers are those of GET; a stream, which has no end, ends at its beginning."""
    requests_seen: list[Any] = []

    async def stream(receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        listening = asyncio.ensure_future(receive())
        while not listening.done():
            await send({"type": "http.response.body", "body": b"on and on", "more_body": True})
            await asyncio.sleep(0)
        requests_seen.append(listening.result())

    assert await messages_sent(stream, REQUEST, method="HEAD") == [
        START,
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]
    assert requests_seen == [GONE]
