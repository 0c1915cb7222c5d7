"""Forward steps: one command to its outcome, within limits."""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from temporal_saga.call import Call, UndecodableResult, shielded
from temporal_saga.failure import SagaStopped, overdue, refused_step, unavailable
from temporal_saga.keys import step_key
from temporal_saga.local_activities import LocalCalls
from temporal_saga.policy import LATE, Policy
from temporal_saga.step_names import MOST_SAGA_ID

T = TypeVar("T")


class Forward:
    """Takes forward steps, each within its own limit and all within the deadline."""

    def __init__(
        self,
        saga_id: str,
        policy: Policy,
        refusals: Collection[str],
        deadline: datetime | None,
        is_asked_to_stop: Callable[[], bool],
        local_calls: LocalCalls,
    ) -> None:
        """Begin.

        Args:
            saga_id: the root of the idempotency keys.
            policy: the limits.
            refusals: the types of `ApplicationError` by which a participant refuses.
            deadline: by when every step must have its outcome (UTC); None for no limit.
            is_asked_to_stop: tells whether the saga is to stop before its next step.
            local_calls: tells which calls are tried locally first.

        Raises:
            ApplicationError: `SagaIdTooLong`: it fails the workflow before anything was done, as a
                participant might have an effect and no room for the key that takes it back.
        """
        if len(saga_id) > MOST_SAGA_ID:
            message = f"a saga's id has {MOST_SAGA_ID} characters at most: {saga_id}"
            raise ApplicationError(message, type="SagaIdTooLong", non_retryable=True)
        self._saga_id = saga_id
        self._policy = policy
        self._refusals = refusals
        self._is_asked_to_stop = is_asked_to_stop
        self._local_calls = local_calls
        self.deadline = deadline

    async def take(self, call: Call[Any, T], began: datetime) -> T:
        """Take a step that began first at `began` (UTC); return the participant's event.

        Raises:
            SagaStopped: the participant refused, or no answer came in time that can be read.
        """
        try:
            if self._local_calls.tries(call):
                before = workflow.now()
                with suppress(_NoAnswer):
                    return await self._try_locally(call, began)
                began += workflow.now() - before  # the step's limit does not count the local try
            return await self._take_once(call, began)
        except SagaStopped as stop:
            if stop.failure.event is not None or not self._was_away(began):
                raise
        return await self._take_once(call, workflow.now())

    async def _try_locally(self, call: Call[Any, T], began: datetime) -> T:
        """Return the participant's event.

        Raises:
            _NoAnswer: the call is to be sent as it always is.
            SagaStopped: the participant refused, or the deadline has passed meanwhile.
        """
        before = workflow.now()
        limit = min(self._policy.local_try, self._policy.start_to_close, self._limit(began))
        try:
            handle = call.try_locally(step_key(self._saga_id, call.step_name), limit=limit)
            return call.read(await shielded(handle))
        except FailureError as error:
            if refusal := refusal_in(error, self._refusals):
                raise SagaStopped(refused_step(call.step_name, refusal)) from error
        except UndecodableResult:
            pass
        if self.deadline is not None and before < self.deadline <= workflow.now():
            raise SagaStopped(overdue(self.deadline, call.step_name))
        raise _NoAnswer

    async def _take_once(self, call: Call[Any, T], began: datetime) -> T:
        handle = call.send(
            step_key(self._saga_id, call.step_name),
            self._policy.forward_retry,
            start_to_close=self._policy.start_to_close,
            limit=self._limit(began),
        )
        try:
            return call.read(await shielded(handle))
        except ActivityError as error:
            if refusal := refusal_in(error, self._refusals):
                raise SagaStopped(refused_step(call.step_name, refusal)) from error
            deadline = self.deadline  # told by the clock of the history: limits decide nothing
            if deadline is not None and workflow.now() >= deadline:
                raise SagaStopped(overdue(deadline, call.step_name)) from error
            raise SagaStopped(unavailable(call, error)) from error
        except UndecodableResult as error:
            raise SagaStopped(unavailable(call, error)) from error

    def _limit(self, began: datetime) -> timedelta:
        """Return how long a step may take, of which some is spent if another run began it."""
        limit = self._policy.forward_step
        if elapsed_time := workflow.now() - began:
            limit = max(limit - elapsed_time, self._policy.start_to_close)
        if self.deadline is not None:
            remaining = self.deadline - workflow.now()
            limit = (
                min(limit, remaining) if remaining > timedelta() else self._policy.start_to_close
            )
        return limit

    def _was_away(self, began: datetime) -> bool:
        """Tell whether the deadline passed during a step while no worker was there to notice."""
        if self.deadline is None or self._is_asked_to_stop():
            return False
        return began < self.deadline <= workflow.now() - LATE


def refusal_in(error: FailureError, refusals: Collection[str]) -> ApplicationError | None:
    """Return the participant's business "no" in an error; None when it is an outage.

    An ordinary activity's error has it as its cause, a local activity's is it.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    return cause if isinstance(cause, ApplicationError) and cause.type in refusals else None


class _NoAnswer(Exception):
    """Ends a local try that came to nothing."""
