"""A question that takes long is asked for a hundredth of the time at most."""

import asyncio

import pytest

from application.costly_answer import REST, CostlyAnswer

SECONDS = 2.0
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


async def test_nobody_asks_again_before_a_hundred_times_what_it_took() -> None:
    """Who asks meanwhile is given the last answer."""
    source = Source()
    answer: CostlyAnswer[int] = CostlyAnswer(source.clock)
    for _ in range(3):
        await answer.renew(source.ask, WAIT)
    source.now += REST * SECONDS - 0.1
    await answer.renew(source.ask, WAIT)
    assert (answer.last, source.times) == (1, 1)
    source.now += 0.1
    await answer.renew(source.ask, WAIT)
    assert (answer.last, source.times) == (2, 2)


async def test_nobody_waits_longer_than_they_will_for_an_answer_that_serves_the_next() -> None:
    """While it is under way nobody asks for another, and the last answer stays."""
    source = Source()
    answer: CostlyAnswer[int] = CostlyAnswer(source.clock)
    source.may_answer.clear()
    for _ in range(3):
        await answer.renew(source.ask, NO_WAIT)
    before = answer.last
    source.may_answer.set()
    await answer.renew(source.ask, WAIT)
    assert (before, answer.last, source.times) == (None, 1, 1)


async def test_an_answer_that_fails_leaves_the_last_and_costs_as_much() -> None:
    """The failure is told once, to who waits for it."""
    source = Source()
    answer: CostlyAnswer[int] = CostlyAnswer(source.clock)
    await answer.renew(source.ask, WAIT)
    source.now += REST * SECONDS
    source.failure = ConnectionError()
    with pytest.raises(ConnectionError):
        await answer.renew(source.ask, WAIT)
    await answer.renew(source.ask, WAIT)
    assert (answer.last, source.times) == (1, 2)
