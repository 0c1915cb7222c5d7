"""One question asked once for all who want to know the answer at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

OLDEST_SECONDS = 10
"""No answer is kept for longer, whoever may still want it."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Answer:
    task: "asyncio.Task[Any]"
    asked_at: float

    def serves(self, fresh_seconds: float) -> bool:
        """Tell whether this serves who asks now: it is under way, or no error and young."""
        if not self.task.done():
            return True
        return self.task.exception() is None and monotonic() - self.asked_at < fresh_seconds


class SharedAnswers:
    """Keeps answers for as long as they serve those who ask again."""

    def __init__(self) -> None:
        """Begin with no answer."""
        self._answers: dict[str, _Answer] = {}

    async def get(self, question: str, ask: Callable[[], Awaitable[T]], fresh_seconds: float) -> T:
        """Return the answer to a question, which may be asked for somebody else already.

        Args:
            question: names it.
            ask: asks it.
            fresh_seconds: how old the answer may be.

        Raises:
            Exception: what `ask` raises.
        """
        answer = self._answers.get(question)
        if answer is None or not answer.serves(fresh_seconds):
            self._forget()
            task = asyncio.ensure_future(ask())
            task.add_done_callback(lambda done_task: done_task.cancelled() or done_task.exception())
            answer = self._answers[question] = _Answer(task, monotonic())
        result: T = await asyncio.shield(answer.task)  # whoever goes away leaves it to the others
        return result

    def _forget(self) -> None:
        """Let go of what is too old for anybody."""
        oldest = monotonic() - OLDEST_SECONDS
        self._answers = {
            question: answer
            for question, answer in self._answers.items()
            if not answer.task.done() or answer.asked_at > oldest
        }
