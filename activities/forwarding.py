"""Commands on the orchestrator's task queue whose participant is in another process."""

from collections.abc import Sequence
from uuid import uuid4

from temporalio import activity
from temporalio.client import ActivityFailureError
from temporalio.common import RawValue, RetryPolicy

from contracts.steps import PARTICIPANT_OF


@activity.defn(dynamic=True)
async def forward(command: Sequence[RawValue]) -> RawValue:
    """Forward a command to its participant's own task queue, once, and return the answer.

    A worker with participants sends itself their commands on its own task queue; what it has not
    done when another kind of worker takes over is forwarded here. The command carries its
    idempotency key with it.

    Raises:
        BaseException: the participant's own error, as if it had been raised here.
    """
    attempt = activity.info()
    limit = attempt.start_to_close_timeout
    try:
        answer: RawValue = await activity.client().execute_activity(
            attempt.activity_type,
            args=command,
            id=f"{attempt.workflow_id}-{attempt.activity_type}-{uuid4().hex}",
            task_queue=PARTICIPANT_OF[attempt.activity_type],
            result_type=RawValue,
            schedule_to_close_timeout=limit,
            start_to_close_timeout=limit,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
    except ActivityFailureError as error:
        raise error.cause or error from error
    return answer
