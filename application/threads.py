"""Threads for work that may hang.

Whoever waits for one of them is answered within a limit, whatever becomes of the work.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

MOST_AT_ONCE = 20
"""As many as the order database gives connections; a request that finds all of them at work waits
for one."""

ANSWER_SECONDS = 8
"""A thread's answer is waited for this long, the wait for the thread included."""

T = TypeVar("T")


class NoAnswerInTime(TimeoutError):
    """Work on a thread took longer than whoever asked for it can wait."""


class Threads(ThreadPoolExecutor):
    """A bounded number of threads, for an event loop that waits for none of them at its end."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        """Work on `most` threads."""
        super().__init__(most, thread_name_prefix="api")

    def shutdown(
        self,
        wait: bool = True,  # noqa: ARG002, FBT002  # as its parent
        *,
        cancel_futures: bool = False,  # noqa: ARG002  # as its parent
    ) -> None:
        """Let go of the threads; waiting for one that hangs would hang the process."""
        super().shutdown(wait=False, cancel_futures=True)


async def on_thread(work: Callable[..., T], *arguments: Any, seconds: float = ANSWER_SECONDS) -> T:
    """Return what `work` returns on one of the event loop's threads.

    Work that is given up before it began is never begun. Of that under way nothing can be said: a
    thread cannot be ended, so the database's own limits see to it that it comes back; should it
    not, as on a disk that hangs, its place is lost and the others answer on.

    Raises:
        NoAnswerInTime: it takes longer than `seconds`.
        Exception: what `work` raises.
    """
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(work, *arguments)
    except TimeoutError as error:
        raise NoAnswerInTime(f"no answer in {seconds:g} s") from error
