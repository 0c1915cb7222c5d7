"""Whom Temporal's silence, and whom its slowness, is told."""

import asyncio
import time
from datetime import timedelta

import pytest

from application.errors import Away
from application.pulse import Pulse
from application.runs import temporal

SILENCE_SECONDS = 0.2
LONG = timedelta(seconds=60)


async def wait_in_vain(limit: timedelta, pulse: Pulse) -> float:
    """Return after how many seconds a call without an answer is given up."""
    began = time.monotonic()
    with pytest.raises(Away):
        async with temporal(limit, pulse):
            await asyncio.Event().wait()
    return time.monotonic() - began


async def answer_others(pulse: Pulse, answers: int) -> None:
    """Answer so many calls of others, one after another, each before it counts as silence."""
    for _ in range(answers):
        await asyncio.sleep(SILENCE_SECONDS / 4)
        async with temporal(LONG, pulse):
            pass


async def test_a_temporal_that_answers_nobody_is_away_soon() -> None:
    """However long the caller would have waited."""
    assert SILENCE_SECONDS <= await wait_in_vain(LONG, Pulse(SILENCE_SECONDS)) < 10


async def test_a_silence_of_before_does_not_count() -> None:
    """Nobody had asked then."""
    pulse = Pulse(SILENCE_SECONDS)
    await asyncio.sleep(SILENCE_SECONDS)
    assert await wait_in_vain(LONG, pulse) >= SILENCE_SECONDS


async def test_a_temporal_that_answers_others_is_given_time() -> None:
    """It is slow; once it falls silent it is given up all the same."""
    pulse = Pulse(SILENCE_SECONDS)
    answers = 12
    async with asyncio.TaskGroup() as calls:
        waiting = calls.create_task(wait_in_vain(LONG, pulse))
        calls.create_task(answer_others(pulse, answers))
    assert waiting.result() >= (answers / 4 + 1) * SILENCE_SECONDS


async def test_no_call_is_waited_for_without_end() -> None:
    """Others are answered, and one never is: its limit holds."""
    pulse = Pulse(SILENCE_SECONDS)
    limit = timedelta(seconds=2 * SILENCE_SECONDS)
    answering = asyncio.create_task(answer_others(pulse, 1_000))
    seconds = await wait_in_vain(limit, pulse)
    assert not answering.done()
    answering.cancel()
    assert limit.total_seconds() <= seconds < 20


async def test_an_error_is_no_answer() -> None:
    """A call that fails does not keep others waiting."""
    pulse = Pulse(SILENCE_SECONDS)

    async def fail_often() -> None:
        while True:
            with pytest.raises(Away):
                async with temporal(LONG, pulse):
                    raise RuntimeError("no connection")
            await asyncio.sleep(SILENCE_SECONDS / 4)

    failing = asyncio.create_task(fail_often())
    assert await wait_in_vain(LONG, pulse) < 10
    assert not failing.done()
    failing.cancel()
