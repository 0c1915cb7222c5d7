"""A saga that goes on in another run of its workflow, where the history of the one before got long.

Whoever may write to a saga makes its history grow, and Temporal ends a workflow whose history is
too long, with nothing taken back. So the run ends itself in time (continue-as-new), and the next
one begins anew, which is what a saga survives anyway: its story is told from the start again, and
what was answered before is not asked again.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from temporal_saga import policy
from temporal_saga.call import shielded
from temporal_saga.call_state import CallState, Settlement
from temporal_saga.failure import Failure, SagaStopped

T = TypeVar("T")

EVENTS_OF_AN_END = 1_000
"""More than the last task of a run leaves in its history, with what comes while it is at work."""

NONE = "binary/null"
"""How Temporal encodes None."""


@dataclass
class Carried:
    """What one run of a saga tells the next, beyond what it was started with.

    Args:
        outcomes: by name in the journal, the event as Temporal encodes it: the encoding, and the
            bytes in base 64.
        failures: by name, why the saga stopped there.
        begun: by name, when that began (UTC).
        retriables: by key, how far those have come that had begun.
        settled: by step, who settled it.
        stopped: why the saga is to stop before its next step.
        failure: why it fails, once that is settled for good.
        events: so many the histories of the runs before may have at most: what readers number
            their own events from.
    """

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    begun: dict[str, datetime] = field(default_factory=dict)
    retriables: dict[str, CallState] = field(default_factory=dict)
    settled: dict[str, Settlement] = field(default_factory=dict)
    stopped: Failure | None = None
    failure: Failure | None = None
    closing: bool = False
    was_reset: bool = False
    deadline: datetime | None = None
    events: int = 0

    def to_json(self) -> Any:
        """Return it as JSON."""
        return TypeAdapter(Carried).dump_python(self, mode="json")

    @classmethod
    def of(cls, carried: Any) -> "Carried":
        """Read what `to_json` returned; None is a saga's first run, which knows of none before."""
        return cls() if carried is None else TypeAdapter(cls).validate_python(carried)


def begin(arguments: Sequence[RawValue]) -> tuple[Sequence[RawValue], Any]:
    """Return what a saga was started with, and what the run before carried over (JSON).

    That is None in a first run, and where a schedule (cron) or a retry policy follows up a run.
    What somebody starts by hand has not the mark of a run that another one continued.
    """
    info = workflow.info()
    if info.continued_run_id is None or not arguments:
        return arguments, None
    if info.cron_schedule or info.attempt > 1:
        return arguments[:1], None
    return arguments[:-1], workflow.payload_converter().from_payload(arguments[-1].payload)


def current_memo() -> dict[str, RawValue]:
    """Return the workflow's memo as it stands, for the next run to begin with.

    Without it the next run has only what the first one was started with, until its own first task
    is done; nobody could read meanwhile what the saga has decided.
    """
    return {key: RawValue(payload) for key, payload in workflow.info().raw_memo.items()}


class Journal:
    """What a saga has asked, when, and the outcome: in this run and in those before it."""

    def __init__(self, carried: Carried) -> None:
        """Begin with the outcomes of the runs before."""
        self._carried = carried
        self._events: dict[str, Any] = {}
        self._failures = dict(carried.failures)
        self._began_at = dict(carried.begun)

    def has(self, name: str) -> bool:
        """Tell whether this has begun already."""
        return name in self._began_at

    def take_down(self, name: str) -> None:
        """Take down that the saga has come here."""
        self._began_at.setdefault(name, workflow.now())

    async def once(
        self, name: str, ask: Callable[[datetime], Awaitable[T]], read: Callable[[RawValue], T]
    ) -> T:
        """Ask, or return the outcome that a run before has had.

        Args:
            name: what is asked.
            ask: asks, given when that began first (UTC).
            read: reads the carried outcome; one that is None is not read.

        Raises:
            SagaStopped: as `ask` raised it.
        """
        if failure := self._failures.get(name):
            raise SagaStopped(failure)
        if outcome := self._carried.outcomes.get(name):
            if outcome[0] == NONE:
                return None  # type: ignore[return-value]
            return read(_raw(*outcome))
        self.take_down(name)
        try:
            event = await ask(self._began_at[name])
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
        carried.begun = self._began_at
        carried.events = (
            self._carried.events + workflow.info().get_current_history_length() + EVENTS_OF_AN_END
        )


class Length:
    """How long the history of this run is, as the server counts it."""

    def __init__(self) -> None:
        """Begin a run."""
        self._not_below = 0

    def is_long(self) -> bool:
        """Tell whether the server suggests another run, where nothing is lost by it."""
        info = workflow.info()
        enough = info.get_current_history_length() >= self._not_below
        return enough and info.is_continue_as_new_suggested() and workflow.all_handlers_finished()

    def is_too_long(self) -> bool:
        """Tell whether it cannot wait any more, even for a step that is under way."""
        info = workflow.info()
        events = info.get_current_history_length()
        size = info.get_current_history_size()
        return self.is_long() and (
            events >= policy.MOST_EVENTS_IN_A_STEP or size >= policy.MOST_BYTES_IN_A_STEP
        )

    def may_end(self, carried: Any) -> bool:
        """Tell whether this run may end here, with so much to carry over (JSON).

        If not, it is not long for as long again.
        """
        if len(json.dumps(carried)) <= policy.MOST_CARRIED:
            return True
        self._not_below = 2 * workflow.info().get_current_history_length()
        return False


class Continuation:
    """Ends a run whose history is long, where nothing is lost by it."""

    def __init__(self, journal: Journal, carry: Callable[[], Carried]) -> None:
        """Begin a run; `carry` returns what the next one is told beside the journal."""
        self._journal = journal
        self._carry = carry
        self._length = Length()
        self.continue_as_new: Callable[[Any], NoReturn] | None = None
        """Given what to carry over (JSON), ends this run; None where the saga stays in one run."""

    async def wait(self, work: Awaitable[T], *, in_a_step: bool = False) -> T:
        """Await `work` uncancellably, or go on with it in another run once this history is long.

        A forward step (`in_a_step`) is waited for as long as the history has room for that.
        """
        is_long = self._length.is_too_long if in_a_step else self._length.is_long
        task = asyncio.ensure_future(work)
        while not task.done():
            done_or_long = workflow.wait_condition(
                lambda: task.done() or (self.continue_as_new is not None and is_long())
            )
            await shielded(done_or_long)
            if not task.done():
                self._go_on()
        return task.result()

    def look(self) -> None:
        """Go on in another run if this history is long."""
        if self.continue_as_new is not None and self._length.is_long():
            self._go_on()

    def _go_on(self) -> None:
        """Go on in another run, if this one may end here."""
        assert self.continue_as_new is not None, "a saga that did not say how stays in this run"
        carried = self._carry()
        self._journal.write(carried)
        document = carried.to_json()
        if self._length.may_end(document):
            self.continue_as_new(document)


def _encoded(event: Any) -> tuple[str, str]:
    payload = workflow.payload_converter().to_payload(event)
    return payload.metadata["encoding"].decode(), base64.b64encode(payload.data).decode()


def _raw(encoding: str, data: str) -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding.encode()}, data=base64.b64decode(data)))
