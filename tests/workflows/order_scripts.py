"""The order saga's scripts: the orchestrator in its sandbox, and its participants' task queues."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

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

RUNNER = SandboxedWorkflowRunner(restrictions=worker.PASSED_THROUGH)


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
