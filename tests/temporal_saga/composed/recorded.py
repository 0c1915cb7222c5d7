"""What the server recorded of one composed saga."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

Outcome = Literal["done", "refused", "unknown"]


@dataclass
class Recorded:
    """What the server recorded: commands in the order of their first tries, and how they ended."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failed_rounds: set[str] = field(default_factory=set)
    together: bool = False

    @classmethod
    def by(cls, history: Sequence[HistoryEvent]) -> "Recorded":
        """Read a history."""
        recorded = cls()
        names: dict[int, str] = {}
        heard: set[str] = set()
        for event in history:
            attributes = getattr(event, str(event.WhichOneof("attributes")))
            match event.event_type:
                case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                    names[event.event_id] = attributes.activity_type.name
                    recorded.outcomes.setdefault(attributes.activity_type.name, "unknown")
                case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                    recorded.outcomes[names[attributes.scheduled_event_id]] = "done"
                    heard.add("success")
                case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                    name = names[attributes.scheduled_event_id]
                    recorded.failed_rounds.add(name)
                    if attributes.failure.application_failure_info.type == "No":
                        recorded.outcomes[name] = "refused"
                case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                    recorded.failed_rounds.add(names[attributes.scheduled_event_id])
                case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED if (
                    attributes.signal_name == "stop"
                ):
                    heard.add("cancel")
                case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                    heard.add("cancel")
                case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                    recorded.together |= len(heard) > 1
                    heard.clear()
        return recorded
