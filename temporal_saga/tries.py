"""What became of the tries of a command, as Temporal tells it."""

from dataclasses import dataclass

from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse

from temporal_saga.step_names import step_of
from temporal_saga.trouble import in_words


@dataclass(frozen=True)
class Try:
    """A try under way, as describe knows it: the history has it once its activity has ended.

    Args:
        command: the activity's name, the command's without `Command`.
        attempt: its number, from 1.
        error: what the one before ended with; None when it is the first.
        paused: that an operator paused it, who and why; None when nobody did.
        step: the name of its step, where that is not the activity's; else None.
    """

    command: str
    attempt: int
    error: str | None = None
    paused: str | None = None
    step: str | None = None


def tries_under_way(description: DescribeWorkflowExecutionResponse) -> dict[str, Try]:
    """Return the tries under way by activity id."""
    return {
        pending.activity_id: Try(
            pending.activity_type.name,
            pending.attempt,
            error_of(pending.last_failure) if pending.HasField("last_failure") else None,
            _pause_of(pending) if pending.paused else None,
            step_of(pending.activity_id),
        )
        for pending in description.pending_activities
    }


def error_of(failure: Failure) -> str:
    """Return what a try ended with, in plain words."""
    return in_words(first_cause(failure))


def first_cause(failure: Failure) -> str:
    """Return the message of the first cause; where the server has cut it off, of the one after."""
    message: str = failure.message
    while failure.HasField("cause"):
        failure = failure.cause
        message = failure.message or message
    return message


def _pause_of(pending: PendingActivityInfo) -> str:
    """Return that an operator paused a command and why, and by which id it is unpaused."""
    manual = pending.pause_info.manual
    why = f": {manual.reason}" if manual.reason else ""
    return f"paused by {manual.identity or 'an operator'}{why} (activity {pending.activity_id})"
