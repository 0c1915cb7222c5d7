"""Waiting for an order to close."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from application.pulse import Pulse
from contracts.ids import saga_id
from contracts.states import OrderStatus
from participants.order.reads import OrderReads

LOOK_SECONDS = 2.5
"""The records are read this often while somebody waits, should Temporal's news be lost."""


class Closing:
    """Waits for orders to close, by Temporal's news and by their records, whichever is first."""

    def __init__(
        self, client: Client, records: OrderReads, stopping: asyncio.Event, pulse: Pulse
    ) -> None:
        """Hear of sagas through `client`, read `records`; stop waiting once `stopping` is set."""
        self._client = client
        self._records = Records(records)
        self._stopping = stopping
        self._pulse = pulse

    async def wait(self, order_id: str, seconds: float) -> None:
        """Wait until the order has closed, at most so long, and only while Temporal can tell."""
        with self._records.expect_closing(order_id) as record_news:
            waits: tuple[asyncio.Future[object], ...] = (
                asyncio.ensure_future(self._news(order_id)),
                record_news,
                asyncio.ensure_future(self._stopping.wait()),
            )
            try:
                finished_tasks, _ = await asyncio.wait(
                    waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
                for wait in finished_tasks:
                    await wait
            except (RPCError, RuntimeError):
                return  # Temporal is away or busy: the next look says so
            finally:
                for wait in waits:
                    wait.cancel()

    async def _news(self, order_id: str) -> None:
        """Wait until Temporal says that an order's saga has ended, well or not."""
        with suppress(WorkflowFailureError):
            await self._client.get_workflow_handle(saga_id(order_id)).result()
        self._pulse.hear()


class Records:
    """Looks at the records of all orders that are waited for, with one query."""

    def __init__(self, records: OrderReads) -> None:
        """Read `records`."""
        self._records = records
        self._waiters: dict[asyncio.Future[object], str] = {}
        """By who waits: which order for."""
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def expect_closing(self, order_id: str) -> Iterator["asyncio.Future[object]"]:
        """Give what is done once the order is found closed."""
        news: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiters[news] = order_id
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield news
        finally:
            del self._waiters[news]
            news.cancel()

    async def _look(self) -> None:
        """Look again and again while anybody waits; a look that fails is made again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._waiters:
                return
            with suppress(Exception):  # the next look at the order says what is wrong
                order_ids = set(self._waiters.values())
                statuses = await asyncio.to_thread(self._records.statuses, order_ids)
                for news, order_id in self._waiters.items():
                    status = statuses.get(order_id, OrderStatus.PENDING)
                    if status is not OrderStatus.PENDING and not news.done():
                        news.set_result(None)
