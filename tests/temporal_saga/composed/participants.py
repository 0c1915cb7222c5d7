"""The participants' side of one composed saga: real ledgers, and at their door what the plan says goes wrong."""

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
from temporal_saga.keys import compensation_key, step_key
from temporal_saga.testing import Script, Sent
from tests.temporal_saga.composed.ledger import Ledger
from tests.temporal_saga.composed.messages import Command, Done, No, accepted, name_of
from tests.temporal_saga.composed.plan import STUCK, Cancel, Plan, number, put

T = TypeVar("T")

PATIENCE_SECONDS = 60
AWAY = "the participant is away"


class Door:
    """Takes every command of one saga until the last has landed, and remembers what the saga cannot know."""

    def __init__(
        self,
        plan: Plan,
        script: Script,
        threads: Executor,
        folder: Path,
    ) -> None:
        """Stand before the ledgers in `folder`, each in its own file as each participant has its own database."""
        self._plan = plan
        self._script = script
        self._threads = threads
        self._well: set[str] = set()
        self._over = asyncio.Event()
        self._cancels_to_come = list(plan.cancels)
        self._cancelling = asyncio.Lock()
        numbers = {number(name) for name in plan.names}
        self._coming = {n: threading.Event() for n in numbers}
        self._taken = {n: asyncio.Event() for n in numbers}
        self._folder = folder
        self._opened: dict[int, asyncio.Future[Ledger]] = {}
        self.saga_id = script.saga_id
        self.cancelled_at: set[str] = set()
        """The commands at which a cancel was accepted before the saga heard of their end."""
        self.tries: Counter[str] = Counter()
        """How often each command came."""
        self.turned_away: Counter[str] = Counter()
        """How often the fence told a command that it came too late."""

    @property
    def ledgers(self) -> dict[int, Ledger]:
        """The participants that were asked for anything, by the numbers of their steps."""
        return {of: opened.result() for of, opened in self._opened.items()}

    async def play(self) -> dict[str, Any]:
        """Tell the saga from its start until the last of its commands has landed; return what became of it.

        Raises:
            AssertionError: it did not end, or a workflow task had failed, or its history does not replay.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tries:
                await self._start()
                while isinstance(came := await self._script.next(), Sent):
                    tries.create_task(self._serve(came, tries))
                self._script.put_back(came)
                told: dict[str, Any] = await self._script.completed()
                self._let_all_land()
        except TimeoutError:
            raise AssertionError(
                f"{self.saga_id} did not end within {PATIENCE_SECONDS} s; what came: {self.tries}"
            ) from None
        return told

    def _let_all_land(self) -> None:
        self._over.set()
        for taken in self._taken.values():
            taken.set()
        for coming in self._coming.values():
            coming.set()

    async def _start(self) -> None:
        early = self._cancels("start", together=False)
        async with self._script.orchestrator_away() if early else nullcontext():
            await self._script.start(self._plan)
            for cancel in early:
                await self._cancel(cancel)

    async def _serve(self, sent: Sent, tries: asyncio.TaskGroup) -> None:
        """Take one try of one command, and answer it in some way at some time, the last possible one being the saga's end."""
        name = name_of(type(sent.command))
        step = step_key(self._script.saga_id, put(number(name)))
        assert sent.command.idempotency_key == (
            step if name.startswith("Put") else compensation_key(step)
        )
        self.tries[name] += 1
        first = self.tries[name] == 1
        if name.startswith("Take"):
            self._coming[number(name)].set()
        for cancel in self._cancels(name, together=False):
            await self._cancel(cancel)
        if first and self._plan.lasting.get(name) in STUCK:
            tries.create_task(self._mend(name))
        fare = self._forward if name in self._plan.steps else self._lasting
        try:
            await fare(sent, name, first=first)
        except (
            DATABASE_AWAY
        ) as away:  # e.g. another try of the same command holds it: an outage like any other
            _reply(sent, away)
        if not sent.answer.done():
            await self._over.wait()
            _reply(sent, ApplicationError("too late", non_retryable=True))

    async def _forward(self, sent: Sent, name: str, *, first: bool) -> None:
        """Fare as the plan says with a step before the pivot; leave it unanswered when it is to be."""
        match self._plan.steps[name].forward:
            case "refused":
                await self._answer(sent, name, await self._put(sent.command, refuse=True))
            case "done, never answered":
                await self._put(sent.command)
            case "never done":
                pass
            case "done while compensated":
                coming = self._coming[number(name)]
                await self._put(sent.command, before_commit=lambda: coming.wait(PATIENCE_SECONDS))
            case "comes after its compensation":
                await self._taken[number(name)].wait()
                await self._put(sent.command)
            case "comes after the end":
                await self._over.wait()
                await self._put(sent.command)
            case harmless:
                await self._harmless(sent, name, harmless, first=first)

    async def _lasting(self, sent: Sent, name: str, *, first: bool) -> None:
        """Fare as the plan says with what must happen."""
        fares = self._plan.lasting[name]
        if fares not in STUCK or name in self._well:
            await self._harmless(sent, name, fares, first=first)
        elif fares == "stuck, then settled":
            await self._answer(sent, name, No(reason="CLOSED_FOR_GOOD"))
        else:
            _reply(sent, RuntimeError(AWAY))

    async def _harmless(self, sent: Sent, name: str, fares: str, *, first: bool) -> None:
        if first and fares == "done, after an outage":
            _reply(sent, RuntimeError(AWAY))
            return
        done = await (
            self._put(sent.command) if name.startswith("Put") else self._take(sent.command)
        )
        if first and fares == "done, the answer lost once":
            _reply(sent, RuntimeError(AWAY))
        else:
            await self._answer(sent, name, done)

    async def _mend(self, name: str) -> None:
        """Do what a person does about what is stuck, once it is."""
        step, handle = put(number(name)), self._script.handle
        await handle.execute_update("until_stuck", step)
        fares = self._plan.lasting[name]
        if fares == "stuck, then settled":
            await handle.signal("settle", step)
            return
        self._well.add(name)
        if fares == "stuck, then retried":
            await handle.signal("retry", step)

    async def _answer(self, sent: Sent, name: str, answer: Done | No | None) -> None:
        """Answer a command; together with a cancel, if that is planned, so that the saga hears of both at once."""
        if answer is None:
            return
        try:
            done = accepted(answer)
        except ApplicationError as refusal:
            _reply(sent, refusal)
            return
        cancels = self._cancels(name, together=True)
        if not cancels:
            _reply(sent, done)
            return
        async with self._cancelling, self._script.orchestrator_away():
            _reply(sent, done)
            await self._recorded(name)
            for cancel in cancels:
                await self._cancel(cancel)

    def _cancels(self, at: str, *, together: bool) -> list[Cancel]:
        """Return the cancels that are due, each once: whatever the server loses on its way is not cancelled again."""
        due = [
            cancel
            for cancel in self._cancels_to_come
            if (cancel.at, cancel.together) == (at, together)
        ]
        self._cancels_to_come = [cancel for cancel in self._cancels_to_come if cancel not in due]
        return due

    async def _cancel(self, cancel: Cancel) -> None:
        handle = self._script.handle
        for _ in range(cancel.times):
            await (handle.signal("stop") if cancel.way == "signal" else handle.cancel())
        self.cancelled_at.add(cancel.at)

    async def _recorded(self, name: str) -> None:
        """Wait until the server has written down how a command ended."""
        scheduled = set()
        async for event in self._script.handle.fetch_history_events(wait_new_event=True):
            if event.activity_task_scheduled_event_attributes.activity_type.name == name:
                scheduled.add(event.event_id)
            for ended in (
                event.activity_task_completed_event_attributes,
                event.activity_task_timed_out_event_attributes,
            ):
                if ended.scheduled_event_id in scheduled:
                    return

    async def _put(self, command: Command, **how: Any) -> Done | No | None:
        """Let the ledger put a row; None when its fence turned the command away."""
        name = name_of(type(command))
        ledger = await self._ledger(number(name))
        try:
            return await self._in_thread(partial(ledger.put, command, **how))
        except AlreadyCompensated:
            self.turned_away[name] += 1
            return None

    async def _take(self, command: Command) -> Done:
        of = number(name_of(type(command)))
        ledger = await self._ledger(of)
        done = await self._in_thread(partial(ledger.take, command))
        self._taken[of].set()
        return done

    def _ledger(self, of: int) -> "asyncio.Future[Ledger]":
        if of not in self._opened:
            self._opened[of] = self._in_thread(
                partial(Ledger, self._folder / f"{self.saga_id}-{of}.db")
            )
        return self._opened[of]

    def _in_thread(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


def _reply(sent: Sent, answer: Done | Exception) -> None:
    """Answer one try of a command, unless the server has given it up."""
    if sent.answer.done():
        return
    if isinstance(answer, Exception):
        sent.answer.set_exception(answer)
    else:
        sent.answer.set_result(answer)
