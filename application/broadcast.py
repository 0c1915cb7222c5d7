"""Streams that last: one is read once, however many listen to it, and no longer than it must."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def until(stop: "asyncio.Future[Any]", stream: AsyncIterator[T]) -> AsyncIterator[T]:
    """Yield what a stream has until `stop` is done."""
    while not stop.done():
        coming = asyncio.ensure_future(anext(stream, None))
        try:
            await asyncio.wait([coming, stop], return_when=asyncio.FIRST_COMPLETED)
            item = coming.result() if coming.done() else None
        finally:
            # Also when nobody listens any more: it would wait for as long as the stream is open.
            coming.cancel()
        if item is None:
            return
        yield item


class Shared(Generic[T]):
    """Reads streams by their names, each once for all who listen to it at the same time.

    A stream is read no longer than anybody listens.

    Every listener hears the whole stream, from its beginning; all that was read of it is kept as
    long as it is read.
    """

    def __init__(self, read: Callable[[str], AsyncIterator[T]]) -> None:
        """Share what `read` returns for a name."""
        self._read = read
        self._readings: dict[str, _Reading[T]] = {}

    async def listen(self, name: str) -> AsyncIterator[T]:
        """Yield a stream's items, those to come as they come.

        Raises:
            Exception: the stream broke with it.
        """
        reading = self._readings.get(name)
        if reading is None or reading.task.done():
            reading = self._readings[name] = _Reading(self._read(name))
        reading.listeners += 1
        position = 0
        try:
            while True:
                news = reading.news
                while position < len(reading.items):
                    yield reading.items[position]
                    position += 1
                if reading.task.done():
                    break
                await news.wait()
        finally:
            reading.listeners -= 1
            if not reading.listeners:
                reading.task.cancel()
                if self._readings.get(name) is reading:
                    del self._readings[name]
        await reading.task


class _Reading(Generic[T]):
    """One stream while it is read."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self.items: list[T] = []
        self.news = asyncio.Event()
        """Set when there is more, or the stream is over; another takes its place."""
        self.listeners = 0
        self.task = asyncio.create_task(self._run(source))
        self.task.add_done_callback(lambda _: self.news.set())

    async def _run(self, source: AsyncIterator[T]) -> None:
        async for item in source:
            self.items.append(item)
            self.news.set()
            self.news = asyncio.Event()
