"""What one run of a saga tells the next, where it goes on in another run of its workflow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import TypeAdapter
from temporalio import workflow
from temporalio.common import RawValue

from temporal_saga.call_state import CallState, Settlement
from temporal_saga.failure import Failure


@dataclass
class CarryOver:
    """What one run of a saga tells the next, beyond what it was started with.

    Args:
        outcomes: by name in the journal, the event as Temporal encodes it: a payload with all its
            metadata, serialized, in base 64.
        failures: by name, why the saga stopped there.
        began_at: by name, when that began (UTC).
        retriables: by key, how far those have come that had begun.
        settlements: by step, who settled it.
        stop_failure: why the saga is to stop before its next step.
        failure: why it fails, once that is sure.
        closing: whether it is past its pivot, or fails already.
        was_reset: whether it is known that the workflow was reset.
        deadline: by when every step must have its outcome (UTC); None for no limit.
        events: so many the histories of the runs before may have at most: what readers number
            their own events from.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    began_at: dict[str, datetime] = field(default_factory=dict)
    retriables: dict[str, CallState] = field(default_factory=dict)
    settlements: dict[str, Settlement] = field(default_factory=dict)
    stop_failure: Failure | None = None
    failure: Failure | None = None
    closing: bool = False
    was_reset: bool = False
    deadline: datetime | None = None
    events: int = 0


@dataclass(frozen=True)
class Handover:
    """The last argument of a run that another one goes before: all that it is told by that one.

    Args:
        saga: what the saga core tells.
        parts: by name, what each part that the workflow keeps tells, as JSON (`Saga.keep`).
    """

    saga: CarryOver
    parts: dict[str, Any]

    def to_json(self) -> Any:
        """Return it as JSON."""
        return TypeAdapter(Handover).dump_python(self, mode="json")

    @classmethod
    def of(cls, document: Any) -> "Handover":
        """Read what `to_json` returned.

        Raises:
            ValidationError: it is something else.
        """
        return TypeAdapter(cls).validate_python(document)


class Part(Protocol):
    """Something that a workflow knows beside its saga, and that its next run needs to know."""

    def carry_over(self) -> Any:
        """Return it as JSON."""
        ...

    def go_on_from(self, carry_over: Any) -> None:
        """Go on from what `carry_over` returned in the run before."""
        ...


class Start:
    """What a run of a saga was started with: the workflow's arguments, and what is carried over."""

    def __init__(self, arguments: Sequence[RawValue] | None) -> None:
        """Read the arguments of this run; None where the saga stays one run.

        Nothing is carried over in a first run, and where a schedule (cron) or a retry policy
        follows up a run. What somebody starts by hand has not the mark of a run that another one
        continued.
        """
        info = workflow.info()
        self.is_continued = False
        self.carry_over = CarryOver()
        self.parts: dict[str, Any] = {}
        self.arguments = arguments
        if not arguments or info.continued_run_id is None:
            return
        self.arguments = arguments[:-1]
        if info.cron_schedule or info.attempt > 1:
            self.arguments = arguments[:1]
            return
        handover = Handover.of(workflow.payload_converter().from_payload(arguments[-1].payload))
        self.is_continued = True
        self.carry_over = handover.saga
        self.parts = handover.parts
