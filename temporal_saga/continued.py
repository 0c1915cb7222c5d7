"""A saga that goes on in another run of its workflow, where the history of the one before got long.

Whoever may write to a saga makes its history grow, and Temporal ends a workflow whose history is
too long, with nothing taken back. So the run ends itself in time (continue-as-new), and the next
one begins anew, which is what a saga survives anyway: its code runs from the start again, and
what was answered before is not asked again.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from temporal_saga import policy
from temporal_saga.call import shielded
from temporal_saga.carry_over import CarryOver, Handover, Part, Start
from temporal_saga.failure import SagaStopped

T = TypeVar("T")

EVENTS_OF_AN_END = 1_000
"""More than the last task of a run leaves in its history, with what comes while it is at work."""

NONE = b"binary/null"
"""How Temporal encodes None."""


class Journal:
    """What a saga has asked, when, and the outcome: in this run and in those before it."""

    def __init__(self, before: CarryOver) -> None:
        """Begin with the outcomes of the runs before."""
        self._before = before
        self._events: dict[str, Any] = {}
        self._failures = dict(before.failures)
        self._began_at = dict(before.began_at)

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
            read: reads an outcome that was carried over; one that is None is not read.

        Raises:
            SagaStopped: as `ask` raised it.
        """
        if failure := self._failures.get(name):
            raise SagaStopped(failure)
        if outcome := self._before.outcomes.get(name):
            answer = decode(outcome)
            if answer.payload.metadata["encoding"] == NONE:
                return None  # type: ignore[return-value]
            return read(answer)
        self.take_down(name)
        try:
            event = await ask(self._began_at[name])
        except SagaStopped as stop:
            self._failures[name] = stop.failure
            raise
        self._events[name] = event
        return event

    def write(self, carry_over: CarryOver) -> None:
        """Write down what the next run needs to know."""
        converter = workflow.payload_converter()
        carry_over.outcomes = self._before.outcomes | {
            name: encode(converter.to_payload(event)) for name, event in self._events.items()
        }
        carry_over.failures = self._failures
        carry_over.began_at = self._began_at
        carry_over.events = (
            self._before.events + workflow.info().get_current_history_length() + EVENTS_OF_AN_END
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

    def may_end(self, start_bytes: int) -> bool:
        """Tell whether this run may end here, when the next is started with so many bytes.

        If not, it is not long for as long again.
        """
        if start_bytes <= policy.MOST_CARRIED_OVER:
            return True
        self._not_below = 2 * workflow.info().get_current_history_length()
        return False


class Continuation:
    """Ends a run whose history is long, where nothing is lost by it."""

    def __init__(self, start: Start, journal: Journal, carry_over: Callable[[], CarryOver]) -> None:
        """Begin a run.

        Args:
            start: what it was started with; without arguments, the saga stays in this run.
            journal: what it has asked.
            carry_over: returns what the next run is given beside the journal and the parts.
        """
        self._start = start
        self._journal = journal
        self._carry_over = carry_over
        self._length = Length()
        self._parts: dict[str, Part] = {}

    def keep(self, name: str, part: Part) -> None:
        """Let a part of the workflow go on from the run before, and carry it over to the next."""
        self._parts[name] = part
        if name in self._start.parts:
            part.go_on_from(self._start.parts[name])

    async def wait(self, work: Awaitable[T], *, in_a_step: bool = False) -> T:
        """Await `work` uncancellably, or go on with it in another run once this history is long.

        A forward step (`in_a_step`) is waited for as long as the history has room for that.
        """
        is_long = self._length.is_too_long if in_a_step else self._length.is_long
        may_go_on = self._start.arguments is not None
        task = asyncio.ensure_future(work)
        while not task.done():
            done_or_long = workflow.wait_condition(lambda: task.done() or (may_go_on and is_long()))
            await shielded(done_or_long)
            if not task.done():
                self._go_on()
        return task.result()

    def look(self) -> None:
        """Go on in another run if this history is long."""
        if self._start.arguments is not None and self._length.is_long():
            self._go_on()

    def _go_on(self) -> None:
        """Go on in another run, if this one may end here."""
        arguments = self._start.arguments or ()
        carry_over = self._carry_over()
        self._journal.write(carry_over)
        parts = {name: part.carry_over() for name, part in self._parts.items()}
        document = Handover(carry_over, parts).to_json()
        own_bytes = sum(len(argument.payload.data) for argument in arguments)
        if self._length.may_end(own_bytes + len(json.dumps(document))):
            workflow.continue_as_new(args=[*arguments, document], memo=_memo())


def _memo() -> dict[str, RawValue]:
    """Return the workflow's memo as it stands, for the next run to begin with.

    Without it the next run has only what the first one was started with, until its own first task
    is done; nobody could read meanwhile what the saga has decided.
    """
    return {key: RawValue(payload) for key, payload in workflow.info().raw_memo.items()}


def encode(payload: Payload) -> str:
    """Return a payload, with all its metadata, as text."""
    return base64.b64encode(payload.SerializeToString(deterministic=True)).decode()


def decode(text: str) -> RawValue:
    """Return the payload that `encode` has written."""
    return RawValue(Payload.FromString(base64.b64decode(text)))


def as_bool(answer: RawValue) -> bool:
    """Read an outcome that is true or false."""
    return bool(workflow.payload_converter().from_payload(answer.payload, bool))
