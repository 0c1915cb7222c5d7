"""What the histories of sagas under test are asked."""

from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.command_names import command_name
from temporal_saga.local_marker import MARKER

SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
ENDED = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
)
"""The events that end a command."""

HARMLESS = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
)
"""Why a workflow task fails without a defect: overtaken by a message, too large, or a reset."""


def fails_for_good(event: HistoryEvent) -> bool:
    """Tell whether an event is a workflow task that failed by a defect, so that each try fails."""
    is_failure = event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    return is_failure and event.workflow_task_failed_event_attributes.cause not in HARMLESS


def ends_a_command(event: HistoryEvent) -> bool:
    """Tell whether an event ends a command; a local try without an answer does not."""
    marker = event.marker_recorded_event_attributes
    if marker.marker_name == MARKER:
        failure = marker.failure
        return not marker.HasField("failure") or failure.application_failure_info.non_retryable
    return event.event_type in ENDED


def task_that_sent(events: Sequence[HistoryEvent], command: type | str | None) -> int | None:
    """Return the event's id of the workflow task that first sent a command, or of the first task.

    A command is named by its class, or by its step where that has a name of its own.

    None where none has yet.
    """
    if command is None:
        completed_task = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        tasks = [event.event_id for event in events if event.event_type == completed_task]
    else:
        command = command if isinstance(command, str) else command_name(command)
        commands = [
            event.activity_task_scheduled_event_attributes
            for event in events
            if event.event_type == SCHEDULED
        ]
        tasks = [
            attributes.workflow_task_completed_event_id
            for attributes in commands
            if command in (attributes.activity_id, attributes.activity_type.name)
        ]
    return next(iter(tasks), None)
