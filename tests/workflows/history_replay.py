"""Stories told again from their recorded histories, with a cancel in between.

The points at which a saga waits are found by counting, not by hand: it waits after each workflow
task but the last, and before the first.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.update.v1 import UpdateRef
from temporalio.api.workflowservice.v1 import PollWorkflowExecutionUpdateRequest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.converter import decode_typed_search_attributes
from temporalio.service import RPCError

from temporal_saga.command_names import command_name
from temporal_saga.keys import compensation_key, step_key
from temporal_saga.moment import Moment
from temporal_saga.testing import Script
from temporal_saga.testing.histories import ENDED, fails_for_good
from temporal_saga.testing.participants import Sent
from tests.workflows.history_events import (
    CLOSED,
    TASK,
    TASK_COMPLETED,
    Heard,
    History,
    moments,
    tasks,
    under_way,
    what_it_heard,
)
from tests.workflows.orders import DECISION, TAKES_BACK, yes

Way = Literal["signal", "update", "temporal"]
When = Literal["alone", "before what comes next", "after what comes next"]

A_WHILE = 0.03
TIMER_FIRED = EventType.EVENT_TYPE_TIMER_FIRED
Asked = list[asyncio.Task[bool]]


@dataclass(frozen=True)
class Cancel:
    """A cancel of a story: at which point, by which way and how often.

    Also whether it is in one workflow task with what comes next.
    """

    point: int
    way: Way
    times: int
    when: When


@dataclass
class Replay:
    """One story, told again by a script."""

    script: Script
    story: History
    before: list[Moment] = field(default_factory=list)
    """What had happened when the cancel was said."""
    under_way: str | None = None
    """The command that was under way then."""
    beside_words: bool = False
    """Whether the cancel was in one workflow task with what a person said."""
    refusals: list[bool] = field(default_factory=list)
    """Of each update that cancelled, whether it was refused."""
    _attempt: Sent | None = None
    _answers: int = 0
    _timers_fired: int = 0

    async def tell(self, cancel: Cancel | None = None) -> History:
        """Tell the story until it is closed, and return its history.

        Where the cancel leads it another way, all say yes.
        """
        rest = deque(what_it_heard(self.story))
        if cancel is not None and cancel.point == 0:
            async with self.script.orchestrator_away():
                await self._start()
                updates = await self._cancel(cancel)
            self.refusals = await asyncio.gather(*updates)
            cancel = None
        else:
            await self._start()
        while (events := await waiting(self.script))[-1].event_type not in CLOSED:
            command = under_way(events)
            if command is not None and self._attempt is None:
                self._attempt = await self._expect(command)
                command = command_name(
                    type(self._attempt.command)
                )  # while it was on its way, the clock may have ended the one before
            following = _next(rest, command)
            self._timers_fired = _timers(events)
            if cancel is None or cancel.point != tasks(events):
                await self._hear(following)
                continue
            self.before = moments(events)
            self.under_way = command
            if cancel.when == "alone":
                rest.appendleft(following)
                self.refusals = await asyncio.gather(*await self._cancel(cancel))
            else:
                self.beside_words = following.event is not None and following.command is None
                await self._hear(following, cancel)
            cancel = None
        return events

    async def _start(self) -> None:
        start = self.story[0].workflow_execution_started_event_attributes
        await self.script.start(
            *map(RawValue, start.input.payloads),
            memo={name: RawValue(payload) for name, payload in start.memo.fields.items()},
            search_attributes=decode_typed_search_attributes(start.search_attributes),
        )

    async def _expect(self, command: str) -> Sent:
        """Expect a command under its key, whichever try: under load the server may lose one."""
        came = await self.script.next(command)
        assert isinstance(came, Sent), f"{command} should have come, not {came}"
        kind = type(came.command)
        key = step_key(self.script.saga_id, command_name(TAKES_BACK.get(kind, kind)))
        assert came.command.idempotency_key == (
            compensation_key(key) if kind in TAKES_BACK else key
        )
        return came

    async def _hear(self, following: Heard, cancel: Cancel | None = None) -> None:
        """Tell the saga what comes next, in one workflow task with a cancel if there is one."""
        if following.until is None and cancel is None:
            await asyncio.gather(*await self._tell(following))
            return
        cancels: Asked = []
        async with self.script.orchestrator_away():
            if cancel is not None and cancel.when == "before what comes next":
                cancels = await self._cancel(cancel)
            others = await self._tell(following)
            if cancel is not None and cancel.when == "after what comes next":
                cancels = await self._cancel(cancel)
            if following.until is not None:
                start = (await self.script.handle.describe()).start_time
                await asyncio.sleep((start + following.until - datetime.now(UTC)).total_seconds())
        self.refusals = await asyncio.gather(*cancels)
        await asyncio.gather(*others)

    async def _tell(self, following: Heard) -> Asked:
        if following.command is not None:
            await self.script.within_patience(
                self._answer(following.event), "the answer to be recorded"
            )
        elif following.event is not None:
            return await self._say(following.event)
        else:
            await self.script.within_patience(
                _time_passes(self.script, self._timers_fired), "time to pass"
            )
        return []

    async def _answer(self, event: HistoryEvent | None) -> None:
        """Answer the command that is held, and every further try of it.

        It ends when the server has written an answer down.
        """
        assert self._attempt is not None
        attempt = self._attempt
        self._attempt = None
        await self._give(attempt, event)
        self._answers += 1
        while True:
            another_try = (
                self.script.has_more
            )  # looked at first: what comes after the answer is the next command
            events = (await self.script.handle.fetch_history()).events
            if sum(event_seen.event_type in ENDED for event_seen in events) >= self._answers:
                return
            if another_try:
                await self._give(await self._expect(command_name(type(attempt.command))), event)
            await asyncio.sleep(A_WHILE)

    async def _give(self, attempt: Sent, event: HistoryEvent | None) -> None:
        if attempt.answer.done():
            return  # this try has run out of time, and another will come
        if event is None:
            attempt.answer.set_result(yes(attempt.command))
        elif event.HasField("activity_task_completed_event_attributes"):
            attempt.answer.set_result(
                RawValue(event.activity_task_completed_event_attributes.result.payloads[0])
            )
        else:
            failure = event.activity_task_failed_event_attributes.failure
            attempt.answer.set_exception(
                await self.script.client.data_converter.decode_failure(failure)
            )

    async def _say(self, event: HistoryEvent) -> Asked:
        if event.HasField("workflow_execution_signaled_event_attributes"):
            signal = event.workflow_execution_signaled_event_attributes
            await self.script.handle.signal(
                signal.signal_name, args=[RawValue(payload) for payload in signal.input.payloads]
            )
        elif event.HasField("workflow_execution_update_accepted_event_attributes"):
            update = (
                event.workflow_execution_update_accepted_event_attributes.accepted_request.input
            )
            return [await self._update(update.name, *map(RawValue, update.args.payloads))]
        else:
            await self.script.handle.cancel()
        return []

    async def _cancel(self, cancel: Cancel) -> Asked:
        updates: Asked = []
        for _ in range(cancel.times):
            if cancel.way == "signal":
                await self.script.handle.signal("cancel", DECISION)
            elif cancel.way == "update":
                updates.append(await self._update("request_cancel", DECISION))
            else:
                await self.script.handle.cancel()
        return updates

    async def _update(self, name: str, *arguments: Any) -> asyncio.Task[bool]:
        """Send an update, and go on as soon as the server has it.

        There may be no orchestrator to hear it.
        """
        update_id = str(uuid4())
        update = asyncio.create_task(
            _is_refused(self.script.handle.execute_update(name, args=arguments, id=update_id))
        )
        execution = WorkflowExecution(workflow_id=self.script.saga_id)
        reference = UpdateRef(workflow_execution=execution, update_id=update_id)
        client = self.script.client
        poll = PollWorkflowExecutionUpdateRequest(namespace=client.namespace, update_ref=reference)
        while not update.done():
            with suppress(RPCError):  # the server does not have it yet
                await client.workflow_service.poll_workflow_execution_update(poll)
                break
        return update


async def waiting(script: Script) -> History:
    """Return the history of a saga that has heard everything so far, and waits or is closed.

    A saga that is wedged never does.
    """
    while True:
        events = (await script.handle.fetch_history()).events
        assert not any(map(fails_for_good, events)), "the saga is wedged"
        if (
            next(event.event_type for event in reversed(events) if event.event_type in TASK)
            == TASK_COMPLETED
        ):
            return events
        await asyncio.sleep(A_WHILE)


def _next(rest: deque[Heard], command: str | None) -> Heard:
    """Take what the saga hears next; answers to what it did not ask this time are left out."""
    while rest:
        following = rest.popleft()
        if following.command == command or (
            following.command is None and following.event is not None
        ):
            return following
        if command is None:
            rest.appendleft(following)
            break
    return Heard(command=command)


def _timers(events: History) -> int:
    return sum(event.event_type == TIMER_FIRED for event in events)


async def _time_passes(script: Script, timers_before: int) -> None:
    while True:
        if _timers((await script.handle.fetch_history()).events) > timers_before:
            return
        await asyncio.sleep(A_WHILE)


async def _is_refused(update: Awaitable[Any]) -> bool:
    try:
        await update
    except (
        WorkflowUpdateFailedError,
        RPCError,
    ):  # refused, or the saga closed before it came to it
        return True
    return False
