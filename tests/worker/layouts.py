"""The workers of one process with all roles, and of processes with a role each, over one shop."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

from temporalio.client import Client

from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.stock import StockActivities
from contracts import stubs
from contracts.placing import OrderLine
from orchestrator import orchestrator, saga_plugin
from tests.shop import Shop
from tests.temporal_server import with_plugin
from worker import participant

Activities = Mapping[str, Sequence[Callable[..., Any]]]
TOO_MANY = OrderLine(sku="CAP", quantity=21, unit_price_minor=1)
NUMBERS = count(1)


def activities_of(shop: Shop) -> dict[str, Sequence[Callable[..., Any]]]:
    """Return by participant its activities."""
    return {
        stubs.ORDER_QUEUE: OrderActivities(shop.order).all,
        stubs.PAYMENT_QUEUE: PaymentActivities(shop.payment).all,
        stubs.STOCK_QUEUE: StockActivities(shop.stock).all,
    }


@asynccontextmanager
async def one_process(client: Client, shop: Shop, local: Activities) -> AsyncIterator[None]:
    """Run the workers of a process with all roles."""
    async with AsyncExitStack() as stack:
        client = with_plugin(client, saga_plugin(shop.settings))
        await stack.enter_async_context(orchestrator(client, shop.settings, local))
        for name, activities in local.items():
            await stack.enter_async_context(participant(client, shop.settings, name, activities))
        yield


@asynccontextmanager
async def a_process_each(client: Client, shop: Shop, *names: str) -> AsyncIterator[None]:
    """Run the workers of a process of the orchestrator and of one for each of these."""
    async with AsyncExitStack() as stack:
        client = with_plugin(client, saga_plugin(shop.settings))
        await stack.enter_async_context(orchestrator(client, shop.settings))
        for name in names:
            activities = activities_of(shop)[name]
            await stack.enter_async_context(participant(client, shop.settings, name, activities))
        yield
