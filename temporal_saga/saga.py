"""The saga: steps that are each taken back when a later one fails.

After H. Garcia-Molina and K. Salem, *Sagas* (1987), and the compensatable, pivot and retriable steps of C. Richardson,
*Microservices Patterns* (2018). For use inside a Temporal workflow; it knows Temporal and nothing of what the saga is about.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityCancellationType

from temporal_saga import policy
from temporal_saga.keys import compensation_key, step_key

C = TypeVar("C")
T = TypeVar("T")
C_co = TypeVar("C_co", covariant=True)


class Keyed(Protocol[C_co]):
    """Builds a command at the moment it is sent, under the idempotency key that the saga gives it."""

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
    """

    participant: str
    activity: Callable[[C], T]
    command: Keyed[C]
    summary: str

    @property
    def name(self) -> str:
        """The activity's name: the command's without `Command`."""
        return str(vars(self.activity)["__temporal_activity_definition"].name)

    def read(self, answer: RawValue) -> T:
        """Return the participant's event.

        Raises:
            UnreadableAnswer: the participant answered with something else.
        """
        event = vars(self.activity)["__temporal_activity_definition"].ret_type
        try:
            read: T = workflow.payload_converter().from_payload(answer.payload, event)
        except Exception as error:
            raise UnreadableAnswer(f"the answer cannot be read: {error}") from error
        return read


@dataclass(frozen=True)
class Failure:
    """Why a saga went no further: at which step, by which event, for which reason; a sentence, and details for programs."""

    reason: str
    message: str
    step: str | None = None
    event: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class SagaStopped(Exception):
    """Raised between steps, or by a step, when the saga may go no further and has to be rolled back."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class UnreadableAnswer(Exception):
    """A participant answered with what is no event of its own: what it did is unknown."""


class Progress(StrEnum):
    """How far a compensation has come."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"


@dataclass
class Compensation:
    """What takes a step back: nothing to do for a step that was refused, unless it is to run `always`."""

    step: str
    call: Call[Any, Any]
    always: bool
    progress: Progress = Progress.WAITING


class Saga:
    """Takes the steps of one saga, and takes them back in reverse.

    Promises:

    1. A step's compensation is registered before the step runs.
    2. A forward step is never cut in half: cancellation and the deadline are looked at between steps, not inside one.
    3. Forward steps are bounded in time; compensations, and steps after the pivot, are not.
    4. A rollback runs as one task that no cancel, first or second, can stop; it never ends early, whatever one compensation does.
    6. The same code replays: no clock, no randomness, no I/O of its own.
    7. Idempotency keys are `{saga id}/{step}` and `{saga id}/{step}/compensation`, never a run id: they survive a workflow reset.
    8. A message only records a fact with `stop`; it is looked at between steps, so none can wedge or end a saga.
    """

    def __init__(self, saga_id: str, *, refusals: Collection[str]) -> None:
        """Begin a saga with no steps.

        Args:
            saga_id: names the saga's effects for ever, e.g. the workflow id.
            refusals: the types of `ApplicationError` that are a participant's business "no"; every other error is an outage.
        """
        self._saga_id = saga_id
        self._refusals = frozenset(refusals)
        self._deadline: datetime | None = None
        self._stopped: Failure | None = None
        self._closing = False
        self.compensations: list[Compensation] = []

    def set_deadline(self, deadline: datetime | None) -> None:
        """Stop the saga between steps once `deadline` (UTC) has passed; a step gets at most the time that is left."""
        self._deadline = deadline

    def stop(self, failure: Failure) -> bool:
        """Ask the saga to stop before its next step; the first who asks is the reason.

        Returns:
            False when it is too late: the saga is past its pivot or rolling back already.
        """
        if self._closing:
            return False
        self._stopped = self._stopped or failure
        return True

    @property
    def closing(self) -> bool:
        """Whether the saga is past its pivot or rolling back, so that it can no longer be stopped."""
        return self._closing

    def compensate_always(self, step: str, call: Call[Any, Any]) -> None:
        """Register the compensation of a step that is yet to come, to run even if the step is refused or never begins."""
        self.compensations.append(Compensation(step, call, always=True))

    async def step(self, call: Call[C, T], *, compensation: Call[Any, Any] | None = None) -> T:
        """Take one forward step to its outcome, with the compensation that will take it back.

        Returns:
            The participant's event.

        Raises:
            SagaStopped: the saga was stopped before the step; or the participant refused, and nothing is to be taken back; or no
                answer came within the limit that can be read, so that the outcome is unknown and is taken back.
        """
        self._stop_if_asked()
        return await self._take(call, compensation)

    async def begin(self, call: Call[C, T]) -> T:
        """Take the step that puts the saga on record, whatever was asked meanwhile; otherwise like `step`.

        Only what is on record can tell whether an earlier run, before a workflow reset, has gone further.
        """
        return await self._take(call, None)

    async def _take(self, call: Call[C, T], compensation: Call[Any, Any] | None) -> T:
        if compensation is not None and all(registered.step != call.name for registered in self.compensations):
            self.compensations.append(Compensation(call.name, compensation, always=False))
        limit = policy.FORWARD_STEP
        if self._deadline is not None:
            left = self._deadline - workflow.now()
            limit = min(limit, left) if left > timedelta() else policy.START_TO_CLOSE
        try:
            return await self._ask(call, step_key(self._saga_id, call.name), policy.FORWARD_RETRY, limit)
        except ActivityError as error:
            if refusal := self._refusal(error):
                self.compensations = [c for c in self.compensations if c.step != call.name or c.always]
                raise SagaStopped(_refused(call.name, refusal)) from error
            if self._deadline is not None and limit < policy.FORWARD_STEP and workflow.now() >= self._deadline:
                raise SagaStopped(_overdue(self._deadline, call.name)) from error
            raise SagaStopped(_unavailable(call, _root(error))) from error
        except UnreadableAnswer as error:
            raise SagaStopped(_unavailable(call, error)) from error

    def pivot(self) -> None:
        """Pass the point of no return: from here the saga only goes on.

        Raises:
            SagaStopped: the saga was stopped before it got here.
        """
        self._stop_if_asked()
        self._closing = True

    async def finish(self, call: Call[C, T]) -> T:
        """Take a step after the pivot: retried until it is done, whatever happens and whoever cancels.

        Raises:
            RuntimeError: the saga has not passed its pivot.
        """
        if not self._closing:
            raise RuntimeError(f"{call.name} comes before the pivot: use step() with its compensation")
        return await _to_its_end(self._until_done(call, step_key(self._saga_id, call.name)))

    async def roll_back(self) -> None:
        """Run every registered compensation in reverse, to the end, whatever happens and whoever cancels."""
        self._closing = True
        await _to_its_end(self._unwind())

    async def close(self) -> None:
        """Wait until no message handler is at work, so that the workflow may return and lose nothing that was said to it."""
        await _to_its_end(workflow.wait_condition(workflow.all_handlers_finished))

    async def _unwind(self) -> None:
        for compensation in reversed(self.compensations):
            compensation.progress = Progress.RUNNING
            key = compensation_key(step_key(self._saga_id, compensation.step))
            await self._until_done(compensation.call, key)
            compensation.progress = Progress.DONE

    async def _until_done(self, call: Call[C, T], key: str) -> T:
        """Ask until there is an answer. The server retries; when it gives up a round, e.g. on a refusal, we begin another."""
        while True:
            try:
                return await self._ask(call, key, policy.ENDLESS_RETRY, None)
            except (ActivityError, UnreadableAnswer) as error:
                workflow.logger.warning("%s failed for good, trying again: %s", call.name, error.__cause__ or error)
                await workflow.sleep(policy.ENDLESS_PAUSE, summary=f"pause before {call.name} is tried again")

    async def _ask(self, call: Call[C, T], key: str, retry: RetryPolicy, limit: timedelta | None) -> T:
        """Send the command and wait for its outcome; a cancel meanwhile changes nothing here."""
        handle = workflow.start_activity(
            call.name,
            call.command(idempotency_key=key),
            task_queue=call.participant,
            start_to_close_timeout=min(policy.START_TO_CLOSE, limit or policy.START_TO_CLOSE),
            schedule_to_close_timeout=limit,
            retry_policy=retry,
            cancellation_type=ActivityCancellationType.ABANDON,
            summary=call.summary,
            result_type=RawValue,  # read by us: an answer that Temporal cannot read would wedge the workflow
        )
        return call.read(await _to_its_end(handle))

    def _stop_if_asked(self) -> None:
        """Raise when somebody asked the saga to stop, Temporal cancelled it, or its time is over."""
        cancelled = workflow.cancellation_reason()
        if self._stopped is None and cancelled is not None:
            self._stopped = Failure("CANCELLED", cancelled or "cancelled through Temporal", details={"by": "temporal"})
        if self._stopped is None and self._deadline is not None and workflow.now() >= self._deadline:
            self._stopped = _overdue(self._deadline)
        if self._stopped is not None:
            raise SagaStopped(self._stopped)

    def _refusal(self, error: ActivityError) -> ApplicationError | None:
        cause = error.cause
        return cause if isinstance(cause, ApplicationError) and cause.type in self._refusals else None


async def _to_its_end(work: Awaitable[T]) -> T:
    """Await `work` to its outcome, however often this task is cancelled meanwhile.

    A cancel is a state to be looked at between steps (`workflow.cancellation_reason`), not an event to die of.
    """
    task = asyncio.ensure_future(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                return task.result()


def _refused(step: str, refusal: ApplicationError) -> Failure:
    """Read a refusal, as far as it keeps to limits: what is too large for Temporal would end or wedge the saga."""
    told = refusal.details[0] if refusal.details and isinstance(refusal.details[0], dict) else {}
    reason, details = told.get("reason"), told.get("details")
    if not isinstance(details, dict) or len(json.dumps(details)) > policy.MOST_DETAILS:
        details = {}
    return Failure(
        reason=reason if isinstance(reason, str) and len(reason) <= policy.MOST_REASON else str(refusal.type),
        message=_cut(str(told.get("message", refusal.message))),
        step=step,
        event=refusal.type,
        details=details,
    )


def _unavailable(call: Call[Any, Any], last: BaseException) -> Failure:
    return Failure(
        reason="STEP_UNAVAILABLE",
        message=_cut(f"{call.participant} gave no usable answer to {call.name} in time; the last error was: {last}"),
        step=call.name,
    )


def _overdue(deadline: datetime, step: str | None = None) -> Failure:
    where = f" while {step} had no answer" if step else ""
    return Failure("DEADLINE_EXCEEDED", f"the deadline {deadline:%Y-%m-%d %H:%M:%S} UTC passed{where}", step=step)


def _cut(text: str) -> str:
    return text if len(text) <= policy.MOST_MESSAGE else f"{text[: policy.MOST_MESSAGE]} …"


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
