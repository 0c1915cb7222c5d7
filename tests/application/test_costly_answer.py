"""A question that takes long is asked for a small part of the time at most."""

import asyncio

import pytest

from application.costly_answer import CostlyAnswer

SECONDS = 2.0
REST = 99
LEAST = 300.0
WAIT = 5.0
NO_WAIT = 0.0


class Source:
    """A clock, and an answer that takes so many seconds of it: how often it was asked for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.times = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.failure: Exception | None = None

    def clock(self) -> float:
        """Return the time."""
        return self.now

    async def ask(self) -> int:
        """Return how often it was asked."""
        self.times += 1
        times = self.times
        await self.may_answer.wait()
        self.now += SECONDS
        if self.failure:
            raise self.failure
        return times


@pytest.mark.parametrize(("least", "pause"), [(0.0, REST * SECONDS), (LEAST, LEAST)])
async def test_nobody_asks_again_before_a_hundred_times_what_it_took(
    least: float, pause: float
) -> None:
    """Nor for the least time; who asks meanwhile is given the last answer."""
    source = Source()
    answer: CostlyAnswer[int] = CostlyAnswer(REST, least, source.clock)
    for _ in range(3):
        assert await answer.get(source.ask, WAIT) == 1
    source.now += pause - 0.1
    assert await answer.get(source.ask, WAIT) == 1
    assert source.times == 1
    source.now += 0.1
    assert await answer.get(source.ask, WAIT) == 2
    assert (answer.last, source.times) == (2, 2)


async def test_nobody_waits_longer_than_they_will_for_an_answer_that_serves_the_next() -> None:
    """While it is under way nobody asks for another, and the last answer stays."""
    source = Source()
    answer: CostlyAnswer[int] = CostlyAnswer(REST, clock=source.clock)
    source.may_answer.clear()
    for _ in range(3):
        assert await answer.get(source.ask, NO_WAIT) is None
    before = answer.last
    source.may_answer.set()
    assert await answer.get(source.ask, WAIT) == 1
    assert (before, answer.last, source.times) == (None, 1, 1)


async def test_an_answer_that_fails_leaves_the_last() -> None:
    """The failure is told to who waits for it; whoever comes next asks again."""
    source = Source()
    answer: CostlyAnswer[int] = CostlyAnswer(REST, clock=source.clock)
    await answer.get(source.ask, WAIT)
    source.now += REST * SECONDS
    source.failure = ConnectionError()
    with pytest.raises(ConnectionError):
        await answer.get(source.ask, WAIT)
    assert answer.last == 1
    source.failure = None
    assert await answer.get(source.ask, WAIT) == 3
