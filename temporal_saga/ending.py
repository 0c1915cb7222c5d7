"""How a saga ends: forward past its pivot, or back through its compensations."""

from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from temporal_saga.call import Call, all_ended, shielded
from temporal_saga.call_state import Progress
from temporal_saga.carry_over import CarryOver, Part, Start
from temporal_saga.continued import Continuation, Journal
from temporal_saga.display import Display
from temporal_saga.failure import Failure, SagaStopped, by_hand, misnamed_step, refused_step
from temporal_saga.forward import refusal_in
from temporal_saga.local_activities import LocalCalls
from temporal_saga.plan import Plan
from temporal_saga.policy import ALREADY_COMPENSATED, Policy
from temporal_saga.retriable import RetriableCall
from temporal_saga.retriables import Retriables, Snapshot
from temporal_saga.state import State
from temporal_saga.steering import Steering
from temporal_saga.step_names import MisnamedStep, StepNames

T = TypeVar("T")

PAUSE = "pause "
AGAIN = "again "
"""What stands in the journal before the number of a pause, or of a step that is sent again."""

PIVOT = "the pivot"
"""What stands in the journal once the saga has passed it."""

IN_DOUBT = "in doubt: "
"""What stands in the journal before the name of the opening step, when it is sent again."""


class Ending(Steering):
    """The part of a `Saga` that must eventually succeed, whatever happens and whoever cancels."""

    def __init__(
        self, saga_id: str, refusals: Collection[str | type], policy: Policy, start: Start
    ) -> None:
        """Begin with nothing to be done, or with what the run before knew."""
        before = start.carry_over
        retriables = Retriables(
            saga_id, policy, began_before=before.retriables, settlements=before.settlements
        )
        super().__init__(retriables, before, is_continued=start.is_continued)
        names = (kind if isinstance(kind, str) else kind.__name__ for kind in refusals)
        self._refusals = frozenset(names) | {ALREADY_COMPENSATED}
        self._local_calls = LocalCalls()
        self._step_names = StepNames()
        self._journal = Journal(before)
        self._continuation = Continuation(start, self._journal, self._carry_over)
        self.plan = Plan()
        """The steps that it has named so far."""
        self.display = Display()
        """What it shows of itself, where its workflow tells no story of its own."""
        self._on_change: Callable[[Snapshot], None] = self.display.follow
        retriables.watch = self._show
        self._stuck_steps: set[str] = set()

    @property
    def is_past_pivot(self) -> bool:
        """Whether the saga has passed its pivot, in this run or in one that it goes on from."""
        return self._journal.has(PIVOT)

    def watch(
        self,
        on_change: Callable[[Snapshot], None],
        on_cancel: Callable[[str], None] | None = None,
    ) -> None:
        """Call somebody back with what becomes of this saga.

        Args:
            on_change: called at once, and whenever a retriable call has come further, is stuck or
                was settled.
            on_cancel: called once if the saga takes Temporal's own cancel, with its reason.
        """
        self._on_change = on_change
        on_change(self._retriables.snapshot())
        if on_cancel is not None:
            self._on_cancel = on_cancel

    def keep(self, **parts: Part) -> None:
        """Keep what the workflow knows beside the saga, when it goes on in another run.

        Args:
            parts: by name; each goes on at once from where the run before had come.
        """
        for name, part in parts.items():
            self._continuation.keep(name, part)

    def compensate_always(self, step: str, call: Call[Any, Any], *, last: bool = False) -> None:
        """Register the compensation of a step; one that is registered stays.

        Args:
            step: the step's name. It may be refused, or never begin: it is compensated.
            call: what takes it back.
            last: whether it waits until every other compensation is done or settled, to close the
                saga's record.

        Raises:
            SagaStopped: the one that is registered is another command, which stays.
        """
        with self._stopped_if_misnamed():
            self._retriables.compensate(step, call, always=True, last=last)

    async def finish(self, *calls: Call[Any, Any]) -> list[Any]:
        """Take steps after the pivot, side by side: each is tried until it is done.

        Returns:
            The participants' events, in the order of the calls; None for one that was settled.

        Raises:
            RuntimeError: the saga has not passed its pivot.
            MisnamedStep: a call has the name of another step. Nothing can be taken back any more,
                and the step cannot be left out: it leaves the run open, as every defect does, until
                a corrected worker takes it up.
        """
        if not self._closing:
            raise RuntimeError(
                f"{calls[0].step_name} comes before the pivot: use step() with its compensation"
            )
        self._take_names(*calls)
        for call in calls:
            self.plan.add(call, after_pivot=True)
        finishing = [self._retriables.finish(call) for call in calls]
        return await self._continuation.wait(all_ended(map(self._finish, finishing)))

    async def roll_back(self, failure: Failure) -> None:
        """Run every registered compensation in reverse, to the end, whoever cancels.

        Each begins when the one before is over, or is stuck: a participant that is down must not
        keep the others waiting.

        Args:
            failure: why, for the workflow's memo; where the saga did `fail` before, that stands.
        """
        self.fail(failure)
        self._memo.note()
        await self._continuation.wait(self._retriables.unwind())

    def status(self) -> dict[str, Any]:
        """Return how it stands, as JSON: what the query `status` and the updates answer."""
        state = self.display.state
        return {
            "state": State.COMPLETED if self.is_past_pivot and state == State.PENDING else state,
            "needs_attention": bool(self.stuck_calls),
            "failure": self._failure and asdict(self._failure),
            "steps": [asdict(step) for step in self.plan.steps],
            "stuck": [call.step for call in self.stuck_calls],
        }

    def stop_if_taken_back(self, step: str) -> None:
        """Stop where a person has taken a step back by hand before it is taken, as a reset lets be.

        Raises:
            SagaStopped: somebody has.
        """
        if settlement := self._retriables.settlement_at(step):
            self.stop(Failure("CANCELLED", by_hand(settlement.by, step, settlement.reason)))
            self._stop_if_asked()

    async def resolve(self, call: Call[Any, T]) -> T | None:
        """Resolve what is in doubt: send the opening step again until it is answered.

        Returns:
            The participant's event; None when a person settled it, who alone knows then.

        Raises:
            SagaStopped: the participant refused.
        """
        answer = self._journal.once(
            f"{IN_DOUBT}{call.step_name}", lambda _began: self._ask(call), call.read
        )
        return await self._continuation.wait(answer)

    async def close(self) -> None:
        """Wait until no message handler is at work, so that the workflow may return."""
        await shielded(workflow.wait_condition(workflow.all_handlers_finished))
        self._note_temporals_cancel()
        self._memo.write()

    def _take_names(self, *calls: Call[Any, Any]) -> None:
        """Take the names of these steps, each once in a run; for errors see below."""
        with self._stopped_if_misnamed():
            self._step_names.take(*calls)

    @contextmanager
    def _stopped_if_misnamed(self) -> Iterator[None]:
        """Let the saga go no further where its code misnames a step.

        Raises:
            SagaStopped: it does; what was done before is taken back.
            MisnamedStep: likewise, where nothing can be taken back any more.
        """
        try:
            yield
        except MisnamedStep as error:
            workflow.logger.error("%s", error)
            if self.is_past_pivot:
                raise
            raise SagaStopped(misnamed_step(error)) from error

    async def _ask(self, call: Call[Any, T]) -> T | None:
        try:
            answer: T | None = await self._retriables.ask(call, self._refusals)
        except ActivityError as error:
            refusal = refusal_in(error, self._refusals)
            assert refusal is not None, "every other error is tried again"
            raise SagaStopped(refused_step(call.step_name, refusal)) from error
        return answer

    async def _finish(self, finishing: RetriableCall) -> Any:
        def complete(_began: datetime) -> Awaitable[Any]:
            locally_first = self._local_calls.tries(finishing.call)
            return self._retriables.complete(finishing, locally_first=locally_first)

        return await self._journal.once(finishing.step, complete, finishing.call.read)

    def _show(self, snapshot: Snapshot) -> None:
        """Show how far everything has come; what history does not show goes into the memo.

        That something is stuck no more is written as long as something else is.
        """
        self._on_change(snapshot)
        call = snapshot.changed_call
        is_news = call is not None and call.progress in (Progress.STUCK, Progress.SETTLED)
        stuck_steps = {stuck_call.step for stuck_call in snapshot.stuck_calls}
        if is_news or (stuck_steps and self._stuck_steps - stuck_steps):
            self._memo.note()
        self._stuck_steps = stuck_steps

    def _carry_over(self) -> CarryOver:
        """Return what the next run is given of this one."""
        self._note_temporals_cancel()
        self._memo.write()
        return CarryOver(
            retriables=self._retriables.carry_over(),
            settlements=self._retriables.settlements,
            stop_failure=self._stop_failure,
            failure=self._failure,
            closing=self._closing,
            was_reset=self.was_reset,
        )
