"""What a recorded history tells: what the saga heard from outside, and where it stands."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.history import project
from temporal_saga.moment import Moment
from temporal_saga.testing.histories import ENDED

CLOSED = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
)
TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
TASK_STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
TASK = (EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, TASK_STARTED, TASK_COMPLETED)
ASKED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
SAID = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
)
OVER = (*ENDED, EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED)
LONG_AWAY = timedelta(seconds=0.3)

History = Sequence[HistoryEvent]


@dataclass(frozen=True)
class Heard:
    """One thing that a saga hears from outside: an answer to `command`, or what a person says.

    Without an `event` it is a plain yes to the command, or without that, that time passes. `until`
    is how long after the start an orchestrator came back that was away meanwhile.
    """

    event: HistoryEvent | None = None
    command: str | None = None
    until: timedelta | None = None


def tasks(events: History) -> int:
    """Return how many workflow tasks are done: the number of the point where the saga waits."""
    return sum(event.event_type == TASK_COMPLETED for event in events)


def moments(events: History) -> list[Moment]:
    """Return the story in business words."""
    return project(events, lambda payload: json.loads(payload.data))


def what_it_heard(events: History) -> Iterator[Heard]:
    """Yield what a saga heard from outside, in order."""
    names = {
        e.event_id: e.activity_task_scheduled_event_attributes.activity_type.name for e in events
    }
    for event in events:
        attributes = getattr(event, event.WhichOneof("attributes") or "")
        if event.event_type in ENDED:
            yield Heard(event, names[attributes.scheduled_event_id], _until(event, events))
        elif event.event_type in SAID:
            yield Heard(event, None, _until(event, events))


def under_way(events: History) -> str | None:
    """Return the command that waits for an answer, if one does."""
    commands = {
        e.event_id: e.activity_task_scheduled_event_attributes.activity_type.name
        for e in events
        if e.event_type == ASKED
    }
    for event in events:
        if event.event_type in OVER:
            del commands[getattr(event, event.WhichOneof("attributes") or "").scheduled_event_id]
    return next(iter(commands.values()), None)


def _until(event: HistoryEvent, events: History) -> timedelta | None:
    """Return how long after the start the orchestrator heard an event, if it was away meanwhile."""
    task_start = next(
        (later for later in events[event.event_id :] if later.event_type == TASK_STARTED), event
    )
    start, event_time, back = (
        which.event_time.ToDatetime() for which in (events[0], event, task_start)
    )
    return back - start if back - event_time > LONG_AWAY else None
