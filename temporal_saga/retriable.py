"""Retriable calls: commands that must eventually succeed.

Compensations, steps after the pivot, and the question how an earlier run ended.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import TypeAdapter
from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.workflow import ActivityHandle

from temporal_saga.call import Call, UndecodableResult, shielded
from temporal_saga.call_state import CallState, Progress, Settlement
from temporal_saga.failure import root
from temporal_saga.policy import KEY_REUSED, Policy
from temporal_saga.trouble import cut, in_words

ANY: TypeAdapter[Any] = TypeAdapter(Any)


class RetriableCall:
    """One command that is tried until it is answered, or until a person settles it.

    The server tries it again, in rounds. The first round is bounded by number and time, so that its
    end tells that the call is stuck; those after it are not. `KeyReused` ends it at once, as to try
    again soon cannot help. After a round that the server gave up, e.g. on a refusal, comes another,
    after a pause.

    A person's request begins another round at once, unless such a request began one just before:
    that one has the time of one try first, and further requests meanwhile are one request. So
    whoever repeats it cuts off no try, and costs no more than the message.

    A command that closes the saga's record is sent on when it is settled, with the settlement in
    it, and its rounds begin anew: the record outlives the saga, so that is where it belongs. For
    the same reason it is sent once more if it is answered while a request waits for its round: the
    command that was answered does not contain that request.
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
        """Note the call.

        Args:
            step: the step that it takes back or completes.
            call: the command.
            key: its idempotency key.
            always: whether it is to be done although the step was refused or never began.
            last: whether it waits until every other compensation is done or settled.
            refusals: the types of `ApplicationError` that are an answer; every other error is none.
        """
        self.call = call
        self.key = key
        self.always = always
        self.last = last
        self.state = CallState(step, call.name)
        self._refusals = refusals
        self._spacing: asyncio.Task[None] | None = None
        self._rounds_of_this_run = 0

    @property
    def step(self) -> str:
        """The step that it takes back or completes."""
        return self.state.step

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        return self.state.progress

    async def complete(
        self,
        policy: Policy,
        on_change: Callable[["RetriableCall"], None],
        *,
        locally_first: bool = False,
    ) -> Any:
        """Try until there is an answer; return it, or None when the call was settled by hand.

        Args:
            policy: bounds the first round and spaces the tries.
            on_change: called whenever `progress` has changed.
            locally_first: whether the orchestrator's own worker tries it once before the rounds.

        Raises:
            ActivityError: the answer is one of the refusals.
        """
        if self.state.over:
            return None
        if self.state.is_stuck:  # since an earlier run; whoever watches this one does not know yet
            on_change(self)
        else:
            self._enter(Progress.RUNNING, on_change)
        answer = None
        if locally_first and not (self.state.settlement or self.state.began):
            answer = await self._try_locally(policy, on_change)
        if self.progress is not Progress.DONE and not self.state.settlement:
            answer = await self._try(policy, on_change)
        if self.progress is not Progress.DONE:
            self._enter(Progress.SETTLED, on_change)
            if self.call.closes_record:
                await self._try(policy, on_change)
        self._update(over=True)
        return answer

    async def _try_locally(
        self, policy: Policy, on_change: Callable[["RetriableCall"], None]
    ) -> Any:
        """Try once in the orchestrator's own worker; None where there was no answer."""
        limit = min(policy.local_try, policy.start_to_close)
        try:
            answer = self.call.read(await shielded(self.call.try_locally(self.key, limit=limit)))
        except (FailureError, UndecodableResult):
            return None
        self._answer(answer, on_change)
        return answer

    async def _try(self, policy: Policy, on_change: Callable[["RetriableCall"], None]) -> Any:
        """Try until there is an answer; return it, or None once it was settled meanwhile."""
        before = self.state.settlement
        while self.state.settlement is before:
            retry, limit = self._round(policy)
            self._rounds_of_this_run += 1
            handle = self.call.send(
                self.key,
                retry,
                start_to_close=policy.start_to_close,
                limit=limit,
                number=self._rounds_of_this_run,
            )
            await self._answered_or_interrupted(handle, before)
            if not handle.done():
                _give_up(handle)
            elif self.state.settlement is before:
                try:
                    answer = self.call.read(handle.result())
                except (ActivityError, UndecodableResult) as error:
                    await self._fail(error, policy, on_change)
                else:
                    if self.call.closes_record and self.state.retry_requested:
                        continue
                    self._answer(answer, on_change)
                    return answer
        return None

    async def _answered_or_interrupted(
        self, handle: ActivityHandle[RawValue], before: Settlement | None
    ) -> None:
        await workflow.wait_condition(lambda: handle.done() or self._is_interrupted(before))

    async def _fail(
        self, error: Exception, policy: Policy, on_change: Callable[["RetriableCall"], None]
    ) -> None:
        """End a round that the server gave up, and pause; a refusal is an answer, and raised."""
        if self._is_refusal(error):
            self._succeed(on_change)
            raise error
        before = self.state.settlement
        self._update(
            rounds=self.state.rounds + 1,
            trouble=cut(in_words(str(root(error)))),
            stuck_since=self.state.stuck_since or workflow.now(),
        )
        self._enter(Progress.STUCK, on_change)
        with suppress(TimeoutError):
            await workflow.wait_condition(
                partial(self._is_interrupted, before),
                timeout=policy.pause(self.state.rounds),
                timeout_summary=f"pause before {self.call.title} is tried again",
            )

    def _round(self, policy: Policy) -> tuple[RetryPolicy, timedelta | None]:
        """Begin a round; return how the server tries, and for how long."""
        if self.state.retry_requested:
            if self._spacing is not None:
                self._spacing.cancel()
            self._spacing = asyncio.create_task(self._space(policy.start_to_close))
        self._update(retry_requested=False)
        answers = sorted(self._refusals)
        if self.state.rounds:
            return replace(policy.endless_round, non_retryable_error_types=answers or None), None
        began = self.state.began or workflow.now()
        self._update(began=began)
        remaining = policy.stuck_after - (workflow.now() - began)
        retry = replace(policy.first_round, non_retryable_error_types=[*answers, KEY_REUSED])
        return retry, remaining if remaining > timedelta() else policy.start_to_close

    async def _space(self, pause: timedelta) -> None:
        """Let a round that a person requested have the time of one try."""
        await workflow.sleep(pause, summary=f"the time of one {self.call.title}")
        self._spacing = None

    def _is_interrupted(self, before: Settlement | None) -> bool:
        """Tell whether a person wants another round now, or has settled it since `before`."""
        may_begin = self.state.retry_requested and self._spacing is None
        return self.state.settlement is not before or may_begin

    def _answer(self, answer: Any, on_change: Callable[["RetriableCall"], None]) -> None:
        """Keep what the participant answered, and end the tries."""
        self._update(answer=ANY.dump_python(answer, mode="json"), answered_at=workflow.now())
        self._succeed(on_change)

    def _succeed(self, on_change: Callable[["RetriableCall"], None]) -> None:
        self._update(trouble=None, stuck_since=None)
        if self._spacing is not None:
            self._spacing.cancel()
        self._enter(Progress.DONE, on_change)

    def _is_refusal(self, error: Exception) -> bool:
        cause = error.__cause__
        return isinstance(cause, ApplicationError) and cause.type in self._refusals

    def _enter(self, progress: Progress, on_change: Callable[["RetriableCall"], None]) -> None:
        self._update(progress=Progress.SETTLED if self.state.settlement else progress)
        on_change(self)

    def _update(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)


def _give_up(handle: ActivityHandle[RawValue]) -> None:
    """Stop the server's tries; one that is in flight meets the fence."""
    handle.cancel()
    # Looked at, so that nobody logs it as lost.
    handle.add_done_callback(lambda task: task.cancelled() or task.exception())
