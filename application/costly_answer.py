"""The answer to a question that takes long: asked no more often than its own cost allows."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

REST = 99
"""For so many times as long as the asking took, nobody asks again: it takes a hundredth of the time
at most."""

T = TypeVar("T")


class CostlyAnswer(Generic[T]):
    """Keeps the last answer. One that does not come changes nothing."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Begin with no answer; `clock` counts seconds."""
        self._clock = clock
        self._asking: asyncio.Task[None] | None = None
        self._again_at = float("-inf")
        self.last: T | None = None

    async def renew(self, ask: Callable[[], Awaitable[T]], wait_seconds: float) -> None:
        """Ask if it is time to, and wait so long for the answer; without one `last` stays.

        Who asks goes on when the wait is over: the answer serves those who come later.

        Raises:
            Exception: what `ask` raises meanwhile.
        """
        if self._asking is None:
            if self._clock() < self._again_at:
                return
            self._asking = asyncio.create_task(self._ask(ask))
        asking = self._asking
        await asyncio.wait([asking], timeout=wait_seconds)
        if asking.done():
            self._asking = None
            asking.result()

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> None:
        began = self._clock()
        try:
            self.last = await ask()
        finally:
            now = self._clock()
            self._again_at = now + REST * (now - began)
