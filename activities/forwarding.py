"""Commands on the orchestrator's task queue whose participant is in another process."""

from collections.abc import Sequence
from uuid import uuid4

from temporalio import activity
from temporalio.client import ActivityFailureError
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError

from contracts.steps import PARTICIPANT_OF


@activity.defn(dynamic=True)
async def forward(command: Sequence[RawValue]) -> RawValue:
    """Forward a command to its participant's own task queue, once, and return the answer.

    A worker with participants sends itself their commands on its own task queue; what it has not
    done when another kind of worker takes over is forwarded here. The command carries its
    idempotency key with it.

    Raises:
        ApplicationError: no participant of this release takes the command. It is tried again: a
            worker of the release that sent it may take the next try.
        BaseException: the participant's own error, as if it had been raised here.
    """
    attempt = activity.info()
    participant = PARTICIPANT_OF.get(attempt.activity_type)
    if participant is None:
        message = (
            f"no participant of this release takes {attempt.activity_type}: start the orchestrator "
            "of the release that sent it, or give the command its row in contracts/steps.py"
        )
        raise ApplicationError(message, type="UnknownCommand")
    limit = attempt.start_to_close_timeout
    try:
        answer: RawValue = await activity.client().execute_activity(
            attempt.activity_type,
            args=command,
            id=f"{attempt.workflow_id}-{attempt.activity_type}-{uuid4().hex}",
            task_queue=participant,
            result_type=RawValue,
            schedule_to_close_timeout=limit,
            start_to_close_timeout=limit,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
    except ActivityFailureError as error:
        raise error.cause or error from error
    return answer
