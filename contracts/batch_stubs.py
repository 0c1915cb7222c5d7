"""What Temporal needs to know of batch operations."""

from temporalio import activity

from contracts.batches import ActOnBatchCommand, BatchRound

BATCH_WORKFLOW_TYPE = "BatchOperation"
BATCH_QUEUE = "order-batches"
"""Acts on many orders wait here, so that no step of an order waits behind them."""


def batch_workflow_id(batch_id: str) -> str:
    """Return the id of a batch operation's workflow."""
    return f"batch-{batch_id}"


@activity.defn(name="ActOnBatch")
def act_on_batch(command: ActOnBatchCommand) -> BatchRound:
    """Act on the next orders of a batch operation, for a while."""
    raise NotImplementedError
