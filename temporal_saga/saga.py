"""The saga: steps that are each taken back when a later one fails.

After H. Garcia-Molina and K. Salem, *Sagas* (1987), and the compensatable, pivot and retriable
steps of C. Richardson, *Microservices Patterns* (2018). For use inside a Temporal workflow; it
knows Temporal and nothing of what the saga is about.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import is_cancelled_exception

from temporal_saga.acts import Acts
from temporal_saga.branch import Branch
from temporal_saga.call import Call, all_ended, compensation_of
from temporal_saga.carry_over import CarryOver, Start
from temporal_saga.continued import as_bool
from temporal_saga.ending import AGAIN, PAUSE, PIVOT, Ending
from temporal_saga.failure import Failure, SagaStopped, uncaught_error
from temporal_saga.forward import Forward
from temporal_saga.policy import Policy, current

C = TypeVar("C")
T = TypeVar("T")

AT_ONCE = timedelta(milliseconds=1)


class Saga(Ending):
    """Takes the steps of one saga, and takes them back in reverse.

    Promises:

    1. A step's compensation is registered before the step runs.
    2. A forward step is never cut in half: cancellation is looked at between steps.
    3. Forward steps are bounded in time, each by a limit and all by the deadline; compensations,
       and steps after the pivot, are not. A step that ended well is not taken back because the
       saga noticed it late.
    4. A rollback runs as one task that no cancel, first or second, can stop; it never ends early,
       whatever one compensation does.
    5. Each branch of a parallel step records its own result; a failing sibling cannot lose it, and
       all branches end before the rollback starts.
    6. The same code replays: no clock, no randomness, no I/O of its own.
    7. Idempotency keys are `{saga id}/{step}` and `{saga id}/{step}/compensation`, never a run id:
       they survive a workflow reset. A step's name is its activity's, or its own (`Call.step`):
       a name that comes a second time stops the saga before anything is sent under it.
    8. A message only records a fact, with `stop`, `retry` or `settle`; none can wedge or end a
       saga, nor can any number of them, if it is given its `arguments`: when a history gets long,
       it goes on in another run. That one runs the code from its start, with the same steps in
       the same order, and is given what was answered before: it sends no command again but what
       is under way. Lasting waits end for it, and it is looked at between steps; a forward
       step is waited for as long as the history has room. Not covered: a flood that fills the
       history while no worker is there, and too much to carry over (`MOST_CARRIED_OVER`).
    9. It takes `cancel`, `retry_step` and `settle_step`, as signals and as updates `request_…`, and
       answers the query `status`. What your workflow's class has under these names stays. A signal
       without a handler is ignored for good: set no handler later than the saga is made.

    Units: times are UTC, durations `timedelta`s.
    Errors: a step raises `SagaStopped`, which is for `OnRecord`: let it pass.
    Source: Garcia-Molina and Salem, Richardson, see above.
    """

    def __init__(
        self,
        saga_id: str,
        *,
        refusals: Collection[str | type] = (),
        policy: Policy | None = None,
        arguments: Sequence[RawValue] | None = None,
    ) -> None:
        """Begin a saga with no steps, or go on with it in another run.

        Args:
            saga_id: names the saga's effects for ever, e.g. the workflow id; up to 176 characters.
            refusals: what is a participant's business "no", beside the fence's
                `AlreadyCompensated`: the classes that participants give their `SagaPlugin`, or the
                types of `ApplicationError` by name. Every other error is an outage.
            policy: the limits; by default what the worker was given, or those of `Policy`.
            arguments: what this run was started with, undecoded, as a dynamic workflow gets it.
                Given, the saga goes on in another run of its workflow when this one's history gets
                long; without, it stays one run.
        """
        start = Start(arguments)
        limits = policy or current()
        super().__init__(saga_id, refusals, limits, start)
        self._forward = Forward(
            saga_id,
            limits,
            self._refusals,
            start.carry_over.deadline,
            self._is_asked_to_stop,
            self._local_calls,
        )
        self.arguments: Sequence[RawValue] = start.arguments or ()
        """What the first of the saga's runs was started with."""
        self._pauses = 0
        self._times_again = 0
        Acts(self).install()

    def set_deadline(self, deadline: datetime) -> None:
        """Give each step at most the time that is left until `deadline` (UTC).

        One without an answer by then stops the saga. Between steps the clock is not looked at: a
        step that has ended well ended in time, so if it is late by then, nobody was there to go on.
        The next step then has the time of one try, and so has, once more, a step whose time ran out
        while nobody was there. The first deadline stays, also in the runs that follow this one.
        """
        self._forward.deadline = self._forward.deadline or deadline

    async def step(self, call: Call[C, T], compensation: Call[Any, Any] | None = None) -> T:
        """Take one forward step to its outcome, with the compensation that will take it back.

        Returns:
            The participant's event.

        Raises:
            SagaStopped: the saga was stopped before the step; or the step is misnamed, and was not
                sent; or the participant refused, and nothing is to be taken back; or no answer that
                can be read came within the limit: unknown, so it is taken back.
            RuntimeError: its record is not open yet, or the pivot passed (see `finish`): not sent.
        """
        self._come_to(Branch(call, compensation))
        return await self._continuation.wait(self._take(call, compensation), in_a_step=True)

    async def again(self, call: Call[C, T]) -> T:
        """Send a step's command again, under its key, after a "not yet"; otherwise like `step`."""
        self._times_again += 1
        name = f"{AGAIN}{self._times_again}"
        if not self._journal.has(name):
            self._continuation.look()
            self._stop_if_asked()
        return await self._continuation.wait(self._take(call, None, name), in_a_step=True)

    def has_asked_again(self) -> bool:
        """Tell whether a run before this one did; a clock that decides about it must ask this."""
        return self._journal.has(f"{AGAIN}{self._times_again + 1}")

    async def parallel(self, *branches: Branch) -> list[Any]:
        """Take several forward steps side by side, each to its outcome.

        Returns:
            The participants' events, in the order of the branches.

        Raises:
            SagaStopped: as in `step`; when several branches fail, for the first of them.
        """
        self._come_to(*branches)
        outcomes = all_ended(self._take(*branch) for branch in branches)
        return await self._continuation.wait(outcomes, in_a_step=True)

    async def begin(self, call: Call[C, T]) -> T:
        """Take the step that opens the saga's record, also when the saga was asked to stop.

        Only the record can tell whether an earlier run, before a workflow reset, has gone further.
        Otherwise like `step`.
        """
        self._take_names(call)
        return await self._continuation.wait(self._take(call, None), in_a_step=True)

    async def pause(self, until: Callable[[], bool], limit: timedelta) -> bool:
        """Wait between steps, e.g. for a person; the deadline's clock stands still meanwhile.

        Returns:
            Whether `until` came true within the limit.

        Raises:
            SagaStopped: the saga was stopped, before or meanwhile.
        """
        self._pauses += 1
        pause = partial(self._pause, until, limit)
        outcome = self._journal.once(f"{PAUSE}{self._pauses}", pause, as_bool)
        return await self._continuation.wait(outcome)

    def pivot(self, *, already_passed: bool = False) -> None:
        """Pass the point of no return: from here the saga only goes on.

        Args:
            already_passed: an earlier run got past it, so that nothing can stop or fail this one.

        Raises:
            SagaStopped: the saga was stopped before it got here.
        """
        if not already_passed and not self._journal.has(PIVOT):
            self._stop_if_asked()
        self._journal.take_down(PIVOT)
        self._closing = True
        self._set_failure(None)

    def failure_by(self, error: BaseException) -> Failure | None:
        """Return why a saga fails by this error; None of a defect: its run stays open."""
        if isinstance(error, SagaStopped):
            return None if self.is_past_pivot else error.failure
        if is_cancelled_exception(error):
            self._note_temporals_cancel()
            return self._stop_failure or uncaught_error(error)
        ends_workflow = isinstance(error, Exception) and workflow.is_failure_exception(error)
        return uncaught_error(error) if ends_workflow else None

    async def _take(
        self, call: Call[C, T], compensation: Call[Any, Any] | None, name: str | None = None
    ) -> T:
        step = call.step_name
        if self.is_past_pivot and not self._journal.has(name or step):
            raise RuntimeError(f"{step} comes after the pivot: finish() takes such steps")
        self.plan.add(call, compensation)
        if compensation is not None:
            if not self._journal.has(step):
                self.stop_if_taken_back(step)
            with self._stopped_if_misnamed():
                self._retriables.compensate(step, compensation_of(call, compensation))
        try:
            ask = partial(self._forward.take, call)
            return await self._journal.once(name or step, ask, call.read)
        except SagaStopped as stop:
            if stop.failure.event is not None:  # refused: there is nothing to take back
                self._retriables.forget(step)
            raise

    async def _pause(self, until: Callable[[], bool], limit: timedelta, began: datetime) -> bool:
        self._stop_if_asked()
        remaining = max(began + limit - workflow.now(), AT_ONCE)
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: until() or self._is_asked_to_stop(), timeout=remaining
            )
        if self._forward.deadline is not None:
            self._forward.deadline += workflow.now() - began
        self._stop_if_asked()
        return until()

    def _come_to(self, *steps: Branch) -> None:
        """Look at the next steps' names, and whether to take them where no run before has."""
        self._take_names(*(step.call for step in steps))
        if any(self._journal.has(step.call.step_name) for step in steps):
            return
        with self._stopped_if_misnamed():
            self.plan.check(*steps)
        self._continuation.look()
        self._stop_if_asked()

    def _carry_over(self) -> CarryOver:
        return replace(super()._carry_over(), deadline=self._forward.deadline)
