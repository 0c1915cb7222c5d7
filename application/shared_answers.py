"""One question asked once for all who want to know the answer at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Any, TypeVar

OLDEST_SECONDS = 10
"""No answer is kept for longer, whoever may still want it."""

T = TypeVar("T")


class SharedAnswers:
    """Keeps answers for as long as they serve those who ask again."""

    def __init__(self) -> None:
        """Begin with no answer."""
        self._answers: dict[Hashable, tuple[asyncio.Future[Any], float]] = {}
        """By question: the answer, which may be to come, and when it was asked for."""

    async def get(
        self, question: Hashable, ask: Callable[[], Awaitable[T]], fresh_seconds: float
    ) -> T:
        """Return the answer to a question, which may be asked for somebody else already.

        Args:
            question: names it, with all that the answer depends on.
            ask: asks it.
            fresh_seconds: how old the answer may be.

        Raises:
            Exception: what `ask` raises.
        """
        answer, asked_at = self._answers.get(question, (None, 0.0))
        if answer is None or (answer.done() and monotonic() - asked_at >= fresh_seconds):
            answer = asyncio.ensure_future(ask())
            self._answers[question] = (answer, monotonic())
            answer.add_done_callback(lambda answer: self._keep(question, answer))
        result: T = await asyncio.shield(answer)  # whoever goes away leaves it to the others
        return result

    def _keep(self, question: Hashable, answer: "asyncio.Future[Any]") -> None:
        """Keep an answer for a while; an error, which who waits is told, for nobody."""
        if answer.cancelled() or answer.exception():
            self._forget(question, answer)
        else:
            answer.get_loop().call_later(OLDEST_SECONDS, self._forget, question, answer)

    def _forget(self, question: Hashable, answer: "asyncio.Future[Any]") -> None:
        if self._answers.get(question, (None,))[0] is answer:
            del self._answers[question]
