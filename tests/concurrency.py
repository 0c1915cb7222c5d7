"""Threads that do things at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

import sqlalchemy as sa

T = TypeVar("T")
C = TypeVar("C")

MEETING_SECONDS = 60
WORKERS = 10


def at_once(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Run every action in a thread of its own, all set off together.

    Return their results in the order of the actions.
    """
    barrier = Barrier(len(actions))

    def meet_and_run(action: Callable[[], T]) -> T:
        barrier.wait(MEETING_SECONDS)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(meet_and_run, actions))


def crowd(act: Callable[[C], T], commands: Sequence[C]) -> list[T]:
    """Let a few workers take many commands as they come.

    Return the answers in the order of the commands.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(partial(_patiently, act), commands))


def _patiently(act: Callable[[C], T], command: C) -> T:
    """Try again, as Temporal does, when a busy SQLite file let others in for too long.

    It knows no queue.
    """
    while True:
        try:
            return act(command)
        except sa.exc.OperationalError as error:
            if "database is locked" not in str(error):
                raise
