"""A stream that is read once: whoever listens hears all of it.

Nobody keeps it open who no longer listens.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from application.broadcast import Shared, until


class Source:
    """A stream whose items the test writes."""

    def __init__(self) -> None:
        self.reads = 0
        self.closings = 0
        self.items: asyncio.Queue[int | Exception | None] = asyncio.Queue()

    async def read(self, _name: str) -> AsyncIterator[int]:
        """Yield them as they come."""
        self.reads += 1
        try:
            while (item := await self.items.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closings += 1


@pytest.fixture
def source() -> Source:
    """A stream with nothing in it yet."""
    return Source()


async def readings_heard(broadcast: Shared[int], name: str = "one") -> list[int]:
    return [item async for item in broadcast.listen(name)]


async def test_all_who_listen_hear_the_whole_of_one_reading(source: Source) -> None:
    """Also who comes later, while it is read; another name is another reading."""
    broadcast = Shared(source.read)
    early = asyncio.create_task(readings_heard(broadcast))
    for item in (1, 2):
        source.items.put_nowait(item)
    await asyncio.sleep(0)
    listening = broadcast.listen("one")
    assert [await anext(listening), await anext(listening)] == [1, 2]
    late = asyncio.create_task(readings_heard(broadcast))
    await asyncio.sleep(0)
    for last in (3, None):
        source.items.put_nowait(last)
    assert await early == await late == [1, 2, 3]
    assert [item async for item in listening] == [3]
    assert (source.reads, source.closings) == (1, 1)
    source.items.put_nowait(None)
    assert await readings_heard(broadcast, "two") == []
    assert source.reads == 2


async def test_what_is_over_is_read_anew(source: Source) -> None:
    """Nothing of a reading is kept once it is over: the next listener begins another."""
    broadcast = Shared(source.read)
    for round_ in (1, 2):
        for item in (round_, None):
            source.items.put_nowait(item)
        assert await readings_heard(broadcast) == [round_]
    assert source.reads == 2


async def test_the_reading_ends_with_its_last_listener(source: Source) -> None:
    """One of two who goes away leaves it to the other; after both nobody reads any more."""
    broadcast = Shared(source.read)
    first, second = (asyncio.create_task(readings_heard(broadcast)) for _ in range(2))
    source.items.put_nowait(1)
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert source.closings == 0
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await asyncio.sleep(0)
    assert (source.reads, source.closings) == (1, 1)


async def test_every_listener_hears_why_it_broke(source: Source) -> None:
    """What was read before is heard first."""
    broadcast = Shared(source.read)
    readings: list[list[int]] = [[], []]

    async def listen(to: list[int]) -> None:
        async for item in broadcast.listen("one"):
            to += [item]

    listeners = [asyncio.create_task(listen(to)) for to in readings]
    source.items.put_nowait(1)
    source.items.put_nowait(OSError("gone"))
    broke = await asyncio.gather(*listeners, return_exceptions=True)
    assert [str(error) for error in broke] == ["gone", "gone"]
    assert readings == [[1], [1]]


async def test_a_stream_is_cut_short(source: Source) -> None:
    """What came is handed on, and then nobody waits for more."""
    stop = asyncio.get_running_loop().create_future()
    items: list[int] = []
    source.items.put_nowait(1)
    async for item in until(stop, source.read("one")):
        items.append(item)
        asyncio.get_running_loop().call_soon(stop.set_result, None)
    await asyncio.sleep(0)
    assert (items, source.closings) == ([1], 1)
