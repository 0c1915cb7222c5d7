"""Threads that may hang: who waits for them is answered in time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from application.threads import NoAnswerInTime, Threads, on_thread

SECONDS = 0.1

T = TypeVar("T")


class Hanging:
    """An event loop's two threads, and work that hangs on them until the test is over."""

    def __init__(self) -> None:
        self.threads = Threads(2)
        asyncio.get_running_loop().set_default_executor(self.threads)
        self.release = threading.Event()
        self.calls_begun = 0

    def hang(self) -> None:
        """Hang."""
        self.calls_begun += 1
        self.release.wait()

    def ask(self, work: Callable[[], T]) -> "asyncio.Task[T]":
        """Have work done on a thread."""
        return asyncio.create_task(on_thread(work, seconds=SECONDS))


@pytest.fixture
async def hanging() -> AsyncIterator[Hanging]:
    """Give two threads, and let go of what hangs on them."""
    hanging = Hanging()
    yield hanging
    hanging.release.set()
    hanging.threads.shutdown()
    asyncio.get_running_loop().set_default_executor(Threads())


async def test_work_is_done_and_its_error_told(hanging: Hanging) -> None:
    """A thread's result and its error are those of the work."""
    assert await hanging.ask(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await hanging.ask(lambda: 1 / 0)


async def test_who_waits_for_work_that_hangs_is_told_in_time(hanging: Hanging) -> None:
    """Also those who find no thread free.

    What was not begun by then is never begun, and a thread that is back works on.
    """
    pending_answers = asyncio.gather(
        *(hanging.ask(hanging.hang) for _ in range(5)), return_exceptions=True
    )
    answers = await asyncio.wait_for(pending_answers, 50 * SECONDS)
    assert [type(answer) for answer in answers] == [NoAnswerInTime] * 5
    hanging.release.set()
    assert await hanging.ask(lambda: "free again") == "free again"
    assert hanging.calls_begun == 2


async def test_what_nobody_waits_for_any_more_is_not_begun(hanging: Hanging) -> None:
    """A caller who leaves while all threads are at work takes the work along."""
    hanging_calls = [hanging.ask(hanging.hang) for _ in range(2)]
    left = hanging.ask(hanging.hang)
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.sleep(0)
    hanging.release.set()
    await asyncio.gather(*hanging_calls)
    assert await hanging.ask(lambda: "done") == "done"
    assert hanging.calls_begun == 2


async def test_a_thread_that_hangs_holds_up_no_end(hanging: Hanging) -> None:
    """Shutting down, as the event loop does at its end, returns although work hangs."""
    call = hanging.ask(hanging.hang)
    await asyncio.sleep(0)
    hanging.threads.shutdown(wait=True)
    assert hanging.calls_begun == 1
    assert not hanging.release.is_set()
    with pytest.raises(NoAnswerInTime):
        await call
