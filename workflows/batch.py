"""A batch operation: one act of a person on many orders, round by round, until each has its result.

Which orders, and what came of each, is on record at the order service. So a round that died is
begun again and goes on where that one was, and this history stays short.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from contracts.batch_stubs import BATCH_QUEUE, BATCH_WORKFLOW_TYPE, act_on_batch
from contracts.batches import ActOnBatchCommand

ROUND_LIMIT = timedelta(minutes=10)
"""More than a round takes in which nobody answers, while other batch operations run."""

HEARTBEAT_LIMIT = timedelta(seconds=8)
"""A process that died is known by this."""

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
"""Between rounds in which no order could be reached; the first, and the longest."""

ROUNDS_OF_A_RUN = 200
"""Then another run goes on."""

TRIES = RetryPolicy(initial_interval=FIRST_PAUSE, maximum_interval=LONGEST_PAUSE)
"""Of one round: without end, as a database or a worker comes back."""


@workflow.defn(name=BATCH_WORKFLOW_TYPE)
class BatchOperation:
    """Acts on many orders."""

    @workflow.run
    async def run(self, batch_id: str) -> None:
        """Have rounds done until the batch operation is over."""
        pause = FIRST_PAUSE
        for _ in range(ROUNDS_OF_A_RUN):
            progress = await workflow.execute_activity(
                act_on_batch,
                ActOnBatchCommand(batch_id=batch_id),
                task_queue=BATCH_QUEUE,
                start_to_close_timeout=ROUND_LIMIT,
                heartbeat_timeout=HEARTBEAT_LIMIT,
                retry_policy=TRIES,
            )
            if progress.is_over:
                return
            if progress.results:
                pause = FIRST_PAUSE
                continue
            await workflow.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        workflow.continue_as_new(batch_id)
