"""How one event is sent: signed, bounded in time and size, and to nobody else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from application import webhook_post
from application.webhook_post import NO_ANSWER, Receiver, WebhookPost, sign
from contracts.events import EventData, EventType, OrderEvent
from tests.repository.sources import ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PAGE = ROOT / "docs" / "EVENTS.md"
OTHER_SECRET = "whsec_" + "A" * 32
AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
EVENT = OrderEvent(
    id="evt_1",
    type=EventType.COMPLETED,
    timestamp=AT,
    position=1,
    data=EventData(order_id="7", customer_id="ann", currency="GBP", total_minor=100, placed_at=AT),
)


@asynccontextmanager
async def receiver_that(answers: Callable[[], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Give the URL of a server that answers each request with these bytes, and the requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length:")[2].split()[0])
            requests.append(head + await reader.readexactly(size))
            writer.write(answers())
            await writer.drain()
            await reader.read()  # until the other side hangs up
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", requests


async def send(url: str, *secrets: str) -> int:
    post = WebhookPost(Receiver(url, secrets or (SECRET,), tuple(EventType)))
    try:
        return await post.send(EVENT)
    finally:
        await post.close()


def test_a_signature_is_that_of_the_standard() -> None:
    """The vector that the reference implementations are tested with."""
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_an_event_is_posted_with_its_id_and_each_signature() -> None:
    """The body is the event as the feed has it; each secret signs it."""
    async with receiver_that(lambda: b"HTTP/1.1 204 No Content\r\n\r\n") as (url, requests):
        assert await send(url, SECRET, OTHER_SECRET) == 204
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert OrderEvent.model_validate_json(body) == EVENT
    assert json.loads(body)["type"] == "order.completed"
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert first == "POST /hook HTTP/1.1"
    assert headers["webhook-id"] == "evt_1"
    timestamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"].split() == [
        sign(secret, "evt_1", timestamp, body) for secret in (SECRET, OTHER_SECRET)
    ]


async def test_a_redirect_is_not_followed() -> None:
    """It would lead a signed event to whoever the receiver names."""
    async with receiver_that(lambda: b"HTTP/1.1 204 No Content\r\n\r\n") as (target, requests):
        redirect = f"HTTP/1.1 307 Elsewhere\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
        async with receiver_that(redirect.encode) as (url, _):
            assert await send(url) == 307
    assert requests == []


async def test_an_address_that_nobody_can_read_is_no_answer() -> None:
    """The client reads where a redirect leads though it does not follow it, and may stumble."""
    redirect = b"HTTP/1.1 302 So\r\nLocation: https://xn--/\r\nContent-Length: 0\r\n\r\n"
    async with receiver_that(lambda: redirect) as (url, _):
        assert await send(url) == NO_ANSWER


async def test_a_cookie_is_not_sent_back() -> None:
    """It would be kept for as long as the sender runs, and so would all others."""
    cookie = b"HTTP/1.1 204 So\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n"
    async with receiver_that(lambda: cookie) as (url, requests):
        post = WebhookPost(Receiver(url, (SECRET,), tuple(EventType)))
        assert [await post.send(EVENT) for _ in range(2)] == [204] * 2
        await post.close()
    assert b"cookie" not in requests[1].lower()


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    """Its status counts; the rest would cost memory and time."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000
    async with receiver_that(lambda: endless) as (url, _):
        assert await send(url) == 200


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"nonsense\r\n\r\n"])
async def test_who_does_not_answer_in_time_gives_no_answer(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """Silence, half an answer, and what is no HTTP are the same."""
    monkeypatch.setattr(webhook_post, "SEND_SECONDS", 0.1)
    async with receiver_that(lambda: answer) as (url, _):
        assert await send(url) == NO_ANSWER


async def test_who_is_not_there_gives_no_answer() -> None:
    """Nobody listens."""
    async with receiver_that(bytes) as (url, _):
        pass
    assert await send(url) == NO_ANSWER


async def test_the_receiver_of_the_page_verifies_and_deduplicates(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """docs/EVENTS.md shows it; who sends with another secret is turned away."""
    [block] = re.findall(r"^```python\n(.+?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    definitions, serve, _ = block.rpartition("\nThreadingHTTPServer(")
    assert serve
    monkeypatch.setenv("SECRET", SECRET)
    names: dict[str, Any] = {}
    exec(definitions, names)
    with ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"]) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        assert [await send(url, *secrets) for secrets in ((), (OTHER_SECRET, SECRET))] == [204] * 2
        assert await send(url, OTHER_SECRET) == 401
        server.shutdown()
    [line] = capfd.readouterr().out.splitlines()
    assert OrderEvent.model_validate_json(line) == EVENT
