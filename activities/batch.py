"""The activity that acts on the orders of a batch operation."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from temporalio import activity
from temporalio.client import Client

from contracts.batches import ActOnBatchCommand, BatchRound

HEARTBEAT_SECONDS = 2


class BatchActivities:
    """Hands rounds of batch operations to who acts on their orders."""

    def __init__(self, run_round: Callable[[str, Client], Awaitable[BatchRound]]) -> None:
        """Have rounds done by `run_round`, given the batch operation's id and Temporal's client."""
        self._run_round = run_round

    @activity.defn(name="ActOnBatch")
    async def act(self, command: ActOnBatchCommand) -> BatchRound:
        """Act on the next orders, and let the server know that this process lives."""
        beat = asyncio.create_task(_beat())
        try:
            return await self._run_round(command.batch_id, activity.client())
        finally:
            beat.cancel()
            with suppress(asyncio.CancelledError):
                await beat


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(HEARTBEAT_SECONDS)
