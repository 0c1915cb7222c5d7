"""One command to one participant, and the way to its outcome."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar, overload

from temporalio import activity, workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityHandle

from temporal_saga.command_names import Unsent, command_name
from temporal_saga.step_names import activity_id

C = TypeVar("C")
T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E")
C_co = TypeVar("C_co", covariant=True)


UNTYPED_ENCODINGS = {b"binary/null": type(None), b"binary/plain": bytes}
"""Encodings that converters read as these types, whatever type they are asked for."""


class UndecodableResult(Exception):
    """A participant answered with what is no event of its own: its outcome is in doubt."""


class Keyed(Protocol[C_co]):
    """Builds a command at the moment it is sent, under the idempotency key that it is given."""

    def __call__(self, *, idempotency_key: str) -> C_co:
        """Return the command."""
        ...


@dataclass(frozen=True)
class Call(Generic[C, T]):
    """One command to one participant.

    Args:
        participant: the participant's task queue.
        activity: the typed stub of the activity that takes the command.
        command: builds the command, given its idempotency key.
        summary: what the Temporal Web UI shows beside it.
        closes_record: whether it tells the saga's record how the saga ended. Settled by hand, it is
            sent on, as nothing else would close that record: the command should be built to carry
            the settlement.
        step: the step's name, e.g. `ShipParcel-2`, where it is not the activity's: of several steps
            with one activity each has a name of its own. It begins with a letter; behind it are
            letters, digits and `_ . : -`. It is the activity's id, too, and stands before the
            summary. A compensation has that of the step which it takes back.

    Units: none; its time is limited by the saga's `Policy`.
    Errors: KeyError by `name`, when the stub is no `activity.defn`.
    Source: the command messages of Richardson's orchestration-based sagas.
    """

    participant: str
    activity: Callable[[C], T]
    command: Keyed[C]
    summary: str
    closes_record: bool = False
    step: str | None = None

    @overload
    @staticmethod
    def to(
        participant: str, command: D, *, summary: str = "", step: str | None = None
    ) -> "Call[D, None]": ...

    @overload
    @staticmethod
    def to(
        participant: str, command: D, answer: type[E], *, summary: str = "", step: str | None = None
    ) -> "Call[D, E]": ...

    @staticmethod
    def to(
        participant: str,
        command: Any,
        answer: type[Any] | None = None,
        *,
        summary: str = "",
        step: str | None = None,
    ) -> "Call[Any, Any]":
        """Return the call of the activity that is named as the command's class, without `Command`.

        Args:
            participant: its task queue.
            command: a pydantic model or a dataclass with a field `idempotency_key`, which is filled
                in when it is sent.
            answer: the class of the participant's event; without, the answer is not looked at.
            summary: what the Temporal Web UI shows beside it.
            step: as above.
        """
        return Call(participant, _stub(type(command), answer), Unsent(command), summary, step=step)

    @property
    def name(self) -> str:
        """The activity's name: the command's without `Command`."""
        return str(vars(self.activity)["__temporal_activity_definition"].name)

    @property
    def step_name(self) -> str:
        """The name of the step: its own, or else the activity's."""
        return self.step or self.name

    @property
    def title(self) -> str:
        """What people read of it: the activity's name, and the step's where that is its own."""
        return f"{self.name} of {self.step}" if self.step else self.name

    def send(
        self,
        key: str,
        retry: RetryPolicy,
        *,
        start_to_close: timedelta,
        limit: timedelta | None = None,
        number: int = 1,
    ) -> ActivityHandle[RawValue]:
        """Send the command.

        Args:
            key: its idempotency key.
            retry: how the server tries it again.
            start_to_close: the time of one try.
            limit: the time of all tries; None for no limit.
            number: how often it has been sent in this run, this time included, where the activity
                before this one may still be open.

        Returns:
            The handle of its outcome, for `read`. A cancel of the workflow must not reach it: await
            it by `shielded`.
        """
        return workflow.start_activity(
            self.name,
            self.command(idempotency_key=key),
            task_queue=self.participant,
            start_to_close_timeout=min(start_to_close, limit or start_to_close),
            schedule_to_close_timeout=limit,
            retry_policy=retry,
            cancellation_type=ActivityCancellationType.TRY_CANCEL,
            activity_id=self.step and activity_id(self.step, key, number),
            summary=self._shown_summary,
            # Read by us: an answer that Temporal cannot decode would wedge the workflow.
            result_type=RawValue,
        )

    def try_locally(self, key: str, *, limit: timedelta) -> ActivityHandle[RawValue]:
        """Let the orchestrator's own worker take the command; one try, for so long at most.

        The wait for a thread counts. That for a slot of the worker does not, so it should have as
        many (`max_concurrent_local_activities`) as there may be such tries.
        """
        return workflow.start_local_activity(
            self.name,
            self.command(idempotency_key=key),
            start_to_close_timeout=limit,
            retry_policy=RetryPolicy(maximum_attempts=1),
            cancellation_type=ActivityCancellationType.TRY_CANCEL,
            activity_id=self.step and activity_id(self.step, key),
            summary=self._shown_summary,
            result_type=RawValue,
        )

    def read(self, answer: RawValue) -> T:
        """Return the participant's event; None, whatever was answered, where none is declared.

        Raises:
            UndecodableResult: the participant answered with something else.
        """
        event: Any = vars(self.activity)["__temporal_activity_definition"].ret_type
        if event is type(None):
            return None  # type: ignore[return-value]  # T is None
        encoding = answer.payload.metadata.get("encoding", b"")
        if encoding in UNTYPED_ENCODINGS and UNTYPED_ENCODINGS[encoding] is not event:
            raise UndecodableResult(f"the answer cannot be read: it is {encoding.decode()}")
        try:
            answer_event: T = workflow.payload_converter().from_payload(answer.payload, event)
        except Exception as error:
            raise UndecodableResult(f"the answer cannot be read: {error}") from error
        return answer_event

    @property
    def _shown_summary(self) -> str | None:
        return ": ".join(filter(None, (self.step, self.summary))) or None


def _stub(command: type, answer: type[Any] | None) -> Callable[[Any], Any]:
    """Return the name and the types of an activity, whose code the participant has."""

    def stub(_command: Any) -> Any:
        raise NotImplementedError

    stub.__annotations__ = {"_command": command, "return": answer}
    return activity.defn(name=command_name(command))(stub)


def compensation_of(step: Call[Any, Any], compensation: Call[Any, Any]) -> Call[Any, Any]:
    """Return a step's compensation, under the step's name where that is not its activity's."""
    return compensation if step.step is None else replace(compensation, step=step.step)


async def shielded(work: Awaitable[T]) -> T:
    """Await `work` uncancellably: to its outcome, however often this task is cancelled meanwhile.

    A cancel is a state that is looked at between steps (`workflow.cancellation_reason`).
    """
    task = asyncio.ensure_future(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                return task.result()


async def all_ended(works: Iterable[Awaitable[Any]]) -> list[Any]:
    """Await all to their ends, side by side; return their outcomes in order.

    Raises:
        BaseException: the first in order that failed, once all have ended.
    """
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes
