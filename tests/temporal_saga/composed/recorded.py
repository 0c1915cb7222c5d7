"""What the server recorded of one composed saga."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes, HistoryEvent

from temporal_saga.step_names import step_of
from tests.temporal_saga.composed.plan import name_in_plan

Outcome = Literal["done", "refused", "unknown"]


def name_sent(event: ActivityTaskScheduledEventAttributes) -> str:
    """Return the name that a plan has for the command of an event."""
    return name_in_plan(event.activity_type.name, step_of(event.activity_id))


@dataclass
class Recorded:
    """What the server recorded: commands in the order of their first tries, and how they ended."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failed_rounds: set[str] = field(default_factory=set)
    together: bool = False

    @classmethod
    def by(cls, history: Sequence[HistoryEvent]) -> "Recorded":
        """Read a history."""
        record = cls()
        names: dict[int, str] = {}
        kinds_heard: set[str] = set()
        for event in history:
            attributes = getattr(event, str(event.WhichOneof("attributes")))
            match event.event_type:
                case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                    name = names[event.event_id] = name_sent(attributes)
                    record.outcomes.setdefault(name, "unknown")
                case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                    record.outcomes[names[attributes.scheduled_event_id]] = "done"
                    kinds_heard.add("success")
                case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                    name = names[attributes.scheduled_event_id]
                    record.failed_rounds.add(name)
                    if attributes.failure.application_failure_info.type == "No":
                        record.outcomes[name] = "refused"
                case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                    record.failed_rounds.add(names[attributes.scheduled_event_id])
                case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED if (
                    attributes.signal_name == "stop"
                ):
                    kinds_heard.add("cancel")
                case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                    kinds_heard.add("cancel")
                case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                    record.together |= len(kinds_heard) > 1
                    kinds_heard.clear()
        return record
