"""Threads for work that may hang.

Whoever waits for one of them is answered within a limit, whatever becomes of the work.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
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
    """A bounded number of threads, each of whose answers is given up after a limit.

    Work that is given up before it began is never begun. Of that under way nothing can be said: a
    thread cannot be ended, so the database's own limits see to it that it comes back; should it
    not, as on a disk that hangs, its place is lost and the others answer on.
    """

    def __init__(self, most: int = MOST_AT_ONCE, seconds: float = ANSWER_SECONDS) -> None:
        """Work on `most` threads, and wait `seconds` for an answer."""
        super().__init__(most, thread_name_prefix="api")
        self._seconds = seconds

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Have `fn` called, as the running event loop wants it.

        The future raises `NoAnswerInTime` once that takes too long.
        """
        loop = asyncio.get_running_loop()
        answer = Future[T]()
        work = super().submit(fn, *args, **kwargs)
        limit = loop.call_later(
            self._seconds, _tell, answer, None, NoAnswerInTime(f"no answer in {self._seconds:g} s")
        )

        def on_work_done(work: "Future[T]") -> None:
            if not work.cancelled():
                error = work.exception()
                _tell(answer, None if error else work.result(), error)

        def on_answer(_answer: "Future[T]") -> None:
            work.cancel()  # nobody waits for it: if it has not begun, it never will
            with suppress(RuntimeError):  # the loop is closed: it was the last answer of all
                loop.call_soon_threadsafe(limit.cancel)

        answer.add_done_callback(on_answer)
        work.add_done_callback(on_work_done)
        return answer

    def shutdown(
        self,
        wait: bool = True,  # noqa: ARG002, FBT002  # as its parent
        *,
        cancel_futures: bool = False,  # noqa: ARG002  # as its parent
    ) -> None:
        """Let go of the threads; waiting for one that hangs would hang the process."""
        super().shutdown(wait=False, cancel_futures=True)


def _tell(answer: "Future[T]", result: Any, error: BaseException | None) -> None:
    """Answer with a result or an error, unless there was an answer, or whoever asked has left."""
    with suppress(InvalidStateError):
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)
