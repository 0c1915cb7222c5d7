"""Waiting for an order to close."""

import asyncio
from contextlib import suppress

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from contracts.ids import saga_id
from contracts.states import OrderStatus
from participants.order.reads import OrderReads

LOOK_SECONDS = 2.5
"""The record is read this often while somebody waits, should Temporal's news be lost."""


class Closing:
    """Waits for orders to close, by Temporal's news and by their records, whichever is first."""

    def __init__(self, client: Client, records: OrderReads, stopping: asyncio.Event) -> None:
        """Hear of sagas through `client`, read `records`; stop waiting once `stopping` is set."""
        self._client = client
        self._records = records
        self._stopping = stopping

    async def wait(self, order_id: str, seconds: float) -> None:
        """Wait until the order has closed, at most so long, and only while Temporal can tell."""
        handle = self._client.get_workflow_handle(saga_id(order_id))
        waits = (
            asyncio.ensure_future(handle.result()),
            asyncio.ensure_future(self._closed_on_record(order_id)),
            asyncio.ensure_future(self._stopping.wait()),
        )
        try:
            finished_tasks, _ = await asyncio.wait(
                waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for wait in finished_tasks:
                await wait
        except (WorkflowFailureError, RPCError, RuntimeError):
            return  # it failed, or Temporal is away or busy: the next look at the order says so
        finally:
            for wait in waits:
                wait.cancel()

    async def _closed_on_record(self, order_id: str) -> None:
        """Return once the order is closed on record; a read that fails is tried again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(Exception):  # the next look at the order says what is wrong
                statuses = await asyncio.to_thread(self._records.statuses, [order_id])
                if statuses.get(order_id, OrderStatus.PENDING) is not OrderStatus.PENDING:
                    return
