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
from temporal_saga.trouble import in_words


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

    A command that closes the saga's record is sent on when it is settled, with the person's word in it, and its rounds begin
    anew: the record outlives the saga, so that is where the word belongs.
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
        """Whether it keeps failing, and waits for a person."""
        return self.trouble is not None

    def ask_again(self) -> None:
        """Begin another round now instead of after the pause."""
        self._again = True

    def settle(self, settlement: Settlement) -> None:
        """Take a person's word for it; a try under way may still land."""
        self.settlement, self.trouble, self._again = settlement, None, True

    async def fulfil(self, policy: Policy, changed: Callable[["Duty"], None]) -> Any:
        """Ask until there is an answer; return it, or None when the duty was settled by hand.

        Args:
            policy: bounds the first round and spaces the tries.
            changed: told whenever `progress` has changed.

        Raises:
            ActivityError: the answer is one of the refusals.
        """
        self._enter(Progress.RUNNING, changed)
        answer = None if self.settlement else await self._ask(policy, changed)
        if self.progress is Progress.DONE:
            return answer
        self._enter(Progress.SETTLED, changed)
        if self.call.closes_record:
            await self._ask(policy, changed)
        return None

    async def _ask(self, policy: Policy, changed: Callable[["Duty"], None]) -> Any:
        """Ask until there is an answer; return it, or None once it was settled meanwhile."""
        word, rounds, retry = self.settlement, 0, policy.first_round
        limit: timedelta | None = policy.stuck_after
        while self.settlement is word:
            self._again = False
            asked = self.call.send(self._key, retry, start_to_close=policy.start_to_close, limit=limit)
            await workflow.wait_condition(lambda asked=asked: asked.done() or self._again)  # type: ignore[misc]
            if not asked.done():
                _give_up(asked)
            elif self.settlement is word:
                try:
                    answer = self.call.read(asked.result())
                except (ActivityError, UnreadableAnswer) as error:
                    if self._is_refusal(error):
                        self._answered(changed)
                        raise
                    rounds += 1
                    self.trouble = cut(in_words(str(root(error))))
                    self._enter(Progress.STUCK, changed)
                    await self._pause(policy.pause(rounds))
                else:
                    self._answered(changed)
                    return answer
            retry, limit = policy.endless_round, None
        return None

    def _answered(self, changed: Callable[["Duty"], None]) -> None:
        self.trouble = None
        self._enter(Progress.DONE, changed)

    def _is_refusal(self, error: Exception) -> bool:
        cause = error.__cause__
        return isinstance(cause, ApplicationError) and cause.type in self._refusals

    async def _pause(self, pause: timedelta) -> None:
        with suppress(TimeoutError):
            summary = f"pause before {self.call.name} is tried again"
            await workflow.wait_condition(lambda: self._again, timeout=pause, timeout_summary=summary)

    def _enter(self, progress: Progress, changed: Callable[["Duty"], None]) -> None:
        self.progress = Progress.SETTLED if self.settlement else progress
        changed(self)


def _give_up(asked: ActivityHandle[RawValue]) -> None:
    """Stop the server's tries; one that is under way meets the fence."""
    asked.cancel()
    asked.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # looked at, so that nobody logs it as lost
