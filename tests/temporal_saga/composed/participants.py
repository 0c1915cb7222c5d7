"""The participants of one composed saga: real ledgers, and what the plan says goes wrong there."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from temporalio.exceptions import ApplicationError

from temporal_saga.database import DATABASE_AWAY
from temporal_saga.fence import AlreadyCompensated
from temporal_saga.keys import COMPENSATION, step_key
from temporal_saga.testing import Script
from temporal_saga.testing.participants import Sent
from tests.temporal_saga.composed.cancels import Cancels
from tests.temporal_saga.composed.ledger import Ledger
from tests.temporal_saga.composed.messages import Command, Done, No, done_or_raise, name_of
from tests.temporal_saga.composed.plan import STUCK, Plan, number, put, take
from tests.temporal_saga.composed.recorded import name_sent

T = TypeVar("T")

PATIENCE_SECONDS = 60
AWAY = "the participant is away"


class PlannedParticipants:
    """Takes every command of one saga until the last has landed.

    It remembers what the saga cannot know.
    """

    def __init__(self, plan: Plan, script: Script, threads: Executor, folder: Path) -> None:
        """Serve from ledgers in `folder`, each a database of its own, as participants have."""
        self._plan = plan
        self._script = script
        self._threads = threads
        self._well: set[str] = set()
        self._over = asyncio.Event()
        numbers = {number(name) for name in plan.names}
        self._coming = {n: threading.Event() for n in numbers}
        self._reversals = {n: asyncio.Event() for n in numbers}
        self._folder = folder
        self._ledgers: dict[int, asyncio.Future[Ledger]] = {}
        self.saga_id = script.saga_id
        self.cancels = Cancels(plan, script)
        self.tries: Counter[str] = Counter()
        """How often each command came."""
        self.turned_away: Counter[str] = Counter()
        """How often the fence turned a command away, because it came too late."""

    @property
    def ledgers(self) -> dict[int, Ledger]:
        """The participants that were asked for anything, by the numbers of their steps."""
        return {of: ledger.result() for of, ledger in self._ledgers.items()}

    async def run(self) -> dict[str, Any]:
        """Run the saga from its start until its last command has landed; return its result.

        Raises:
            AssertionError: it did not end, or a workflow task had failed, or its history does not
                replay.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tries:
                await self._start()
                while isinstance(came := await self._script.next(), Sent):
                    tries.create_task(self._serve(came, tries))
                self._script.put_back(came)
                result: dict[str, Any] = await self._script.completed()
                self._let_all_land()
        except TimeoutError:
            wait = f"{self.saga_id} did not end within {PATIENCE_SECONDS} s"
            raise AssertionError(f"{wait}; what came: {self.tries}") from None
        return result

    def _let_all_land(self) -> None:
        self._over.set()
        for reversal in self._reversals.values():
            reversal.set()
        for coming in self._coming.values():
            coming.set()

    async def _start(self) -> None:
        early = self.cancels.due("start", together=False)
        async with self._script.orchestrator_away() if early else nullcontext():
            await self._script.start(self._plan)
            await self.cancels.send(*early)

    async def _serve(self, attempt: Sent, tries: asyncio.TaskGroup) -> None:
        """Take one try of one command, and answer it as planned or at the saga's end."""
        name = self._name(attempt.command)
        forward = name.startswith("Put")
        is_twin = number(name) in self._plan.twins
        assert name_of(type(attempt.command)) == (name.rstrip("0123456789") if is_twin else name)
        self.tries[name] += 1
        first = self.tries[name] == 1
        if not forward:
            self._coming[number(name)].set()
        await self.cancels.send(*self.cancels.due(name, together=False))
        if first and self._plan.lasting.get(name) in STUCK:
            tries.create_task(self._mend(name))
        take = self._take_forward if name in self._plan.steps else self._take_lasting
        try:
            await take(attempt, name, first=first)
        except DATABASE_AWAY as away:  # e.g. another try of the command holds it: an outage
            _reply(attempt, away)
        if not attempt.answer.done():
            await self._over.wait()
            _reply(attempt, ApplicationError("too late", non_retryable=True))

    async def _take_forward(self, attempt: Sent, name: str, *, first: bool) -> None:
        """Do as planned with a step before the pivot; leave it unanswered when it is to be."""
        match self._plan.steps[name].forward:
            case "refused":
                await self._answer(attempt, name, await self._put(attempt.command, refuse=True))
            case "done, never answered":
                await self._put(attempt.command)
            case "never done":
                pass
            case "done while compensated":
                coming = self._coming[number(name)]
                await self._put(
                    attempt.command, before_commit=lambda: coming.wait(PATIENCE_SECONDS)
                )
            case "comes after its compensation":
                await self._reversals[number(name)].wait()
                await self._put(attempt.command)
            case "comes after the end":
                await self._over.wait()
                await self._put(attempt.command)
            case harmless:
                await self._take_harmless(attempt, name, harmless, first=first)

    async def _take_lasting(self, attempt: Sent, name: str, *, first: bool) -> None:
        """Do as planned with what must succeed in the end."""
        fares = self._plan.lasting[name]
        if fares not in STUCK or name in self._well:
            await self._take_harmless(attempt, name, fares, first=first)
        elif fares == "stuck, then settled":
            await self._answer(attempt, name, No(reason="CLOSED_FOR_GOOD"))
        else:
            _reply(attempt, RuntimeError(AWAY))

    async def _take_harmless(self, attempt: Sent, name: str, fares: str, *, first: bool) -> None:
        if first and fares == "done, after an outage":
            _reply(attempt, RuntimeError(AWAY))
            return
        do = self._put if name.startswith("Put") else self._take_back
        answer = await do(attempt.command)
        if first and fares == "done, the answer lost once":
            _reply(attempt, RuntimeError(AWAY))
        else:
            await self._answer(attempt, name, answer)

    async def _mend(self, name: str) -> None:
        """Do what a person does about what is stuck, once it is."""
        step = put(number(name))
        handle = self._script.handle
        await handle.execute_update("until_stuck", step)
        fares = self._plan.lasting[name]
        if fares == "stuck, then settled":
            await handle.signal("settle", step)
            return
        self._well.add(name)
        if fares == "stuck, then retried":
            await handle.signal("retry", step)

    async def _answer(self, attempt: Sent, name: str, answer: Done | No | None) -> None:
        """Answer a command; together with a cancel, if that is planned.

        The saga then hears of both at once.
        """
        if answer is None:
            return
        try:
            yes_event = done_or_raise(answer)
        except ApplicationError as refusal:
            _reply(attempt, refusal)
            return
        cancels = self.cancels.due(name, together=True)
        if not cancels:
            _reply(attempt, yes_event)
            return
        async with self.cancels.alone, self._script.orchestrator_away():
            _reply(attempt, yes_event)
            await self._until_recorded(name)
            await self.cancels.send(*cancels)

    async def _until_recorded(self, name: str) -> None:
        """Wait until the server has written down how a command ended."""
        event_ids = set()
        async for event in self._script.handle.fetch_history_events(wait_new_event=True):
            command_event = event.activity_task_scheduled_event_attributes
            if command_event.activity_id and name_sent(command_event) == name:
                event_ids.add(event.event_id)
            for attributes in (
                event.activity_task_completed_event_attributes,
                event.activity_task_timed_out_event_attributes,
            ):
                if attributes.scheduled_event_id in event_ids:
                    return

    async def _put(self, command: Command, **how: Any) -> Done | No | None:
        """Let the ledger put a row; None when its fence turned the command away."""
        name = self._name(command)
        ledger = await self._ledger(number(name))
        try:
            return await self._in_thread(partial(ledger.put, command, **how))
        except AlreadyCompensated:
            self.turned_away[name] += 1
            return None

    async def _take_back(self, command: Command) -> Done:
        of = number(self._name(command))
        ledger = await self._ledger(of)
        answer = await self._in_thread(partial(ledger.take, command))
        self._reversals[of].set()
        return answer

    def _name(self, command: Command) -> str:
        """Return the name that the plan has for a command, by its key."""
        step = command.idempotency_key.removeprefix(step_key(self.saga_id, ""))
        return take(number(step.removesuffix(COMPENSATION))) if COMPENSATION in step else step

    def _ledger(self, of: int) -> "asyncio.Future[Ledger]":
        if of not in self._ledgers:
            path = self._folder / f"{self.saga_id}-{of}.db"
            self._ledgers[of] = self._in_thread(partial(Ledger, path))
        return self._ledgers[of]

    def _in_thread(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


def _reply(attempt: Sent, answer: Done | Exception) -> None:
    """Answer one try of a command, unless the server has given it up."""
    if attempt.answer.done():
        return
    if isinstance(answer, Exception):
        attempt.answer.set_exception(answer)
    else:
        attempt.answer.set_result(answer)
