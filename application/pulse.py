"""Whether Temporal is there: a server that is slow answers somebody, one that hangs nobody."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SILENCE_SECONDS = 5
"""A Temporal that has answered nobody for so long is away."""

MOST_AT_ONCE = 30
"""So many ask at one time, and the others wait here. A server with more to do than it can answers
nobody in time, and still works on what was given up and is asked again."""


class Pulse:
    """Remembers when Temporal answered last, whomever of those who ask through it.

    So that under load a caller is given time, and none while nobody would get an answer.
    """

    def __init__(
        self, silence_seconds: float = SILENCE_SECONDS, most_at_once: int = MOST_AT_ONCE
    ) -> None:
        """Take Temporal for away after so long without an answer; let so many ask at one time."""
        self._silence_seconds = silence_seconds
        self._heard_at = time.monotonic()
        self._turns = asyncio.Semaphore(most_at_once)

    def hear(self) -> None:
        """Note that Temporal has answered just now."""
        self._heard_at = time.monotonic()

    @asynccontextmanager
    async def turn(self, patience: asyncio.Timeout) -> AsyncIterator[None]:
        """Wait for a turn, and for an answer; end `patience` once Temporal is silent for long.

        The silence counts from the beginning of this wait.
        """
        loop = asyncio.get_running_loop()
        began = time.monotonic()

        def look() -> None:
            silent_for = time.monotonic() - max(began, self._heard_at)
            if silent_for >= self._silence_seconds:
                patience.reschedule(loop.time())
            else:
                timers.append(loop.call_later(self._silence_seconds - silent_for, look))

        timers = [loop.call_later(self._silence_seconds, look)]
        try:
            async with self._turns:
                yield
            self.hear()
        finally:
            timers[-1].cancel()
