"""The saga: steps that are each taken back when a later one fails.

After H. Garcia-Molina and K. Salem, *Sagas* (1987), and the compensatable, pivot and retriable steps of C. Richardson,
*Microservices Patterns* (2018). For use inside a Temporal workflow; it knows Temporal and nothing of what the saga is about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

from temporal_saga.call import Call, UnreadableAnswer, to_its_end
from temporal_saga.continued import Carried, Journal, Length
from temporal_saga.decided import Decided
from temporal_saga.duty import Duty, Progress, Settlement, Standing
from temporal_saga.failure import Failure, SagaStopped, cancelled, overdue, refused, unavailable
from temporal_saga.keys import compensation_key, step_key
from temporal_saga.policy import LATE, Policy

C = TypeVar("C")
T = TypeVar("T")

PLAIN_START = 3
"""Events up to a workflow's first task, when nothing was said to it before: started, scheduled, taken up."""

AT_ONCE = timedelta(milliseconds=1)

TOO_LATE = "it was too late"
"""Why Temporal's own cancel is ignored past the pivot, and in a rollback."""

AGAIN = "again: "
PAUSE = "pause "
PIVOT = "the pivot"
"""What stands in the journal beside the names of steps."""


class Branch(NamedTuple):
    """One of several steps that are taken side by side, with the compensation that takes it back."""

    call: Call[Any, Any]
    compensation: Call[Any, Any] | None = None


class Saga:
    """Takes the steps of one saga, and takes them back in reverse.

    Promises:

    1. A step's compensation is registered before the step runs.
    2. A forward step is never cut in half: cancellation is looked at between steps, not inside one.
    3. Forward steps are bounded in time, each by a limit and all by the deadline; compensations, and steps after the pivot,
       are not. A step that ended well is not taken back because we were late to hear of it.
    4. A rollback runs as one task that no cancel, first or second, can stop; it never ends early, whatever one compensation does.
    5. Each branch of a parallel step records its own result; a failing sibling cannot lose it, and all branches end before the
       rollback starts.
    6. The same code replays: no clock, no randomness, no I/O of its own.
    7. Idempotency keys are `{saga id}/{step}` and `{saga id}/{step}/compensation`, never a run id: they survive a workflow reset.
    8. A message only records a fact, with `stop`, `retry` or `settle`; none can wedge or end a saga, nor can any number of
       them: its history stays bounded (see `goes_on`).
    """

    def __init__(
        self,
        saga_id: str,
        *,
        refusals: Collection[str],
        policy: Policy | None = None,
        carried: Any = None,
    ) -> None:
        """Begin a saga with no steps, or go on with it in another run.

        Args:
            saga_id: names the saga's effects for ever, e.g. the workflow id.
            refusals: the types of `ApplicationError` that are a participant's business "no"; every other error is an outage.
            policy: the limits; by default those of `Policy`.
            carried: what the run before told this one, see `goes_on`; None for a saga's first run.
        """
        self._saga_id = saga_id
        self._refusals = frozenset(refusals)
        self._policy = policy or Policy()
        told = Carried.of(carried)
        self._journal = Journal(told)
        self._length = Length()
        self._continue: Callable[[Any], NoReturn] | None = None
        self._before = told.duties
        self._deadline = told.deadline
        self._stopped = told.stopped
        self._closing = told.closing
        self._pauses = 0
        self._began_in = workflow.info().get_current_history_length()
        self._reset_in: int | None = None
        self._was_reset = told.was_reset
        self._settled = told.settled
        self._early: dict[int, list[_EarlySettlement]] = {}
        self._loop = asyncio.get_running_loop()
        workflow.register_random_seed_callback(self._note_reset)
        self._changed: Callable[[Duty], None] = _nobody_watches
        self._cancelled: Callable[[str], None] = _nobody_hears
        self._heard_temporals_cancel = False
        self._rolls_back = False
        self.compensations: list[Duty] = []
        self.finishing: list[Duty] = []
        self.asking: list[Duty] = []
        self._decided = Decided(self._shown_retriables, is_continued=carried is not None)
        self._listening = asyncio.create_task(self._listen_to_temporal())

    def watch(
        self,
        changed: Callable[[Duty], None],
        cancelled: Callable[[str], None] | None = None,
    ) -> None:
        """Tell somebody what becomes of this saga.

        Args:
            changed: called whenever a compensation, or a step after the pivot, has come further or
                is stuck.
            cancelled: called once if the saga takes Temporal's own cancel, with its reason.
        """
        self._changed = changed
        self._cancelled = cancelled or _nobody_hears

    def hear(self, signal: str, ignored: str | None = None) -> int:
        """Note in the workflow's memo that a signal was heard; to be called once for each.

        Args:
            signal: its name.
            ignored: why it changes nothing; None when it is taken.

        Returns:
            Its number among the signals of this run, for `ignore` and `take`.
        """
        number = self._decided.hear(signal)
        if ignored is not None:
            self._decided.ignore(number, ignored)
        return number

    def ignore(self, number: int, why: str) -> None:
        """Note in the memo why a signal that was heard changed nothing."""
        self._decided.ignore(number, why)

    def take(self, number: int) -> None:
        """Note in the memo that a signal which had seemed to change nothing was taken."""
        self._decided.take(number)

    def goes_on(self, by: Callable[[Any], NoReturn]) -> None:
        """Let the saga go on in another run of its workflow, when the history of this one gets long.

        The next run tells the story from its start, with the same steps in the same order, and hears again what
        this one heard: it sends no command again but what is under way. Lasting waits end here for it: a `pause`, a
        rollback, steps after the pivot, and asking how an earlier run ended; and it is looked at between steps. A
        forward step under way is waited for as long as the history has room for that.

        What the workflow itself knows beside the saga, it has to tell the next run as well. Not covered: a flood that
        fills the history while no worker takes the saga up, and what would be too much to tell (`MOST_CARRIED`).

        Args:
            by: given what the next run needs as `carried` (JSON), ends this one by `workflow.continue_as_new`.
        """
        self._continue = by

    def set_deadline(self, deadline: datetime) -> None:
        """Give each step at most the time that is left until `deadline` (UTC): one without an answer by then stops the saga.

        Between steps the clock is not looked at. A step that has ended well ended in time, so if it is late by then, nobody
        was there to go on: what we were away for is nobody's fault but ours. The next step then has the time of one try,
        and so has, once more, a step whose time ran out while nobody was there. The first deadline stays, also in the runs
        that follow this one.

        Args:
            deadline: when.
        """
        if self._deadline is None:
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

    @property
    def was_reset(self) -> bool:
        """Whether it is known that the workflow was reset, so that an earlier run may have gone further than this one has come.

        A reset to the workflow's first task may stay unknown.
        """
        return self._was_reset

    @property
    def stuck(self) -> list[Standing]:
        """What keeps failing and waits for a person, though it is still tried: compensations, and steps after the pivot.

        Also a command that closes the record and was settled, as long as the record does not hear of it.
        """
        return [duty for duty in self._duties if duty.stuck]

    def not_stuck(self, step: str) -> str | None:
        """Return why there is nothing to `retry` at this step, or None when it is stuck."""
        if self._stuck_at(step):
            return None
        if settled := self._settled.get(step):
            return f"{step} is not stuck: {settled.by} settled it already, {settled.reason}"
        for duty in self._duties:
            if duty.step == step and self._closing:
                return f"{step} is not stuck: {duty.name} is {duty.progress}"
        return f"{step} is not stuck: nothing of it is to be taken back or completed"

    def asked_again(self, step: str) -> bool:
        """Tell whether what is stuck at a step is about to be tried anew, so that one more `retry` changes nothing."""
        return all(duty.asked_again for duty in self._stuck_at(step))

    def not_to_settle(self, step: str) -> str | None:
        """Return why `settle` takes nobody's word at this step, or None when it does: when it is stuck, or a reset says it again.

        An answer for people, and for validators: ids of runs do not replay, so nothing that the saga does may rest on it.
        """
        if self._is_being_reset() and not self._is_over(step):
            return None
        return self._settled_before(step) or self.not_stuck(step)

    def _is_being_reset(self) -> bool:
        """Tell whether the task under way is the one in which the workflow goes on after a reset."""
        info = workflow.info()
        task = info.get_current_history_length()
        if self._reset_in is not None:
            return task == self._reset_in
        # Not heard of yet: a run that was reset has not the id it began with. One that began with a plain task hears of it later.
        began_elsewhere = info.run_id != info.original_execution_run_id
        return began_elsewhere and self._began_in in (task, PLAIN_START)

    def retry(self, step: str) -> None:
        """Try what is stuck at `step` now, or after the try that was just begun so; the tries without end go on afterwards."""
        for duty in self._stuck_at(step):
            duty.ask_again()

    def settle(
        self,
        step: str,
        settlement: Settlement,
        *,
        stops: Failure | None = None,
        taken: Callable[[], None] | None = None,
    ) -> str | None:
        """Take a person's word that what is stuck at `step` was put right by hand; see `not_to_settle`.

        Args:
            step: its name.
            settlement: the word.
            stops: why the saga stops, if it is a reset that says this again, and the step has not even been taken: what somebody
                has taken back by hand must not be completed.
            taken: called if the settlement is taken later in this task, when a reset is heard of.

        Returns:
            Why it is not taken, so far; None when it is.
        """
        task = workflow.info().get_current_history_length()
        if self._stuck_at(step) or task == self._reset_in:
            return self._take_word(step, settlement, stops)
        # kept for this task: a reset is heard of after what it says again
        early = _EarlySettlement(step, settlement, stops, taken)
        self._early = {task: [*self._early.get(task, []), early]}
        return self.not_stuck(step)

    def compensate_always(self, step: str, call: Call[Any, Any], *, last: bool = False) -> None:
        """Register the compensation of a step, to run even if the step is refused or never begins; one that is registered stays.

        Args:
            step: the step's name.
            call: what takes it back.
            last: whether it waits until every other compensation is done or settled, to close the books.
        """
        if self._is_registered(step):
            return
        duty = Duty(step, call, self._compensation_key(step), always=True, last=last)
        self.compensations.insert(0 if last else len(self.compensations), self._heard_of(duty))

    async def step(self, call: Call[C, T], *, compensation: Call[Any, Any] | None = None) -> T:
        """Take one forward step to its outcome, with the compensation that will take it back.

        Returns:
            The participant's event.

        Raises:
            SagaStopped: the saga was stopped before the step; or the participant refused, and nothing is to be taken back; or no
                answer came within the limit that can be read, so that the outcome is unknown and is taken back.
        """
        self._look_up(call.name)
        return await self._await(self._take(call, compensation), self._length.is_too_long)

    async def parallel(self, *branches: Branch) -> list[Any]:
        """Take several forward steps side by side, each to its outcome.

        Returns:
            The participants' events, in the order of the branches.

        Raises:
            SagaStopped: as in `step`; when several branches fail, for the first of them.
        """
        self._look_up(*(branch.call.name for branch in branches))
        for branch in branches:
            self._register_step(branch.call, branch.compensation)
        return await self._await(
            _all(self._take(*branch) for branch in branches), self._length.is_too_long
        )

    async def begin(self, call: Call[C, T]) -> T:
        """Take the step that puts the saga on record, whatever was asked meanwhile; otherwise like `step`.

        Only what is on record can tell whether an earlier run, before a workflow reset, has gone further.
        """
        return await self._await(self._take(call, None), self._length.is_too_long)

    async def find_out(self, call: Call[Any, T]) -> T | None:
        """Take the step that puts the saga on record, again, until it is answered: there is no going back without knowing.

        Returns:
            The participant's event; None when a person settled it, who alone knows then.

        Raises:
            SagaStopped: the participant refused.
        """
        asked = self._journal.once(
            f"{AGAIN}{call.name}", lambda _began: self._ask_again(call), call.read
        )
        return await self._await(asked, self._length.is_long)

    async def _ask_again(self, call: Call[Any, T]) -> T | None:
        key = step_key(self._saga_id, call.name)
        duty = self._heard_of(Duty(call.name, call, key, refusals=self._refusals))
        self.asking = [duty]
        try:
            answer: T | None = await duty.fulfil(self._policy, self._follow)
        except ActivityError as error:
            refusal = self._refusal(error)
            assert refusal is not None, "every other error is tried again"
            raise SagaStopped(refused(call.name, refusal)) from error
        finally:
            self.asking = []
        return answer

    async def pause(self, until: Callable[[], bool], limit: timedelta) -> bool:
        """Wait between steps, e.g. for a person; the deadline's clock stands still meanwhile.

        Returns:
            Whether `until` came true within the limit.

        Raises:
            SagaStopped: the saga was stopped, before or meanwhile.
        """
        self._pauses += 1
        paused = self._journal.once(
            f"{PAUSE}{self._pauses}", partial(self._pause, until, limit), _as_bool
        )
        return await self._await(paused, self._length.is_long)

    async def _pause(self, until: Callable[[], bool], limit: timedelta, began: datetime) -> bool:
        self._stop_if_asked()
        left = max(began + limit - workflow.now(), AT_ONCE)
        over = workflow.wait_condition(
            lambda: (
                until() or self._stopped is not None or workflow.cancellation_reason() is not None
            ),
            timeout=left,
        )
        with suppress(TimeoutError):
            await over
        paused = workflow.now() - began
        self._deadline = self._deadline and self._deadline + paused
        self._stop_if_asked()
        return until()

    def pivot(self, *, passed_before: bool = False) -> None:
        """Pass the point of no return: from here the saga only goes on.

        Args:
            passed_before: an earlier run of this saga, before a workflow reset, got past it, so that nothing can stop this one.

        Raises:
            SagaStopped: the saga was stopped before it got here.
        """
        if not passed_before and not self._journal.has(PIVOT):
            self._stop_if_asked()
        self._journal.take_down(PIVOT)
        self._closing = True

    async def finish(self, *calls: Call[Any, Any]) -> list[Any]:
        """Take steps after the pivot, side by side: each is tried until it is done, whatever happens and whoever cancels.

        Returns:
            The participants' events, in the order of the calls; None for one that a person settled.

        Raises:
            RuntimeError: the saga has not passed its pivot.
        """
        if not self._closing:
            raise RuntimeError(
                f"{calls[0].name} comes before the pivot: use step() with its compensation"
            )
        duties = [
            self._heard_of(Duty(call.name, call, step_key(self._saga_id, call.name)))
            for call in calls
        ]
        self.finishing += duties
        return await self._await(_all(map(self._finish, duties)), self._length.is_long)

    async def _finish(self, duty: Duty) -> Any:
        def fulfil(_began: datetime) -> Awaitable[Any]:
            return duty.fulfil(self._policy, self._follow)

        return await self._journal.once(duty.call.name, fulfil, duty.call.read)

    async def roll_back(self, failure: Failure | None = None) -> None:
        """Run every registered compensation in reverse, to the end, whatever happens and whoever cancels.

        Each begins when the one before is over, or is stuck: a participant that is down must not keep the others waiting.

        Args:
            failure: why, for the workflow's memo.
        """
        self._closing = True
        self._rolls_back = True
        self._decided.failure = failure
        self._decided.note()
        await self._await(self._unwind(), self._length.is_long)

    async def close(self) -> None:
        """Wait until no message handler is at work, so that the workflow may return and lose nothing that was said to it."""
        await to_its_end(workflow.wait_condition(workflow.all_handlers_finished))
        self._hear_temporals_cancel()
        self._decided.write()

    async def _unwind(self) -> None:
        begun: list[tuple[Duty, asyncio.Task[Any]]] = []

        def before(duty: Duty) -> bool:
            """Tell whether all that comes before `duty` has come far enough."""
            return all(task.done() or (earlier.stuck and not duty.last) for earlier, task in begun)

        for duty in reversed(self.compensations):
            await workflow.wait_condition(lambda duty=duty: before(duty))  # type: ignore[misc]
            begun.append((duty, asyncio.create_task(duty.fulfil(self._policy, self._follow))))
        await _all(task for _, task in begun)

    async def _take(self, call: Call[C, T], compensation: Call[Any, Any] | None) -> T:
        self._register_step(call, compensation)
        try:
            return await self._journal.once(call.name, partial(self._ask, call), call.read)
        except SagaStopped as stopped:
            if stopped.failure.event is not None:  # refused: there is nothing to take back
                self.compensations = [
                    c for c in self.compensations if c.step != call.name or c.always
                ]
            raise

    async def _ask(self, call: Call[Any, T], began: datetime) -> T:
        try:
            return await self._ask_once(call, began)
        except SagaStopped as stopped:
            if stopped.failure.event is not None or not self._was_away(began):
                raise
        return await self._ask_once(call, workflow.now())

    async def _ask_once(self, call: Call[Any, T], began: datetime) -> T:
        limit, spent = self._policy.forward_step, workflow.now() - began
        if self._deadline is not None:
            left = self._deadline - workflow.now()
            limit = min(limit, left) if left > timedelta() else self._policy.start_to_close
        if spent:  # by the run before
            limit = max(limit - spent, self._policy.start_to_close)
        key = step_key(self._saga_id, call.name)
        asked = call.send(
            key, self._policy.forward_retry, start_to_close=self._policy.start_to_close, limit=limit
        )
        try:
            return call.read(await to_its_end(asked))
        except ActivityError as error:
            if refusal := self._refusal(error):
                raise SagaStopped(refused(call.name, refusal)) from error
            if (
                self._deadline is not None
                and limit < self._policy.forward_step
                and workflow.now() >= self._deadline
            ):
                raise SagaStopped(overdue(self._deadline, call.name)) from error
            raise SagaStopped(unavailable(call, error)) from error
        except UnreadableAnswer as error:
            raise SagaStopped(unavailable(call, error)) from error

    def _was_away(self, began: datetime) -> bool:
        """Tell whether the deadline passed during a step, and nobody was there to hear that, nor to stop the saga."""
        asked_to_stop = self._stopped is not None or workflow.cancellation_reason() is not None
        if self._deadline is None or asked_to_stop:
            return False
        return began < self._deadline <= workflow.now() - LATE

    def _register_step(self, call: Call[Any, Any], compensation: Call[Any, Any] | None) -> None:
        if compensation is not None and not self._is_registered(call.name):
            self.compensations.append(
                self._heard_of(Duty(call.name, compensation, self._compensation_key(call.name)))
            )

    def _note_reset(self, _seed: int) -> None:
        """Take down that the workflow was reset here: that alone gives a run another seed, and it stands in the history."""
        self._was_reset = True
        self._loop.call_soon(
            self._hear_again
        )  # not at once: Temporal calls this outside the workflow's own time

    def _hear_again(self) -> None:
        """Take what came too early in this task: a reset says again what the run before was told, and that is read before it."""
        self._reset_in = workflow.info().get_current_history_length()
        for early in self._early.get(self._reset_in, []):
            refusal = self._take_word(early.step, early.settlement, early.stops)
            if refusal is None and early.taken is not None:
                early.taken()

    def _take_word(self, step: str, settlement: Settlement, stops: Failure | None) -> str | None:
        """Count as settled what there is at a step, or will be; of several words the first, and none once it is done."""
        if self._is_over(step):
            return self._settled_before(step) or self.not_stuck(step)
        self._settled[step] = settlement
        for duty in self._duties:
            if duty.step == step:
                duty.settle(settlement)
        if stops is not None:
            self.stop(stops)
        return None

    def _settled_before(self, step: str) -> str | None:
        """Return who settled what still keeps failing at a step, as a sentence; None if nobody did."""
        if (said := self._settled.get(step)) and self._stuck_at(step):
            return f"{said.by} settled {step} already: what keeps failing is to put that on record"
        return None

    def _is_over(self, step: str) -> bool:
        """Tell whether what was to be done at a step is done, or settled."""
        return step in self._settled or any(
            duty.step == step and duty.progress is Progress.DONE for duty in self._duties
        )

    def _heard_of(self, duty: Duty) -> Duty:
        if before := self._before.pop(duty.key, None):
            duty.go_on_from(before)
        elif said := self._settled.get(duty.step):
            duty.settle(said)
        return duty

    def _follow(self, duty: Duty) -> None:
        """Show how far a duty has come; what history does not show goes into the memo."""
        self._changed(duty)
        if duty.progress in (Progress.STUCK, Progress.SETTLED):
            self._decided.note()

    def _shown_retriables(self) -> Iterable[Standing]:
        """Return what the memo tells of: a whole rollback, or else what is stuck or was settled."""
        if self._rolls_back:
            return reversed(self.compensations)
        return [duty for duty in (*self.asking, *self.finishing) if duty.stuck or duty.settlement]

    async def _listen_to_temporal(self) -> None:
        await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        self._hear_temporals_cancel()

    def _hear_temporals_cancel(self) -> None:
        """Take Temporal's own cancel, if there was one, or note that it was too late; once."""
        reason = workflow.cancellation_reason()
        if reason is None or self._heard_temporals_cancel:
            return
        self._heard_temporals_cancel = True
        if self.stop(cancelled(reason)):
            self._cancelled(reason)
        else:
            self._decided.ignore_temporals_cancel(TOO_LATE)

    @property
    def _duties(self) -> Iterable[Standing]:
        return chain(self.compensations, self.finishing, self.asking, self._before.values())

    def _stuck_at(self, step: str) -> list[Standing]:
        return [duty for duty in self.stuck if duty.step == step]

    def _is_registered(self, step: str) -> bool:
        return any(duty.step == step for duty in self.compensations)

    def _compensation_key(self, step: str) -> str:
        return compensation_key(step_key(self._saga_id, step))

    async def _await(self, work: Awaitable[T], is_long: Callable[[], bool]) -> T:
        """Await `work` to its end, or go on with it in another run once the history of this one is long."""
        doing = asyncio.ensure_future(work)
        while not doing.done():
            come_so_far = workflow.wait_condition(
                lambda: doing.done() or (self._continue is not None and is_long())
            )
            await to_its_end(come_so_far)
            if not doing.done():
                self._go_on()
        return doing.result()

    def _look_up(self, *steps: str) -> None:
        """Look, between steps, whether the saga is to stop, or to go on in another run; not where an earlier one had gone on."""
        if any(map(self._journal.has, steps)):
            return
        if self._continue is not None and self._length.is_long():
            self._go_on()
        self._stop_if_asked()

    def _go_on(self) -> None:
        """Go on in another run, if this one may end here."""
        assert self._continue is not None, "a workflow that did not say how goes on in this run"
        self._hear_temporals_cancel()
        begun = [
            d
            for d in chain(self.compensations, self.finishing, self.asking)
            if d.progress is not Progress.WAITING
        ]
        told = Carried(
            duties=self._before | {duty.key: duty.standing for duty in begun},
            settled=self._settled,
            stopped=self._stopped,
            closing=self._closing,
            was_reset=self._was_reset,
            deadline=self._deadline,
        )
        self._journal.write(told)
        if self._length.may_end(carried := told.to_json()):
            self._decided.write()
            self._continue(carried)

    def _stop_if_asked(self) -> None:
        """Raise when somebody asked the saga to stop, or Temporal cancelled it."""
        self._hear_temporals_cancel()
        if self._stopped is not None:
            raise SagaStopped(self._stopped)

    def _refusal(self, error: ActivityError) -> ApplicationError | None:
        cause = error.cause
        return (
            cause if isinstance(cause, ApplicationError) and cause.type in self._refusals else None
        )


def _as_bool(answer: RawValue) -> bool:
    return bool(workflow.payload_converter().from_payload(answer.payload, bool))


class _EarlySettlement(NamedTuple):
    """A settlement of what is not stuck: only a reset says such a thing, and is heard of later."""

    step: str
    settlement: Settlement
    stops: Failure | None
    taken: Callable[[], None] | None


def _nobody_watches(_duty: Duty) -> None:
    """Do nothing."""


def _nobody_hears(_reason: str) -> None:
    """Do nothing."""


async def _all(works: Iterable[Awaitable[Any]]) -> list[Any]:
    """Await all to their ends, side by side; return their outcomes in order.

    Raises:
        BaseException: the first in order that failed, once all have ended.
    """
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes
