"""What kill -9 of the sender costs: nothing is lost, and few are doubled, under the same ids."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from application.webhook_post import Receiver
from application.webhook_sender import AT_ONCE
from contracts.events import ENDS
from participants.order.deliveries import Deliveries
from participants.order.event_reads import read
from participants.order.service import OrderService
from participants.order.tables import WEBHOOK_RECEIVERS
from tests.commands import cancel, confirm, register
from tests.stack import ROOT, free_port

SECRET = "whsec_" + "A" * 32
COUNT = 200
PATIENCE_SECONDS = 60
SENDER = """
import asyncio, sys
from application.webhook_post import Receiver
from application.webhook_sender import WebhookSender
from contracts.events import ENDS
from participants.order.deliveries import Deliveries
from temporal_saga.database import DATABASE_AWAY, open_database

_, database, url, secret, name = sys.argv
deliveries = Deliveries(open_database(database), name)
receiver = Receiver(url, (secret,), tuple(ENDS))
asyncio.run(WebhookSender(deliveries, receiver, 0.1, DATABASE_AWAY).run())
"""


class Inbox:
    """A receiver: how often it took each event, by its id, and who waits for so many."""

    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()
        self.news = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one event."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
            event_id = head.partition(b"webhook-id:")[2].split()[0].decode()
            async with self.news:
                self.ids[event_id] += 1
                self.news.notify_all()
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    async def until(self, count: int) -> None:
        """Wait until it has so many events."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.news:
            await self.news.wait_for(lambda: len(self.ids) >= count)


@pytest.mark.long
async def test_no_end_is_lost_and_few_are_doubled(
    tmp_path: Path, open_engine: Callable[[str], sa.Engine]
) -> None:
    """The receiver is away for half of 200 ends, and a sender is killed amid the rest."""
    database = f"sqlite:///{tmp_path}/order.db"
    engine = open_engine(database)
    orders = OrderService.open(engine)
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    Deliveries(engine, "before").add(Receiver(url, (SECRET,), tuple(ENDS)).id)

    async def start(name: str) -> asyncio.subprocess.Process:
        arguments = ("-c", SENDER, database, url, SECRET, name)
        return await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)

    def end(numbers: range) -> None:
        for number in numbers:
            orders.register(register(f"n-{number}"))
            orders.confirm(confirm(f"n-{number}"))
            orders.cancel(cancel(f"x-{number}"))

    inbox = Inbox()
    first = await start("first")
    await asyncio.to_thread(end, range(COUNT // 4))
    async with await asyncio.start_server(inbox.serve, "127.0.0.1", port):
        ending = asyncio.create_task(asyncio.to_thread(end, range(COUNT // 4, COUNT // 2)))
        await inbox.until(COUNT // 4)
        os.kill(first.pid, signal.SIGKILL)
        assert await first.wait() == -signal.SIGKILL
        count = len(inbox.ids)
        assert count < COUNT
        await ending
        with engine.begin() as connection:  # rather than wait until the lease runs out
            connection.execute(sa.update(WEBHOOK_RECEIVERS).values(held_until=None, holder=None))
        second = await start("second")
        await inbox.until(COUNT)
        second.terminate()
        await second.wait()
    events = read(engine, 0, 2 * COUNT).events
    assert inbox.ids.keys() == {event.id for event in events}
    assert len(events) == COUNT
    doubles = inbox.ids.total() - COUNT
    print(f"{COUNT} ends, killed at {count}: lost 0, doubled {doubles}")  # noqa: T201
    assert doubles <= AT_ONCE
