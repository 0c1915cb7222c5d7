"""A closed loop: so many callers, each of whom places its next order when the last is completed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.doors import Door, NotCompleted
from contracts.placing import PlaceOrder

PATIENCE_SECONDS = 120
"""An order whose end is not known within this counts as an error."""


@dataclass(frozen=True)
class Load:
    """What became of the orders.

    Args:
        latencies: of those that were completed, in seconds, from the request to the answer.
        completed_ids: their ids.
        errors: what was said of each of the others.
        seconds: from the first request to the last answer.
    """

    latencies: tuple[float, ...]
    completed_ids: tuple[str, ...]
    errors: tuple[str, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """How many were completed in a second."""
        return len(self.completed_ids) / self.seconds


async def place_all(door: Door, orders: Sequence[PlaceOrder], in_flight: int) -> Load:
    """Place the orders, `in_flight` at once, and wait for the end of each."""
    waiting = iter(orders)
    latencies: list[float] = []
    completed_ids: list[str] = []
    errors: list[str] = []

    async def call() -> None:
        async with door.enter() as place:
            for order in waiting:
                start = time.perf_counter()
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await place(order)
                except (NotCompleted, TimeoutError) as error:
                    errors.append(f"{order.order_id}: {error or 'no end within the limit'}")
                else:
                    latencies.append(time.perf_counter() - start)
                    completed_ids.append(order.order_id or "")

    start = time.perf_counter()
    async with asyncio.TaskGroup() as callers:
        for _ in range(min(in_flight, len(orders))):
            callers.create_task(call())
    seconds = time.perf_counter() - start
    return Load(tuple(latencies), tuple(completed_ids), tuple(errors), seconds)
