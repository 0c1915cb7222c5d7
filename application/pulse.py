"""Whether Temporal is there: a server that is slow answers somebody, one that hangs nobody."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

SILENCE_SECONDS = 5
"""A Temporal that has answered nobody for so long is away."""


class Pulse:
    """Remembers when Temporal answered last, whomever of those who ask through it.

    So that under load a caller is given time, and none while nobody would get an answer.
    """

    def __init__(self, silence_seconds: float = SILENCE_SECONDS) -> None:
        """Take Temporal for away after `silence_seconds` without an answer."""
        self._silence_seconds = silence_seconds
        self._heard_at = time.monotonic()

    def hear(self) -> None:
        """Note that Temporal has answered just now."""
        self._heard_at = time.monotonic()

    @contextmanager
    def watch(self, patience: asyncio.Timeout) -> Iterator[None]:
        """Wait for an answer meanwhile; end `patience` early once Temporal is silent for long.

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
            yield
        finally:
            timers[-1].cancel()
