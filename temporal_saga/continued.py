"""A saga that goes on in another run of its workflow, where the history of the one before got long.

Whoever may write to a saga makes its history grow, and Temporal ends a workflow whose history is too long, with nothing taken
back. So the run ends itself in time (continue-as-new), and the next one begins anew, which is what a saga survives anyway: its
story is told from the start again, and what was heard before is heard again without being asked.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from temporal_saga import policy
from temporal_saga.duty import Settlement, Standing
from temporal_saga.failure import Failure, SagaStopped

T = TypeVar("T")

EVENTS_OF_AN_END = 1_000
"""More than the last task of a run leaves in its history, and what may be written before that task is over."""

NONE = "binary/null"
"""How Temporal encodes None."""


@dataclass
class Carried:
    """What one run of a saga tells the next, beyond what it was started with.

    Args:
        outcomes: by what was asked, its event as Temporal encodes it: the encoding, and the bytes in base 64.
        failures: by what was asked, why the saga stopped there.
        begun: by what was asked, when that was.
        duties: by their keys, how far those have come that had begun.
        settled: by their steps, whose word was taken.
        events: so many the histories of the runs before may have at most: what readers number their own events from.
    """

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    begun: dict[str, datetime] = field(default_factory=dict)
    duties: dict[str, Standing] = field(default_factory=dict)
    settled: dict[str, Settlement] = field(default_factory=dict)
    stopped: Failure | None = None
    closing: bool = False
    was_reset: bool = False
    deadline: datetime | None = None
    events: int = 0

    def to_json(self) -> Any:
        """Return it as JSON."""
        return TypeAdapter(Carried).dump_python(self, mode="json")

    @classmethod
    def of(cls, told: Any) -> "Carried":
        """Read what `to_json` returned; None is a saga's first run, which has heard nothing yet."""
        return cls() if told is None else TypeAdapter(cls).validate_python(told)


def begin(arguments: Sequence[RawValue]) -> tuple[Sequence[RawValue], Any]:
    """Return what a saga was started with, and what the run before told this one (JSON); None in a first run.

    Only a run that another one continued is told something: what somebody starts by hand has not the mark of that, and where a
    schedule (cron) or a retry policy follows up a run, nothing is carried over.
    """
    info = workflow.info()
    if info.continued_run_id is None or not arguments:
        return arguments, None
    if info.cron_schedule or info.attempt > 1:
        return arguments[:1], None
    return arguments[:-1], workflow.payload_converter().from_payload(arguments[-1].payload)


class Journal:
    """What a saga has asked, when, and what it heard: in this run and in those before it."""

    def __init__(self, carried: Carried) -> None:
        """Begin with what the runs before have heard."""
        self._carried = carried
        self._events: dict[str, Any] = {}
        self._failures = dict(carried.failures)
        self._begun = dict(carried.begun)

    def has(self, name: str) -> bool:
        """Tell whether this was asked already."""
        return name in self._begun

    def take_down(self, name: str) -> None:
        """Take down that the saga has come here."""
        self._begun.setdefault(name, workflow.now())

    async def once(
        self, name: str, ask: Callable[[datetime], Awaitable[T]], read: Callable[[RawValue], T]
    ) -> T:
        """Ask, or hear again what was answered before.

        Args:
            name: what is asked.
            ask: asks, given when that began first (UTC).
            read: reads the event again; one that is None is not read.

        Raises:
            SagaStopped: as `ask` raised it.
        """
        if failure := self._failures.get(name):
            raise SagaStopped(failure)
        if heard := self._carried.outcomes.get(name):
            return read(_raw(*heard)) if heard[0] != NONE else None  # type: ignore[return-value]
        self.take_down(name)
        try:
            event = await ask(self._begun[name])
        except SagaStopped as stopped:
            self._failures[name] = stopped.failure
            raise
        self._events[name] = event
        return event

    def write(self, carried: Carried) -> None:
        """Write down what the next run needs to know."""
        carried.outcomes = self._carried.outcomes | {
            name: _encoded(event) for name, event in self._events.items()
        }
        carried.failures = self._failures
        carried.begun = self._begun
        carried.events = (
            self._carried.events + workflow.info().get_current_history_length() + EVENTS_OF_AN_END
        )


class Length:
    """How long the history of this run is, as the server counts it."""

    def __init__(self) -> None:
        """Begin a run."""
        self._not_below = 0

    def is_long(self) -> bool:
        """Tell whether it is time to go on in another run, when nothing is lost by it: the server says so."""
        info = workflow.info()
        enough = info.get_current_history_length() >= self._not_below
        return enough and info.is_continue_as_new_suggested() and workflow.all_handlers_finished()

    def is_too_long(self) -> bool:
        """Tell whether it cannot wait any more, even for a step that is under way."""
        info = workflow.info()
        events, size = info.get_current_history_length(), info.get_current_history_size()
        return self.is_long() and (
            events >= policy.MOST_EVENTS_IN_A_STEP or size >= policy.MOST_BYTES_IN_A_STEP
        )

    def may_end(self, told: Any) -> bool:
        """Tell whether this run may end here, with so much to tell the next (JSON).

        If not, it is not long for as long again.
        """
        if len(json.dumps(told)) <= policy.MOST_CARRIED:
            return True
        self._not_below = 2 * workflow.info().get_current_history_length()
        return False


def _encoded(event: Any) -> tuple[str, str]:
    payload = workflow.payload_converter().to_payload(event)
    return payload.metadata["encoding"].decode(), base64.b64encode(payload.data).decode()


def _raw(encoding: str, data: str) -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding.encode()}, data=base64.b64decode(data)))
