"""Sagas of orders on a real Temporal server, with the participants of a shop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.worker import Worker

from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.stock import StockActivities
from contracts import stubs
from contracts.placing import OrderLine
from orchestrator import orchestrator, saga_plugin
from tests.shop import Shop
from tests.temporal_server import with_plugin

UNTIL_SECONDS = 60
ALL = (stubs.ORDER_QUEUE, stubs.PAYMENT_QUEUE, stubs.STOCK_QUEUE)


@asynccontextmanager
async def at_work(client: Client, shop: Shop, *queues: str) -> AsyncIterator[None]:
    """Run the orchestrator and the real participants of these queues, on the shop's databases."""
    activities = {
        stubs.ORDER_QUEUE: OrderActivities(shop.order).all,
        stubs.PAYMENT_QUEUE: PaymentActivities(shop.payment).all,
        stubs.STOCK_QUEUE: StockActivities(shop.stock).all,
    }
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(len(ALL)))
        client = with_plugin(client, saga_plugin(shop.settings))
        await stack.enter_async_context(orchestrator(client, shop.settings))
        for queue in queues:
            worker = Worker(
                client, task_queue=queue, activities=activities[queue], activity_executor=threads
            )
            await stack.enter_async_context(worker)
        yield


async def place(
    client: Client, order_id: str, *lines: OrderLine, attention: bool = False, **changes: Any
) -> WorkflowHandle[Any, Any]:
    """Start the saga of an order of ann's."""
    order = {
        "customer_id": "ann",
        "currency": "GBP",
        "lines": [line.model_dump() for line in lines],
    } | changes
    attributes = TypedSearchAttributes([SearchAttributePair(stubs.NEEDS_ATTENTION, attention)])
    queue = stubs.ORCHESTRATOR_QUEUE
    return await client.start_workflow(
        stubs.WORKFLOW_TYPE,
        order,
        id=f"order-{order_id}",
        task_queue=queue,
        search_attributes=attributes,
    )


async def until_closed(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until a saga has closed, however."""
    try:
        await handle.result()
    except WorkflowFailureError:
        return


async def forget_all(client: Client) -> None:
    """Delete every saga of a server, and wait until it lists none."""
    deleted_runs: set[str] = set()

    async def nothing_is_listed() -> bool:
        runs = [run async for run in client.list_workflows()]
        for run in runs:
            if run.run_id not in deleted_runs:
                execution = WorkflowExecution(workflow_id=run.id, run_id=run.run_id)
                request = DeleteWorkflowExecutionRequest(
                    namespace=client.namespace, workflow_execution=execution
                )
                await client.workflow_service.delete_workflow_execution(request)
                deleted_runs.add(run.run_id)
        return not runs

    await until(nothing_is_listed, "all sagas are forgotten")


async def until(ask: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again and again until it is so."""
    end = asyncio.get_running_loop().time() + UNTIL_SECONDS
    while not await ask():
        assert asyncio.get_running_loop().time() < end, f"not within {UNTIL_SECONDS} s: {what}"
        await asyncio.sleep(0.05)


def is_registered(shop: Shop, order_id: str) -> Callable[[], Awaitable[bool]]:
    """Return the question whether an order is on record."""

    async def ask() -> bool:
        return await asyncio.to_thread(shop.order.find, order_id) is not None

    return ask
