"""Waiting for an order to close."""

import asyncio
from contextlib import suppress

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from application.pulse import Pulse
from application.shared_answers import SharedAnswers
from application.threads import on_thread
from contracts.ids import saga_id
from contracts.states import OrderStatus
from participants.order.reads import OrderReads

LOOK_SECONDS = 2.5
"""Whoever waits has the records read this often, should Temporal's news be lost; all who wait
together, at most twice as often."""


class Closing:
    """Waits for orders to close, by Temporal's news and by their records, whichever is first."""

    def __init__(
        self, client: Client, records: OrderReads, stopping: asyncio.Event, pulse: Pulse
    ) -> None:
        """Hear of sagas through `client`, read `records`; stop waiting once `stopping` is set."""
        self._client = client
        self._records = records
        self._stopping = stopping
        self._pulse = pulse
        self._order_ids: list[str] = []
        """The orders that are waited for, once for each who waits."""
        self._answers = SharedAnswers()

    async def wait(self, order_id: str, seconds: float) -> None:
        """Wait until the order has closed, at most so long, and only while Temporal can tell."""
        news = (self._news(order_id), self._news_on_record(order_id), self._stopping.wait())
        waits = [asyncio.ensure_future(wait) for wait in news]
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

    async def _news_on_record(self, order_id: str) -> None:
        """Wait until an order is closed on record; a look that fails is made again."""
        self._order_ids.append(order_id)
        status = OrderStatus.PENDING
        try:
            while status is OrderStatus.PENDING:
                await asyncio.sleep(LOOK_SECONDS)
                with suppress(Exception):  # the next look at the order says what is wrong
                    statuses = await self._answers.get("statuses", self._statuses, LOOK_SECONDS / 2)
                    status = statuses.get(order_id, OrderStatus.PENDING)
        finally:
            self._order_ids.remove(order_id)

    async def _statuses(self) -> dict[str, OrderStatus]:
        """Read with one query how all orders stand that are waited for."""
        return await on_thread(self._records.statuses, set(self._order_ids))
