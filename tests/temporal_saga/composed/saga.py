"""A saga that does what a plan says."""

from typing import Any

from temporalio import workflow

from temporal_saga import policy
from temporal_saga.branch import Branch
from temporal_saga.call_state import CallState, Settlement
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.retriables import Snapshot
from temporal_saga.saga import Saga
from tests.temporal_saga.composed.plan import (
    CALLS,
    CLOSING,
    TWINS,
    Plan,
    Step,
    call_of,
    compensation_of,
    name_in_plan,
    put,
    take,
)


@workflow.defn
class Composed:
    """Takes a plan's steps, and finishes or rolls back.

    Tells which, why, and how far everything came.
    """

    def __init__(self) -> None:
        """Begin with nothing done."""
        self._saga = Saga(workflow.info().workflow_id, refusals=["No"], policy=policy.current())
        self._saga.watch(self._note)
        self._moves: list[tuple[str, str]] = []
        self._finishing: tuple[tuple[str, str], ...] = ()
        self._compensations: tuple[tuple[str, str], ...] = ()

    @workflow.run
    async def run(self, plan: Plan) -> dict[str, Any]:
        """Tell what became of the plan."""
        saga = self._saga
        failure: Failure | None = None
        if plan.closing is not None:
            saga.compensate_always(put(CLOSING), CALLS[take(CLOSING)], last=True)
        try:
            for group in plan.groups:
                if len(group) == 1:
                    branch = _branch(group[0])
                    await saga.step(branch.call, compensation=branch.compensation)
                else:
                    await saga.parallel(*map(_branch, group))
            saga.pivot()
            for finish in plan.finish:
                await saga.finish(*map(call_of, finish))
        except SagaStopped as stop:
            failure = stop.failure
            await saga.roll_back(failure)
        await saga.close()
        return {
            "reason": failure and failure.reason,
            "step": failure and failure.step,
            "compensations": self._compensations,
            "finishing": self._finishing,
            "moves": self._moves,
        }

    def _note(self, snapshot: Snapshot) -> None:
        calls = tuple((_name(call), call.progress) for call in snapshot.calls)
        if snapshot.rolls_back:
            self._compensations = calls
        else:
            self._finishing = calls
        if snapshot.changed_call is not None:
            self._moves.append((_name(snapshot.changed_call), snapshot.changed_call.progress))

    @workflow.signal
    def stop(self) -> None:
        """Stop the saga."""
        self._saga.stop(Failure("CANCELLED", "asked to stop"))

    @workflow.update
    async def until_stuck(self, step: str) -> None:
        """Return when a step is stuck."""
        await workflow.wait_condition(lambda: self._saga.retry_rejection(step) is None)

    @workflow.signal
    def retry(self, step: str) -> None:
        """Try what is stuck now."""
        self._saga.retry(step)

    @workflow.signal
    def settle(self, step: str) -> None:
        """Take a person's word for what is stuck."""
        self._saga.settle(step, Settlement("otto", "by hand", "ticket 12", workflow.now()))


def _branch(step: Step) -> Branch:
    return Branch(call_of(step), compensation_of(step))


def _name(call: CallState) -> str:
    """Return the name that the plan has for a command."""
    return name_in_plan(call.name, call.step if call.name in TWINS else None)
