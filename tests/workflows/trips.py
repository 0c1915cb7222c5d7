"""How the story of a trip is told."""

import asyncio
from typing import Any

from temporalio.api.enums.v1 import EventType

from temporal_saga.testing import Script, Sent
from tests.workflows.trip import BookRoomCommand, BookSeatCommand, FreeRoomCommand, FreeSeatCommand

TAKES_BACK: dict[type, type] = {FreeSeatCommand: BookSeatCommand, FreeRoomCommand: BookRoomCommand}


async def book(script: Script, *commands: type) -> None:
    """Expect these steps, and let them be taken."""
    for command in commands:
        await script.expect(command)
        script.answer("done")


async def free(script: Script, *commands: type) -> None:
    """Expect these compensations, and let them be carried out."""
    for command in commands:
        await script.expect_compensation(command, of=TAKES_BACK[command])
        script.answer("done")


async def why(script: Script) -> str:
    """Expect that the saga fails, and return for which reason."""
    return (await script.failed()).message


async def cancel(script: Script) -> None:
    """Cancel through Temporal, and see that the saga has heard it."""
    await script.handle.cancel()
    await script.handle.query("__stack_trace")


async def side_by_side(script: Script) -> "tuple[asyncio.Future[Any], asyncio.Future[Any]]":
    """Expect seat and room to be asked for, in any order; return what takes their answers."""
    came = [await script.next("both") for _ in range(2)]
    answers = {type(sent.command): sent.answer for sent in came if isinstance(sent, Sent)}
    return answers[BookSeatCommand], answers[BookRoomCommand]


async def until(script: Script, kind: Any, times: int = 1) -> None:
    """Wait until the history has an event of this kind, so many times."""
    async for event in script.handle.fetch_history_events(wait_new_event=True):
        times -= event.event_type == kind
        if times == 0:
            return


def happened(script: Script) -> list[str]:
    """Return when each command was sent and over, and when the saga was cancelled or asked to cancel a command."""
    assert script.history is not None
    names: dict[int, str] = {}
    told = []
    for event in script.history.events:
        match event.event_type:
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                names[event.event_id] = (
                    event.activity_task_scheduled_event_attributes.activity_type.name
                )
                told.append(f"{names[event.event_id]} sent")
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                told.append(
                    f"{names[event.activity_task_completed_event_attributes.scheduled_event_id]} over"
                )
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                told.append(
                    f"{names[event.activity_task_failed_event_attributes.scheduled_event_id]} over"
                )
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                told.append("cancelled")
            case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
                told.append("a command was asked to stop")
    return told
