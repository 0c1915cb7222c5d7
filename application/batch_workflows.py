"""The workflows that see batch operations through."""

from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from application.run_history import if_known
from application.runs import PATIENCE, temporal
from contracts.batch_stubs import BATCH_WORKFLOW_TYPE, batch_workflow_id
from contracts.batches import BatchRecord
from contracts.stubs import ORCHESTRATOR_QUEUE

ENDED = frozenset({WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.CANCELED})
"""How a workflow stands that somebody ended in Temporal."""


async def start_workflow(client: Client, batch: BatchRecord) -> None:
    """Start the workflow of a batch operation, unless it runs.

    Raises:
        NotNow: Temporal is away.
    """
    async with temporal(PATIENCE):
        await client.start_workflow(
            BATCH_WORKFLOW_TYPE,
            batch.batch_id,
            id=batch_workflow_id(batch.batch_id),
            task_queue=ORCHESTRATOR_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"{batch.act} {batch.total} orders",
            rpc_timeout=PATIENCE,
        )


async def status_of(
    client: Client, batch_id: str, limit: timedelta = PATIENCE
) -> WorkflowExecutionStatus | None:
    """Return how the workflow of a batch operation stands; None when there is none.

    Raises:
        NotNow: Temporal is away, or does not answer within `limit`.
    """
    handle = client.get_workflow_handle(batch_workflow_id(batch_id))
    with if_known():
        async with temporal(limit):
            return (await handle.describe(rpc_timeout=limit)).status
    return None
