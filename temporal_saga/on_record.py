"""A saga with a record of its own: opened first, closed last, whichever way the saga ends.

The record outlives the workflow, so it knows how an earlier run of the same saga ended: one before
a workflow reset, or one that was started under the same id. What such a run has done is neither
forgotten nor done twice::

    async with OnRecord(saga, closing) as record:
        opened = await record.open(opening, then=(pay, take))
        await saga.step(*pay)
        await saga.step(*take)
        saga.pivot()
"""

import asyncio
from contextlib import suppress
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any, Self, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from temporal_saga.branch import Branch
from temporal_saga.call import Call, compensation_of
from temporal_saga.failure import Failure, SagaStopped, misnamed_step
from temporal_saga.kept_record import CancelRecord, ConfirmRecord, OpenRecord, RecordOpened
from temporal_saga.record import Closing, EarlierRun, Opening
from temporal_saga.saga import Saga
from temporal_saga.step_names import MisnamedStep, StepNames
from temporal_saga.story import Story

C = TypeVar("C")
T = TypeVar("T")


class OnRecord:
    """Opens a saga's record first and closes it last; used with `async with`, around the steps.

    Promises:

    1. The record is closed whichever way the steps end, last of all. With `SagaStopped`, and with
       every error that ends a workflow, Temporal's cancel of a plain wait among them, the saga is
       rolled back; past its pivot it is not: the record is closed as completed, and the error
       passes. A defect (any other error, and `SagaStopped` past the pivot) passes at once and
       leaves the run open, until a corrected worker takes it up; so does continue-as-new. Where the
       saga goes on in another run, what is neither a step nor a `Saga.pause` is done again there.
    2. Where an earlier run had completed, nothing is sent again but what closes the record, and
       nobody can stop the saga. The saga's id says that it is the same one: what else it was given
       is compared where the opening carries it, and by `at` not.
    3. Before anything is taken back it is known how an earlier run ended: that is asked until it is
       answered, or until a person settles it. Where such a run may have gone further than this
       one, every step that was declared at the opening is compensated, so no other one that is
       taken back is sent. Its pivot counts once the record is closed: until then a signal to cancel
       that was too late counts after a reset.
    4. Behind `async with`, everything is done, and no message handler is at work.
    5. The end of the block is the pivot, where the saga has not passed it before.

    Units: none.
    Errors: past the pivot what your code raised; `Saga.failure` says why a saga failed, and with
        `OnRecord.at` an `ApplicationError` behind the block does.
    Source: the Decider of J. Chassaing, which reads where it stands and goes on.
    """

    def __init__(self, saga: Saga, closing: Closing | None, story: Story | None = None) -> None:
        """Prepare.

        Args:
            saga: takes the steps; behind the block, its `failure` says whether and why it failed.
            closing: how the record is closed; None where there is nothing to keep a record of. Such
                a saga must stop before it opens one.
            story: called while the saga ends, with how it does; None for what every saga shows.
        """
        self._saga = saga
        self._story = story or saga.display
        self._closing = closing
        self._opening: Opening[Any, Any] | None = None
        self._steps: tuple[Branch, ...] = ()
        self._is_first = False
        self._participant = ""

    @classmethod
    def at(cls, participant: str, saga: Saga) -> Self:
        """Prepare for a saga without a record of its own: the fence of a participant keeps one.

        Behind the block, a saga that was rolled back has failed its workflow: with an
        `ApplicationError` whose type is the reason, and whose detail is the `Failure`.

        Args:
            participant: the task queue of a service with the handlers of `Fence.record_handlers`.
            saga: takes the steps.
        """
        confirm = Call.to(participant, ConfirmRecord())
        cancel = Call.to(participant, CancelRecord())
        on_record = cls(saga, Closing(OpenRecord.__name__, confirm, cancel))
        on_record._participant = participant  # its own
        return on_record

    async def begin(self, *steps: Branch) -> None:
        """Open the record that a participant's fence keeps, as `open` does.

        Where an earlier run had completed, it does not return, as there: what the code behind the
        block uses must have a value before the block.

        Args:
            steps: those that follow, in their order, all that are taken back among them.
        """
        call = Call.to(self._participant, OpenRecord(), RecordOpened)
        await self.open(Opening(call, lambda event: event.earlier_run), then=steps)

    async def open(self, opening: Opening[C, T], *, then: tuple[Branch, ...]) -> T:
        """Open the record, also when the saga was asked to stop.

        Args:
            opening: how.
            then: the steps that follow, in their order, all that are taken back among them: those
                that this run never reaches are compensated as well where an earlier run may have
                taken them.

        Returns:
            The participant's event. Where an earlier run had completed, it does not return: the
            block is left at once, and the code behind it runs. What that code uses must have a
            value before the block, or else that run fails for ever at it.

        Raises:
            SagaStopped: the participant refused, or gave no usable answer in time; or two of these
                steps have one name. A step with a compensation that is none of them raises it, too.
        """
        self._opening = opening
        self._steps = then
        self._declare(opening.call, then)
        event = await self._saga.begin(opening.call)
        earlier = EarlierRun(opening.earlier_run(event))
        self._is_first = earlier == EarlierRun.NONE
        if earlier == EarlierRun.COMPLETED:
            raise _CompletedBefore
        self._check_names(opening.call, *(step.call for step in then))
        if self._closing is not None:
            self._saga.stop_if_taken_back(self._closing.step)
        return event

    async def __aenter__(self) -> Self:
        """Register what closes the record if the saga is rolled back."""
        self._saga.plan.has_record = True
        if self._closing is not None:
            cancel = replace(self._closing.cancel, closes_record=True)
            self._saga.compensate_always(self._closing.step, cancel, last=True)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        """End the saga, one way or the other; a defect passes."""
        passes = False
        error = error or self._pass_the_pivot()
        if error is None:
            await self._confirm()
        elif isinstance(error, _CompletedBefore):
            await self._complete_again()
        elif (failure := await self._failure(error)) is None:
            return False
        elif self._saga.is_past_pivot:
            passes = True
            await self._confirm()
        else:
            await self._end(failure)
        await self._saga.close()
        failure = self._saga.failure
        if self._participant and failure is not None:
            raise ApplicationError(failure.message, asdict(failure), type=failure.reason)
        return not passes

    def _declare(self, opening: Call[Any, Any], then: tuple[Branch, ...]) -> None:
        """Add what is known of the saga's steps to its plan."""
        closing = self._closing
        self._saga.plan.add(opening, closing.cancel if closing else None)
        self._saga.plan.declare(then)
        if closing is not None:
            self._saga.plan.close(closing.confirm)

    def _pass_the_pivot(self) -> SagaStopped | None:
        """Pass the pivot at the end of the block; return why the saga stops just before it."""
        try:
            if not self._saga.is_past_pivot:
                self._saga.pivot()
        except SagaStopped as stop:
            return stop
        return None

    def _check_names(self, *steps: Call[Any, Any]) -> None:
        """See that no two steps have one name, before any of them is taken."""
        try:
            StepNames().take(*steps, *([self._closing.confirm] if self._closing else []))
        except MisnamedStep as error:
            raise SagaStopped(misnamed_step(error)) from error

    async def _failure(self, error: BaseException) -> Failure | None:
        """Return why the saga fails, given what ended its steps; None for a defect."""
        if isinstance(error, asyncio.CancelledError):
            # A run that leaves the worker's cache is cancelled as well; in that one, this raises.
            await workflow.wait_condition(lambda: True)
        return self._saga.failure_by(error)

    async def _end(self, failure: Failure) -> None:
        """Roll back, unless an earlier run turns out to have completed."""
        failure = self._saga.fail(failure)
        earlier = await self._earlier_run(failure)
        if earlier == EarlierRun.COMPLETED:
            await self._complete_again()
            return
        if earlier == EarlierRun.OPEN:
            for step in self._steps:
                if step.compensation is not None:
                    compensation = compensation_of(step.call, step.compensation)
                    with suppress(SagaStopped):  # this run has registered another: that one runs
                        self._saga.compensate_always(step.call.step_name, compensation)
        self._story.rolling_back(failure)
        await self._saga.roll_back(failure)
        self._story.rolled_back()

    async def _earlier_run(self, failure: Failure) -> EarlierRun:
        """Resolve whether an earlier run may have gone further than this one has come."""
        opening = self._opening
        if opening is None or (self._is_first and not self._saga.was_reset):
            return EarlierRun.NONE
        if failure.step == opening.call.step_name and failure.event is not None:
            return EarlierRun.NONE  # refused: taken back already, or somebody else's record
        try:
            event = await self._saga.resolve(opening.call)
        except SagaStopped:
            return EarlierRun.NONE
        # A person who settles the question does not say how an earlier run ended.
        return EarlierRun.OPEN if event is None else EarlierRun(opening.earlier_run(event))

    async def _complete_again(self) -> None:
        self._saga.pivot(already_passed=True)
        await self._confirm()

    async def _confirm(self) -> None:
        assert self._closing is not None, "what has no record does not complete"
        if self._opening is None:
            raise RuntimeError("the record was never opened: first await record.begin(…)")
        self._story.completed()
        await self._saga.finish(replace(self._closing.confirm, closes_record=True))


class _CompletedBefore(Exception):
    """Leads straight to the end."""
