"""What must happen, whatever happens: a compensation, or a step after the pivot (the literature's retriable transaction)."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityHandle

from temporal_saga.call import Call, UnreadableAnswer
from temporal_saga.failure import cut, root
from temporal_saga.policy import Policy


class Progress(StrEnum):
    """How far a duty has come."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    STUCK = "STUCK"
    SETTLED = "SETTLED"


@dataclass(frozen=True)
class Settlement:
    """A person's word that a stuck duty was put right by hand: who, why, by what evidence, and when (UTC)."""

    by: str
    reason: str
    evidence: str
    at: datetime


class Duty:
    """One command that is asked until it is answered, or until a person settles it.

    The server tries it again, in rounds. The first round is bounded by number and time, so that its end tells that the duty is
    stuck; those after it are not. After a round that the server gave up, e.g. on a refusal, comes another, after a pause.
    """

    def __init__(  # each by its name
        self,
        step: str,
        call: Call[Any, Any],
        key: str,
        *,
        always: bool = False,
        last: bool = False,
        refusals: Collection[str] = (),
    ) -> None:
        """Note the duty.

        Args:
            step: the step that it takes back or completes.
            call: the command.
            key: its idempotency key.
            always: whether it is to be done although the step was refused or never began.
            last: whether it waits until every other compensation is done or settled.
            refusals: the types of `ApplicationError` that are an answer to it; every other error is none.
        """
        self.step = step
        self.call = call
        self.always = always
        self.last = last
        self.progress = Progress.WAITING
        self.settlement: Settlement | None = None
        self.trouble: str | None = None
        """What the last round ended with; None unless stuck."""
        self._key = key
        self._refusals = refusals
        self._again = False

    @property
    def stuck(self) -> bool:
        """Whether it keeps failing, and nobody has settled it."""
        return self.progress is Progress.STUCK and self.settlement is None

    def ask_again(self) -> None:
        """Begin another round now instead of after the pause."""
        self._again = True

    def settle(self, settlement: Settlement) -> None:
        """Take a person's word for it; a try under way may still land."""
        self.settlement = settlement

    async def fulfil(self, policy: Policy, changed: Callable[["Duty"], None]) -> Any:
        """Ask until there is an answer; return it, or None when the duty was settled by hand.

        Args:
            policy: bounds the first round and spaces the tries.
            changed: told whenever `progress` has changed.

        Raises:
            ActivityError: the answer is one of the refusals.
        """
        rounds, retry = 0, policy.first_round
        limit: timedelta | None = policy.stuck_after
        self._enter(Progress.RUNNING, changed)
        while self.settlement is None:
            self._again = False
            asked = self.call.send(self._key, retry, start_to_close=policy.start_to_close, limit=limit)
            await workflow.wait_condition(lambda asked=asked: asked.done() or self._interrupted)  # type: ignore[misc]
            if not asked.done():
                _give_up(asked)
            elif self.settlement is None:
                try:
                    answer = self.call.read(asked.result())
                except (ActivityError, UnreadableAnswer) as error:
                    if self._is_refusal(error):
                        self._enter(Progress.DONE, changed)
                        raise
                    rounds += 1
                    self.trouble = cut(str(root(error)))
                    self._enter(Progress.STUCK, changed)
                    await self._pause(policy.pause(rounds))
                else:
                    self._enter(Progress.DONE, changed)
                    return answer
            retry, limit = policy.endless_round, None
        self._enter(Progress.SETTLED, changed)
        return None

    def _is_refusal(self, error: Exception) -> bool:
        cause = error.__cause__
        return isinstance(cause, ApplicationError) and cause.type in self._refusals

    async def _pause(self, pause: timedelta) -> None:
        with suppress(TimeoutError):
            summary = f"pause before {self.call.name} is tried again"
            await workflow.wait_condition(lambda: self._interrupted, timeout=pause, timeout_summary=summary)

    @property
    def _interrupted(self) -> bool:
        return self._again or self.settlement is not None

    def _enter(self, progress: Progress, changed: Callable[["Duty"], None]) -> None:
        self.progress = progress
        changed(self)


def _give_up(asked: ActivityHandle[RawValue]) -> None:
    """Stop the server's tries; one that is under way meets the fence."""
    asked.cancel()
    asked.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # looked at, so that nobody logs it as lost
