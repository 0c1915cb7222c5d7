"""The order saga's scripts: the orchestrator in its sandbox, and its participants' task queues."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, WorkflowRunner

import worker
from activities.boundary import accepted
from contracts import stubs
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.policy import Policy
from temporal_saga.testing import Participants, Script
from workflows.order import OrderSaga

COMMANDS: dict[str, tuple[type, ...]] = {
    stubs.ORDER_QUEUE: (RegisterOrderCommand, ConfirmOrderCommand, CancelOrderCommand),
    stubs.PAYMENT_QUEUE: (ProcessPaymentCommand, RefundPaymentCommand),
    stubs.STOCK_QUEUE: (DecreaseStockCommand, RestoreStockCommand),
}

RUNNER = worker.workflow_runner("on")


@asynccontextmanager
async def participants(client: Client) -> AsyncIterator[Participants]:
    """Run the workers that play order, payment and stock."""
    async with Participants(client, COMMANDS, boundary=accepted) as players:
        yield players


def script(
    client: Client,
    players: Participants,
    saga_id: str,
    *,
    policy: Policy | None = None,
    max_cached_workflows: int = 1000,
    runner: WorkflowRunner = RUNNER,
) -> Script:
    """Prepare the story of one order."""
    return Script(
        client,
        players,
        OrderSaga,
        saga_id=saga_id,
        workflow_type=stubs.WORKFLOW_TYPE,
        runner=runner,
        policy=policy,
        max_cached_workflows=max_cached_workflows,
    )


def replayer(workflow: type = OrderSaga, runner: WorkflowRunner = RUNNER) -> Replayer:
    """Return what replays histories with this release of the saga."""
    return Replayer(
        workflows=[workflow], workflow_runner=runner, data_converter=pydantic_data_converter
    )
