"""The answer to a question that takes long: asked no more often than its own cost allows."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class CostlyAnswer(Generic[T]):
    """Keeps the last answer. One that does not come changes nothing."""

    def __init__(
        self, rest: float, least_seconds: float = 0, clock: Callable[[], float] = monotonic
    ) -> None:
        """Begin with no answer.

        Args:
            rest: for so many times as long as an answer took, nobody asks again.
            least_seconds: nor for less than this.
            clock: counts seconds.
        """
        self._rest = rest
        self._least_seconds = least_seconds
        self._clock = clock
        self._asking: asyncio.Task[T] | None = None
        self._again_at = float("-inf")
        self.last: T | None = None

    async def get(self, ask: Callable[[], Awaitable[T]], wait_seconds: float) -> T | None:
        """Return the answer, asked for anew if it is time to; None if it takes longer than that.

        Who asks goes on when the wait is over: the answer serves those who come later, and `last`
        is the one before it.

        Raises:
            Exception: what `ask` raises meanwhile; whoever comes next asks again.
        """
        asking = self._asking
        if asking is None or (asking.done() and self._clock() >= self._again_at):
            asking = self._asking = asyncio.create_task(self._ask(ask))
            asking.add_done_callback(
                lambda asking: asking.cancelled() or asking.exception()
            )  # nobody may be there to hear
        await asyncio.wait([asking], timeout=wait_seconds)
        return asking.result() if asking.done() else None

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        began = self._clock()
        self.last = answer = await ask()
        now = self._clock()
        self._again_at = now + max(self._least_seconds, self._rest * (now - began))
        return answer
