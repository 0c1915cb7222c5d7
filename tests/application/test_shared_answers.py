"""A question that many ask at about the same time is asked once."""

import asyncio

import pytest

from application.shared_answers import SharedAnswers

LONG = 60.0
NOW = 0.0


class Source:
    """Counts how often it is asked; it answers when it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.times = 0

    async def ask(self) -> int:
        """Return how often it was asked."""
        self.times += 1
        times = self.times
        await self.may_answer.wait()
        return times


async def test_all_who_ask_while_an_answer_is_under_way_get_that_one() -> None:
    """However fresh they want it; and so do those who find it fresh enough."""
    answers = SharedAnswers()
    source = Source()
    waiting = [asyncio.create_task(answers.get("q", source.ask, NOW)) for _ in range(3)]
    await asyncio.sleep(0)
    source.may_answer.set()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
    assert await answers.get("q", source.ask, LONG) == 1
    assert await answers.get("q", source.ask, NOW) == 2
    assert await answers.get("another", source.ask, LONG) == 3


async def test_who_goes_away_leaves_the_answer_to_the_others() -> None:
    """A caller who is cancelled does not cancel the question."""
    answers = SharedAnswers()
    source = Source()
    first = asyncio.create_task(answers.get("q", source.ask, NOW))
    second = asyncio.create_task(answers.get("q", source.ask, NOW))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    source.may_answer.set()
    assert await second == 1


async def test_an_error_is_told_to_those_who_wait_and_kept_for_nobody() -> None:
    """Whoever asks next may have better luck."""

    async def fail() -> int:
        raise ConnectionError

    answers = SharedAnswers()
    source = Source()
    with pytest.raises(ConnectionError):
        await answers.get("q", fail, LONG)
    source.may_answer.set()
    assert await answers.get("q", source.ask, LONG) == 1
