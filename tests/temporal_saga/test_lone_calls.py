"""The limits of a single call, and what counts as its answer."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_saga.local_activities import RunLocally
from temporal_saga.local_answers import TOO_LARGE
from temporal_saga.testing.histories import SCHEDULED
from tests.temporal_saga.lone_calls import (
    QUEUE,
    ContinuedStep,
    LocalTry,
    SilentRetriable,
    SilentStep,
)

NUMBERS = count(1)
SOON = 15
"""Seconds for what takes less than one."""

LARGE = 5_000_000


def worker(client: Client, workflow: type, *activities: Callable[..., Any]) -> Worker:
    """Return a worker with a queue of its own and one thread."""
    return Worker(
        client,
        task_queue=f"{QUEUE}-{workflow.__name__}",
        workflows=[workflow],
        activities=activities,
        activity_executor=ThreadPoolExecutor(1),
        interceptors=[RunLocally(["Note"] if activities else ())],
    )


async def start(client: Client, workflow: type, *arguments: Any) -> Any:
    """Start a workflow, and return its handle."""
    return await client.start_workflow(
        workflow.__name__,
        args=arguments,
        id=f"lone-call-{next(NUMBERS)}",
        task_queue=f"{QUEUE}-{workflow.__name__}",
    )


async def test_the_wait_for_a_thread_is_part_of_a_local_try(temporal: Client) -> None:
    """While another call has the only one, a call that does not get there in time is given up."""
    has_begun = threading.Event()
    may_end = threading.Event()
    tries: list[str] = []

    @activity.defn(name="Note", no_thread_cancel_exception=True)
    def hold(key: str) -> None:
        tries.append(key)
        has_begun.set()
        may_end.wait(SOON)

    async with worker(temporal, LocalTry, hold):
        try:
            first = await start(temporal, LocalTry, "first", 5)
            assert await asyncio.to_thread(has_begun.wait, SOON)
            second = await start(temporal, LocalTry, "second", 0.2)
            async with asyncio.timeout(SOON):
                assert await second.result() == "START_TO_CLOSE"
            assert tries == ["first"]
        finally:
            may_end.set()
        assert await first.result() == "answered"


def large_answer() -> str:
    return "x" * LARGE


def large_error() -> str:
    raise RuntimeError("x" * LARGE)


def large_refusal() -> str:
    raise ApplicationError("no", "x" * LARGE, type="Refused", non_retryable=True)


@pytest.mark.parametrize("answer", [large_answer, large_error, large_refusal])
async def test_what_no_workflow_task_can_carry_is_no_answer(
    temporal: Client, answer: Callable[[], str]
) -> None:
    """The server would refuse the task, each time: a local try fails before that."""

    @activity.defn(name="Note")
    def note(_key: str) -> str:
        return answer()

    async with worker(temporal, LocalTry, note):
        handle = await start(temporal, LocalTry, "key", 5)
        async with asyncio.timeout(SOON):
            assert await handle.result() == TOO_LARGE


@pytest.mark.parametrize(
    ("ago_seconds", "deadline_seconds", "limit_seconds"),
    [
        (0, None, 60),
        (20, None, 40),
        (59, None, 10),
        (0, 30, 30),
        (20, 30, 30),
        (50, 30, 10),
        (20, 5, 5),
    ],
)
async def test_the_time_of_a_continued_step_counts_once(
    temporal: Client, ago_seconds: float, deadline_seconds: float | None, limit_seconds: float
) -> None:
    """Against its own limit; the deadline is a moment, which the time that is left leads to."""
    async with worker(temporal, ContinuedStep):
        handle = await start(temporal, ContinuedStep, ago_seconds, deadline_seconds)
        async with asyncio.timeout(SOON):
            async for event in handle.fetch_history_events(wait_new_event=True):
                if event.event_type == SCHEDULED:
                    break
        limit = event.activity_task_scheduled_event_attributes.schedule_to_close_timeout
        assert limit.ToTimedelta() == timedelta(seconds=limit_seconds)
        await handle.terminate()


@pytest.mark.parametrize("call", [SilentStep, SilentRetriable])
async def test_an_answer_of_nothing_is_an_answer(temporal: Client, call: type) -> None:
    """What a local try has answered so is not sent again."""

    @activity.defn(name="Note")
    def note(_key: str) -> None:
        pass

    async with worker(temporal, call, note):
        handle = await start(temporal, call)
        async with asyncio.timeout(SOON):
            async for event in handle.fetch_history_events(wait_new_event=True):
                assert event.event_type != SCHEDULED, "it is sent again"
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
                    break
