"""Whom Temporal's silence, and whom its slowness, is told."""

import asyncio
import time
from datetime import timedelta

import pytest

from application.errors import Away
from application.pulse import Pulse
from application.runs import temporal

SILENCE_SECONDS = 0.4
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
    answers = 6
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


async def test_so_many_ask_at_one_time_and_all_are_answered() -> None:
    """The others wait here, where they cost the server nothing."""
    pulse = Pulse(SILENCE_SECONDS, most_at_once=3)
    under_way = 0
    most = 0

    async def ask() -> None:
        nonlocal under_way, most
        async with temporal(LONG, pulse):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    await asyncio.gather(*(ask() for _ in range(20)))
    assert most == 3


async def test_who_waits_for_a_turn_hears_of_a_silence_as_soon() -> None:
    """The turns are taken by calls that hang: nobody waits for those before to be given up."""
    pulse = Pulse(SILENCE_SECONDS, most_at_once=1)
    began = time.monotonic()
    await asyncio.gather(*(wait_in_vain(LONG, pulse) for _ in range(50)))
    assert time.monotonic() - began < 5


async def test_who_leaves_gives_the_turn_back() -> None:
    """Whether they had it, or waited for it."""
    pulse = Pulse(SILENCE_SECONDS * 1_000, most_at_once=1)
    leaving = [asyncio.create_task(wait_in_vain(LONG, pulse)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    async with asyncio.timeout(5), temporal(LONG, pulse):
        pass
