"""What must eventually succeed in one saga, and what people say of it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from temporalio import workflow

from temporal_saga.call import Call
from temporal_saga.call_state import CallState, Progress, Settlement
from temporal_saga.keys import compensation_key, step_key
from temporal_saga.policy import Policy
from temporal_saga.retriable import RetriableCall
from temporal_saga.step_names import MisnamedStep


@dataclass(frozen=True)
class Snapshot:
    """How a saga's retriable calls stand at one moment.

    Args:
        rolls_back: whether the saga rolls back, and has come so far in this run.
        calls: in a rollback every compensation, in the order in which they run; without one, the
            steps after the pivot, and the question how an earlier run ended.
        changed_call: the call that has just come further, or got stuck; None when it was settled or
            the rollback was begun.
    """

    rolls_back: bool = False
    calls: tuple[CallState, ...] = ()
    changed_call: CallState | None = None

    @property
    def stuck_calls(self) -> list[CallState]:
        """What keeps failing and waits for a person."""
        return [call for call in self.calls if call.is_stuck]

    @property
    def shown_calls(self) -> tuple[CallState, ...]:
        """The whole of a rollback, or else what is stuck or was settled."""
        if self.rolls_back:
            return self.calls
        return tuple(call for call in self.calls if call.is_stuck or call.settlement)


class Retriables:
    """The compensations of one saga, its steps after the pivot, and in-doubt resolution."""

    def __init__(
        self,
        saga_id: str,
        policy: Policy,
        *,
        began_before: dict[str, CallState],
        settlements: dict[str, Settlement],
    ) -> None:
        """Begin with nothing registered.

        Args:
            saga_id: the root of the idempotency keys.
            policy: bounds and spaces the tries.
            began_before: by key, what had begun in the run before this one.
            settlements: by step, who settled it there.
        """
        self._saga_id = saga_id
        self._policy = policy
        self._began_before = began_before
        self._finishing: list[RetriableCall] = []
        self._asking: list[RetriableCall] = []
        self.watch: Callable[[Snapshot], None] = _nobody_watches
        self.compensations: list[RetriableCall] = []
        self.settlements = settlements
        self.rolls_back = False

    def compensate(
        self, step: str, call: Call[Any, Any], *, always: bool = False, last: bool = False
    ) -> None:
        """Register a step's compensation; one that is registered stays.

        Raises:
            MisnamedStep: that one is another command.
        """
        for earlier in self.compensations:
            if earlier.step == step:
                check_same_command(step, earlier.call, call)
                return
        key = compensation_key(step_key(self._saga_id, step))
        compensation = RetriableCall(step, call, key, always=always, last=last)
        place = 0 if last else len(self.compensations)
        self.compensations.insert(place, self._go_on(compensation))

    def forget(self, step: str) -> None:
        """Forget the compensation of a step that was refused, unless it is to run always."""
        self.compensations = [c for c in self.compensations if c.step != step or c.always]

    def finish(self, call: Call[Any, Any]) -> RetriableCall:
        """Register a step after the pivot."""
        step = call.step_name
        finishing = self._go_on(RetriableCall(step, call, step_key(self._saga_id, step)))
        self._finishing.append(finishing)
        return finishing

    async def ask(self, call: Call[Any, Any], refusals: Collection[str]) -> Any:
        """Send a step's command again until it is answered; return the answer, None if settled.

        Raises:
            ActivityError: the answer is one of the refusals.
        """
        step = call.step_name
        key = step_key(self._saga_id, step)
        asking = self._go_on(RetriableCall(step, call, key, refusals=refusals))
        self._asking = [asking]
        try:
            return await self.complete(asking)
        finally:
            self._asking = []

    async def complete(self, call: RetriableCall, *, locally_first: bool = False) -> Any:
        """Try one until it is answered; return the answer, None if it was settled."""
        return await call.complete(self._policy, self._on_change, locally_first=locally_first)

    async def unwind(self) -> None:
        """Run every compensation in reverse; each begins when those before it are over or stuck."""
        self.rolls_back = True
        self._notify()
        tasks: list[tuple[RetriableCall, asyncio.Task[Any]]] = []

        def may_begin(call: RetriableCall) -> bool:
            return all(
                task.done() or (earlier.state.is_stuck and not call.last) for earlier, task in tasks
            )

        for call in reversed(self.compensations):
            await workflow.wait_condition(lambda call=call: may_begin(call))  # type: ignore[misc]
            tasks.append((call, asyncio.create_task(self.complete(call))))
        await all_ended(task for _, task in tasks)

    @property
    def stuck_calls(self) -> list[CallState]:
        """What keeps failing and waits for a person, though it is still tried.

        Also a command that closes the record and was settled, as long as the record does not have
        the settlement.
        """
        return [state for state in self._states if state.is_stuck]

    def stuck_at(self, step: str) -> list[CallState]:
        """Return what is stuck at one step."""
        return [state for state in self.stuck_calls if state.step == step]

    def is_over(self, step: str) -> bool:
        """Tell whether what was to be done at a step is done, or settled."""
        return self.settlement_at(step) is not None or any(
            state.step == step and state.progress is Progress.DONE for state in self._states
        )

    def settlement_at(self, step: str) -> Settlement | None:
        """Return who settled a step; None if nobody did. Whatever comes as a step may be asked."""
        return next(
            (settlement for name, settlement in self.settlements.items() if name == step), None
        )

    def state_at(self, step: str) -> CallState | None:
        """Return how far the first call of a step has come; None when there is none."""
        return next((state for state in self._states if state.step == step), None)

    def retry(self, step: str) -> None:
        """Begin another round of what is stuck at a step."""
        self._replace(
            lambda state: state.with_retry() if state.is_stuck and state.step == step else state
        )

    def settle(self, step: str, settlement: Settlement) -> None:
        """Count as settled what there is at a step, or will be."""
        self.settlements[str(step)] = settlement  # whatever a message names as a step
        self._replace(
            lambda state: state.with_settlement(settlement) if state.step == step else state
        )
        self._notify()

    def carry_over(self) -> dict[str, CallState]:
        """Return by key what has begun, for the saga's next run."""
        states = {
            call.key: call.state for call in self._all if call.progress is not Progress.WAITING
        }
        return self._began_before | states

    def snapshot(self, changed_call: CallState | None = None) -> Snapshot:
        """Return how everything stands now."""
        if self.rolls_back:
            states = tuple(call.state for call in reversed(self.compensations))
            return Snapshot(self.rolls_back, states, changed_call)
        # Compensations have begun, too, while another run's rollback is not come to again.
        compensations = [
            call for call in self.compensations if call.progress is not Progress.WAITING
        ]
        live = (call.state for call in (*self._asking, *self._finishing, *compensations))
        return Snapshot(self.rolls_back, (*live, *self._began_before.values()), changed_call)

    @property
    def _all(self) -> Iterable[RetriableCall]:
        return chain(self.compensations, self._finishing, self._asking)

    @property
    def _states(self) -> Iterable[CallState]:
        return chain((call.state for call in self._all), self._began_before.values())

    def _replace(self, change: Callable[[CallState], CallState]) -> None:
        for call in self._all:
            call.state = change(call.state)
        self._began_before = {key: change(state) for key, state in self._began_before.items()}

    def _go_on(self, call: RetriableCall) -> RetriableCall:
        """Go on from where the run before had come, or from a settlement of that step."""
        if before := self._began_before.pop(call.key, None):
            call.state = before
        elif settlement := self.settlements.get(call.step):
            call.state = call.state.with_settlement(settlement)
        return call

    def _on_change(self, call: RetriableCall) -> None:
        self._notify(call.state)

    def _notify(self, changed_call: CallState | None = None) -> None:
        self.watch(self.snapshot(changed_call))


def check_same_command(step: str, one: Call[Any, Any], other: Call[Any, Any]) -> None:
    """See that a step is taken back by one command, however often that is registered.

    Raises:
        MisnamedStep: they are two.
    """
    if (one.participant, one.name) != (other.participant, other.name):
        raise MisnamedStep(
            f"{step} is taken back by {one.name}, so not by {other.name} as well: these are two "
            "steps, each with a name of its own"
        )


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


def _nobody_watches(_snapshot: Snapshot) -> None:
    """Do nothing."""
