"""A Temporal that is slow takes orders late; one that hangs is told to the caller soon."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowHandle,
)
from temporalio.contrib.pydantic import pydantic_data_converter

from application.caller import Caller
from application.errors import PerhapsPlaced
from application.orders import Orders
from application.pulse import SILENCE_SECONDS
from contracts.states import SagaState
from tests.shop import CAP, Shop
from tests.worker.api_orders import order_of_ann, orders_of
from tests.worker.layouts import activities_of, one_process

pytestmark = [
    pytest.mark.long,
    pytest.mark.parametrize("new_database", ["sqlite"], indirect=True),
]

WAIT_SECONDS = 30


class Slow(Interceptor):
    """A Temporal that takes its time for starts; how long can be changed."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # the SDK's name
        """Put the delay before it."""
        return SlowStarts(next, self)


class SlowStarts(OutboundInterceptor):
    """What delays starts."""

    def __init__(self, next: OutboundInterceptor, slow: Slow) -> None:  # noqa: A002  # the SDK's name
        super().__init__(next)
        self._slow = slow

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002  # the SDK's name
        """Start it late."""
        await asyncio.sleep(self._slow.seconds)
        return await super().start_workflow(input)


@pytest.fixture
def slow() -> Slow:
    """How slow it is."""
    return Slow()


@pytest.fixture
async def orders(temporal: Client, empty_shop: Shop, slow: Slow) -> AsyncIterator[Orders]:
    """The orders of an API whose Temporal may be slow, and workers that take them."""
    client = await Client.connect(
        temporal.service_client.config.target_host,
        data_converter=pydantic_data_converter,
        interceptors=[slow],
    )
    async with one_process(temporal, empty_shop, activities_of(empty_shop)):
        yield orders_of(client, empty_shop.engines["order"], empty_shop)


async def test_an_order_is_placed_late_while_others_are_answered(
    orders: Orders, slow: Slow
) -> None:
    """The caller waits, and hears no 503."""
    await orders.place(order_of_ann("first", CAP), None, Caller(), WAIT_SECONDS)
    slow.seconds = SILENCE_SECONDS + 3
    late = asyncio.create_task(
        orders.place(order_of_ann("late", CAP), None, Caller(), WAIT_SECONDS)
    )
    while not late.done():
        assert (await orders.view("first", Caller())).state is SagaState.COMPLETED
        await asyncio.wait([late], timeout=1)
    assert late.result().state is SagaState.COMPLETED


async def test_an_order_is_answered_soon_while_nobody_is(orders: Orders, slow: Slow) -> None:
    """However long the caller would have waited: it may be placed, and may be asked for again."""
    slow.seconds = 60
    began = time.monotonic()
    with pytest.raises(PerhapsPlaced):
        await orders.place(order_of_ann("hung", CAP), None, Caller(), WAIT_SECONDS)
    assert time.monotonic() - began < SILENCE_SECONDS + 5
