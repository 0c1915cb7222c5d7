"""Events as the API serves and sends them, from a database that it knows, with Temporal away."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from api import create_app
from application.webhook_post import Receiver
from config import Settings
from contracts.events import ENDS, OrderEvent
from participants.order.deliveries import Deliveries
from participants.order.service import OrderService
from temporal_saga.identity import identify
from tests.commands import OUT_OF_STOCK, cancel
from tests.stack import free_port

SECRET = "whsec_" + "A" * 32


@pytest.fixture
async def bodies() -> AsyncIterator[tuple[int, "asyncio.Queue[bytes]"]]:
    """Give the port of a receiver, and the bodies that it takes."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split()[0])
        queue.put_nowait(await reader.readexactly(size))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], queue


@pytest.fixture
async def running_app(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bodies: tuple[int, "asyncio.Queue[bytes]"],
    open_engine: Callable[[str], sa.Engine],
) -> AsyncIterator[tuple[FastAPI, OrderService]]:
    """Give the API as it runs, and the service of its database."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    hook = f"http://127.0.0.1:{bodies[0]}/hook"
    monkeypatch.setenv("WEBHOOKS", json.dumps([{"url": hook, "secret": SECRET}]))
    url = f"sqlite:///{tmp_path}/order.db"
    engine = open_engine(url)
    orders = OrderService.open(engine)
    identify(engine, "order", url)
    Deliveries(engine, "before").add(Receiver(hook, (SECRET,), tuple(ENDS)).id)
    app = create_app(Settings())
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(20):
            await app.state.door.is_ready.wait()
        yield app, orders


async def test_an_end_is_in_the_feed_and_is_sent(
    running_app: tuple[FastAPI, OrderService], bodies: tuple[int, "asyncio.Queue[bytes]"]
) -> None:
    """The same event, to whoever waits and to the receiver; errors are problems."""
    app, orders = running_app
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        page = (await http.get("/events")).json()
        assert page == {"events": [], "next": "/events?after=0"}
        waiting = asyncio.create_task(http.get(page["next"], headers={"Prefer": "wait=20"}))
        await asyncio.to_thread(orders.cancel, cancel("7"))
        answer = await waiting
        assert answer.headers["Preference-Applied"] == "wait=20"
        [event] = answer.json()["events"]
        assert (event["type"], event["data"]["reason"]) == ("order.failed", OUT_OF_STOCK.reason)
        async with asyncio.timeout(20):
            body = await bodies[1].get()
        assert OrderEvent.model_validate_json(body) == OrderEvent.model_validate(event)
        figures = (await http.get("/metrics")).text
        assert 'order_webhook_receiver_off{receiver="1"} 0.0' in figures
        assert "127.0.0.1" not in figures, "they need no token: no address, and no secret"
        assert SECRET not in figures
        refusal = await http.get("/events?after=2")
        assert (refusal.status_code, refusal.json()["type"]) == (410, "urn:problem:cursor-gone")
        for query in ("after=-1", "limit=0", "limit=101", "since=1", "after=1&after=2"):
            assert (await http.get(f"/events?{query}")).status_code == 422
