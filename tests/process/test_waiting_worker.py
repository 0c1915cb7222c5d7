"""What a worker does that waits when it is told to stop."""

import asyncio

from process import wait_until_ready


async def test_who_waits_for_an_answer_hears_that_it_is_to_stop() -> None:
    """Also while the question itself hangs, as it may while Temporal starts; nobody goes on asking."""
    stop, asked, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def ask() -> str:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    waiting = asyncio.create_task(wait_until_ready("something", ask, stop))
    await asked.wait()
    stop.set()
    assert await asyncio.wait_for(waiting, 5) is None
    await asyncio.wait_for(ended.wait(), 5)


async def test_who_is_answered_goes_on() -> None:
    """And gets the answer."""

    async def ask() -> str:
        return "here"

    assert await wait_until_ready("something", ask, asyncio.Event()) == "here"
