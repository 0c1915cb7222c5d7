"""Sending to several receivers: each by itself, until it took what it was sent."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest
import sqlalchemy as sa

from application import webhook_sender
from application.webhook_post import Receiver
from application.webhook_sender import GIVE_UP, WebhookSender
from contracts.events import EventType, OrderEvent
from participants.order import outbox
from participants.order.deliveries import RETRIES, Deliveries
from participants.order.service import OrderService
from participants.order.tables import EVENTS, WEBHOOK_RETRIES
from temporal_saga.database import DATABASE_AWAY
from tests.commands import cancel

SECRET = "whsec_" + "A" * 32
PATIENCE_SECONDS = 20


class Receivers:
    """Receivers at the paths of one server: what each answers, and which orders it was told of."""

    def __init__(self) -> None:
        self.port = 0
        self.statuses: dict[str, Iterator[int]] = {}
        self.orders: dict[str, list[str]] = {}
        self.news = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request as its receiver does; one without an answer left is silent."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            name = head.split()[1].decode().strip("/")
            size = int(head.lower().partition(b"content-length:")[2].split()[0])
            event = OrderEvent.model_validate_json(await reader.readexactly(size))
            async with self.news:
                self.orders.setdefault(name, []).append(event.data.order_id)
                self.news.notify_all()
            if status := next(self.statuses[name], None):
                writer.write(f"HTTP/1.1 {status} So\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
            else:
                await reader.read()
        writer.close()

    async def until(self, name: str, count: int) -> list[str]:
        """Wait until a receiver was sent so many events, and return the orders of all."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.news:
            await self.news.wait_for(lambda: len(self.orders.get(name, [])) >= count)
        return self.orders[name]

    def receiver(self, name: str) -> Receiver:
        """Return a receiver as the sender knows it."""
        return Receiver(f"http://127.0.0.1:{self.port}/{name}", (SECRET,), tuple(EventType))


@pytest.fixture
async def receivers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receivers]:
    """Give receivers on this machine; let senders look often."""
    monkeypatch.setattr(webhook_sender, "LOOK_SECONDS", 0.02)
    receivers = Receivers()
    async with await asyncio.start_server(receivers.serve, "127.0.0.1", 0) as server:
        receivers.port = server.sockets[0].getsockname()[1]
        yield receivers


@pytest.fixture
def order_engine(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> sa.Engine:
    """Give the engine of an order database in a file."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    return engine


@asynccontextmanager
async def sending(
    engine: sa.Engine, *receivers: Receiver, pause_seconds: float = 0.01
) -> AsyncIterator[OrderService]:
    """Send to these receivers meanwhile; give the service whose orders they are told of."""
    deliveries = Deliveries(engine, "sender")
    for receiver in receivers:
        deliveries.add(receiver.id)
    tasks = [
        asyncio.create_task(WebhookSender(deliveries, each, pause_seconds, DATABASE_AWAY).run())
        for each in receivers
    ]
    yield OrderService(engine)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_silent_receiver_stops_no_other(
    order_engine: sa.Engine, receivers: Receivers
) -> None:
    """Each is sent to by itself; what one did not take comes again, and then no more."""
    receivers.statuses |= {
        "silent": iter([]),
        "shaky": iter([500, 404, 302, 204, 204]),
        "well": repeat(200),
    }
    names = ("silent", "shaky", "well")
    async with sending(order_engine, *map(receivers.receiver, names)) as orders:
        orders.cancel(cancel("1"))
        assert await receivers.until("shaky", 4) == ["1"] * 4
        orders.cancel(cancel("2"))
        assert await receivers.until("shaky", 5) == [*"1111", "2"]
        assert await receivers.until("well", 2) == ["1", "2"]


async def test_who_is_back_is_sent_all_at_once(
    order_engine: sa.Engine, receivers: Receivers
) -> None:
    """What it did not take while it was away does not wait for its own time."""
    receivers.statuses["back"] = chain([503, 503], repeat(200))
    back = receivers.receiver("back")
    async with sending(order_engine, back, pause_seconds=600) as orders:
        for count, order_id in enumerate("123", 1):
            orders.cancel(cancel(order_id))
            await receivers.until("back", count)
        assert sorted(await receivers.until("back", 5)) == ["1", "1", "2", "2", "3"]


async def test_an_event_that_always_fails_has_its_own_pauses(
    order_engine: sa.Engine, receivers: Receivers
) -> None:
    """A receiver that breaks down over one event is not back, with all that waits, after each."""
    shaky = receivers.receiver("shaky")
    receivers.statuses["shaky"] = chain([502, 200, 502], repeat(200))
    async with sending(order_engine, shaky, pause_seconds=600) as orders:
        orders.cancel(cancel("bad"))
        await receivers.until("shaky", 1)
        for count, order_id in enumerate("123", 3):
            orders.cancel(cancel(order_id))
            await receivers.until("shaky", count)
        assert receivers.orders["shaky"] == ["bad", "1", "bad", "2", "3"]


async def test_who_is_gone_is_sent_nothing_more(
    order_engine: sa.Engine, receivers: Receivers, caplog: pytest.LogCaptureFixture
) -> None:
    """410 turns a receiver off, for later senders too, and the log says what turns it on."""
    receivers.statuses |= {"gone": repeat(410), "well": repeat(200)}
    both = [receivers.receiver(name) for name in ("gone", "well")]
    async with sending(order_engine, *both) as orders:
        orders.cancel(cancel("1"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not _is_off(order_engine, both[0]):  # noqa: ASYNC110  # the database rings no bell
                await asyncio.sleep(0.02)
    had = list(receivers.orders["gone"])
    async with sending(order_engine, *both) as orders:
        orders.cancel(cancel("2"))
        await receivers.until("well", 2)
    assert receivers.orders["gone"] == had
    assert "another secret in WEBHOOKS" in caplog.text


def _is_off(engine: sa.Engine, receiver: Receiver) -> bool:
    batch = Deliveries(engine, "sender").take(receiver.id, receiver.secret_id, receiver.types, 1)
    return batch is None


async def test_what_nobody_took_for_days_is_given_up(
    order_engine: sa.Engine, receivers: Receivers, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted from the first try, however old the event is; what is newer is tried on."""
    receivers.statuses["away"] = repeat(503)
    away = receivers.receiver("away")
    Deliveries(order_engine, "sender").add(away.id)
    for order_id in ("old", "new"):
        OrderService(order_engine).cancel(cancel(order_id))
    long_ago = datetime.now(UTC) - 2 * GIVE_UP
    with order_engine.begin() as connection:
        connection.execute(sa.update(EVENTS).values(at=long_ago))
    async with sending(order_engine, away):
        orders = list(await receivers.until("away", 6))
    assert orders.count("old") > 1
    with order_engine.begin() as connection:
        of_old = (
            RETRIES.position
            == sa.select(EVENTS.c.position).where(EVENTS.c.order_id == "old").scalar_subquery()
        )
        connection.execute(sa.update(WEBHOOK_RETRIES).where(of_old).values(first_at=long_ago))
    receivers.orders.clear()
    async with sending(order_engine, away):
        orders = await receivers.until("away", 6)
    assert (orders.count("old"), orders.count("new")) == (1, len(orders) - 1)
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    assert caplog.text.count("answers 503") == 2


async def test_what_is_deleted_unsent_is_in_the_log(
    order_engine: sa.Engine, receivers: Receivers, caplog: pytest.LogCaptureFixture
) -> None:
    """Once; and the receiver is sent what comes then. What it did not ask for is not missing."""
    late = receivers.receiver("late")
    receivers.statuses["late"] = repeat(200)
    Deliveries(order_engine, "sender").add(late.id)
    OrderService(order_engine).cancel(cancel("1"))
    outbox.publish(order_engine)
    outbox.prune(order_engine, datetime.now(UTC), timedelta(0))
    async with sending(order_engine, late) as orders:
        orders.cancel(cancel("2"))
        assert await receivers.until("late", 1) == ["2"]
    assert caplog.text.count("1 events were deleted before they were sent") == 1
