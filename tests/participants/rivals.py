"""Threads that do things at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")

MEETING_SECONDS = 60


def at_once(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Run every action in a thread of its own, all set off together; return their results in the order of the actions."""
    barrier = Barrier(len(actions))

    def meet_and_run(action: Callable[[], T]) -> T:
        barrier.wait(MEETING_SECONDS)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(meet_and_run, actions))
