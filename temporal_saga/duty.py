"""What must happen, whatever happens: a compensation, or a step after the pivot (the literature's retriable transaction)."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
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
    """A person's word that a stuck duty was put right by hand.

    Args:
        by: who says so.
        reason: why.
        evidence: what shows it.
        at: when (UTC).
        attempts: tries that the server had begun by then, as far as whoever settled it knew: a
            settlement cuts off the round under way, and no history event holds its number.
    """

    by: str
    reason: str
    evidence: str
    at: datetime
    attempts: int | None = None


@dataclass(eq=False)
class Standing:
    """How far one command has come that must be obeyed. Another run of its saga goes on from it.

    Args:
        step: the step that it takes back or completes.
        name: the command's name, without `Command`.
        trouble: what the last round ended with; None unless stuck.
        stuck_since: when the first of its rounds failed (UTC); None unless stuck.
        rounds: so many have failed, since it was settled if it was.
        began: when the first of them did (UTC).
        over: whether nothing is left to be done.
        asked_again: whether another round is about to begin by a person's word, so that one more word would change nothing.
    """

    step: str
    name: str
    progress: Progress = Progress.WAITING
    trouble: str | None = None
    stuck_since: datetime | None = None
    settlement: Settlement | None = None
    rounds: int = 0
    began: datetime | None = None
    over: bool = False
    asked_again: bool = False

    @property
    def stuck(self) -> bool:
        """Whether it keeps failing, and waits for a person."""
        return self.trouble is not None

    def ask_again(self) -> None:
        """Begin another round now instead of after the pause; one that began so just before has its time first."""
        self.asked_again = True

    def settle(self, settlement: Settlement) -> None:
        """Take a person's word for it; a try under way may still land."""
        self.settlement = settlement
        self.trouble = None
        self.stuck_since = None
        self.rounds = 0
        self.began = None


class Duty(Standing):
    """One command that is asked until it is answered, or until a person settles it.

    The server tries it again, in rounds. The first round is bounded by number and time, so that its end tells that the duty is
    stuck; those after it are not. After a round that the server gave up, e.g. on a refusal, comes another, after a pause.

    A person's word begins another round at once, unless such a word began one just before: that one has the time of one try
    first, and further words meanwhile are one word. So whoever repeats it cuts off no try, and costs no more than the message.

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
        super().__init__(step, call.name)
        self.call = call
        self.always = always
        self.last = last
        self.key = key
        self._refusals = refusals
        self._rest: asyncio.Task[None] | None = None

    @property
    def standing(self) -> Standing:
        """How far it has come."""
        return Standing(**{known.name: getattr(self, known.name) for known in fields(Standing)})

    def go_on_from(self, standing: Standing) -> None:
        """Go on from where the run before had come."""
        vars(self).update(vars(standing))

    async def fulfil(self, policy: Policy, changed: Callable[["Duty"], None]) -> Any:
        """Ask until there is an answer; return it, or None when the duty was settled by hand.

        Args:
            policy: bounds the first round and spaces the tries.
            changed: told whenever `progress` has changed.

        Raises:
            ActivityError: the answer is one of the refusals.
        """
        if self.over:
            return None
        if not self.stuck:
            self._enter(Progress.RUNNING, changed)
        answer = None if self.settlement else await self._ask(policy, changed)
        if self.progress is not Progress.DONE:
            self._enter(Progress.SETTLED, changed)
            if self.call.closes_record:
                await self._ask(policy, changed)
        self.over = True
        return answer

    async def _ask(self, policy: Policy, changed: Callable[["Duty"], None]) -> Any:
        """Ask until there is an answer; return it, or None once it was settled meanwhile."""
        word = self.settlement
        while self.settlement is word:
            retry, limit = self._round(policy)
            asked = self.call.send(
                self.key, retry, start_to_close=policy.start_to_close, limit=limit
            )
            await workflow.wait_condition(lambda asked=asked: asked.done() or self._is_told(word))  # type: ignore[misc]
            if not asked.done():
                _give_up(asked)
            elif self.settlement is word:
                try:
                    answer = self.call.read(asked.result())
                except (ActivityError, UnreadableAnswer) as error:
                    if self._is_refusal(error):
                        self._answered(changed)
                        raise
                    self.rounds += 1
                    self.trouble = cut(in_words(str(root(error))))
                    self.stuck_since = self.stuck_since or workflow.now()
                    self._enter(Progress.STUCK, changed)
                    await self._pause(policy.pause(self.rounds), word)
                else:
                    self._answered(changed)
                    return answer
        return None

    def _round(self, policy: Policy) -> tuple[RetryPolicy, timedelta | None]:
        """Begin a round; return how the server tries, and for how long. What a person asked for has the time of one try."""
        if self.asked_again:
            self._rest = asyncio.create_task(self._rests(policy.start_to_close))
        self.asked_again = False
        if self.rounds:
            return policy.endless_round, None
        self.began = self.began or workflow.now()
        left = policy.stuck_after - (workflow.now() - self.began)
        return policy.first_round, left if left > timedelta() else policy.start_to_close

    async def _rests(self, pause: timedelta) -> None:
        await workflow.sleep(pause, summary=f"the time of one {self.call.name}")
        self._rest = None

    def _is_told(self, word: Settlement | None) -> bool:
        """Tell whether a person wants another round now, or has settled it since `word`."""
        return self.settlement is not word or (self.asked_again and self._rest is None)

    def _answered(self, changed: Callable[["Duty"], None]) -> None:
        self.trouble = None
        self.stuck_since = None
        if self._rest is not None:
            self._rest.cancel()
        self._enter(Progress.DONE, changed)

    def _is_refusal(self, error: Exception) -> bool:
        cause = error.__cause__
        return isinstance(cause, ApplicationError) and cause.type in self._refusals

    async def _pause(self, pause: timedelta, word: Settlement | None) -> None:
        with suppress(TimeoutError):
            summary = f"pause before {self.call.name} is tried again"
            told = partial(self._is_told, word)
            await workflow.wait_condition(told, timeout=pause, timeout_summary=summary)

    def _enter(self, progress: Progress, changed: Callable[["Duty"], None]) -> None:
        self.progress = Progress.SETTLED if self.settlement else progress
        changed(self)


def _give_up(asked: ActivityHandle[RawValue]) -> None:
    """Stop the server's tries; one that is under way meets the fence."""
    asked.cancel()
    asked.add_done_callback(
        lambda ended: ended.cancelled() or ended.exception()
    )  # looked at, so that nobody logs it as lost
