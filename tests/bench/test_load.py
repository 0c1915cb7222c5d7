"""The closed loop: how many orders are in flight, and what counts as completed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.doors import NotCompleted, Place
from bench.load import place_all
from bench.workload import orders
from contracts.placing import PlaceOrder


class CountingDoor:
    """Completes orders after a turn of the loop, those of customer-1 never; counts callers."""

    def __init__(self) -> None:
        self.ways_in = self.at_once = self.most_at_once = 0
        self.order_ids: list[str | None] = []

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Place]:
        """Give a way in."""
        self.ways_in += 1

        async def place(order: PlaceOrder) -> None:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.order_ids.append(order.order_id)
            await asyncio.sleep(0)
            self.at_once -= 1
            if order.customer_id == "customer-1":
                raise NotCompleted("409: no")

        yield place


async def test_so_many_orders_are_in_flight_and_each_is_placed_once() -> None:
    """Never more, and as many until the last are placed."""
    door = CountingDoor()
    load = await place_all(door, orders("x", 40), in_flight=7)
    assert (door.ways_in, door.most_at_once) == (7, 7)
    assert sorted(map(str, door.order_ids)) == sorted(f"x-{number}" for number in range(40))
    assert len(load.completed_ids) == len(load.latencies) == 39


async def test_what_is_not_completed_is_an_error_with_its_reason() -> None:
    """The order's id and what was said stand in it; it has no latency."""
    load = await place_all(CountingDoor(), orders("x", 3), in_flight=1)
    assert load.errors == ("x-1: 409: no",)
    assert load.completed_ids == ("x-0", "x-2")
    assert len(load.latencies) == 2


async def test_fewer_orders_than_callers_are_enough() -> None:
    """No caller is made that would have nothing to place."""
    door = CountingDoor()
    await place_all(door, orders("x", 2), in_flight=50)
    assert door.ways_in == 2
