"""Where the stories are played: a real Temporal server, the orchestrator in its sandbox, and participants at their door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

import worker
from activities.boundary import accepted
from contracts import stubs
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from operations.up import temporal_server
from temporal_saga.policy import Policy
from temporal_saga.testing import Participants, Script
from workflows.order import OrderSaga

COMMANDS: dict[str, tuple[type, ...]] = {
    stubs.ORDER_QUEUE: (RegisterOrderCommand, ConfirmOrderCommand, CancelOrderCommand),
    stubs.PAYMENT_QUEUE: (ProcessPaymentCommand, RefundPaymentCommand),
    stubs.STOCK_QUEUE: (DecreaseStockCommand, RestoreStockCommand),
}

RUNNER = SandboxedWorkflowRunner(restrictions=worker.PASSED_THROUGH)

DYNAMIC_CONFIG = (
    *temporal_server.DYNAMIC_CONFIG,
    "frontend.WorkflowTimeSkippingEnabled=true",
    'history.timerProcessorMaxTimeShift="10ms"',  # by default every timer and every retry may come a second late
)


@asynccontextmanager
async def temporal(*settings: str) -> AsyncIterator[Client]:
    """Run a server, with further settings, and connect to it under a name that tells nothing of the machine."""
    named = dict(setting.split("=", 1) for setting in (*DYNAMIC_CONFIG, *settings))
    flags = [
        *temporal_server.search_attribute_flags(),
        *(f"--dynamic-config-value={name}={value}" for name, value in named.items()),
    ]
    flags += [f"--sqlite-pragma={pragma}" for pragma in ("journal_mode=WAL", "synchronous=OFF")]
    binary = temporal_server.temporal_binary()
    with TemporaryDirectory(prefix="temporal-") as folder:
        # A file: under load the server was seen to lose answers, and its namespace, when it kept everything in memory.
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=binary,
            dev_server_database_filename=f"{folder}/temporal.db",
            dev_server_extra_args=flags,
        ) as server:
            # A client of our own: the server's turns an assert that fails in a workflow into a failed saga, production does not.
            yield await server.connect_client(
                data_converter=pydantic_data_converter, identity="scripts"
            )


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
