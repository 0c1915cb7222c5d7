"""Sending a saga what a person decided: it takes the act, or the caller is told why not."""

import asyncio
import time
from datetime import timedelta
from typing import Any

from temporalio.client import RPCTimeoutOrCancelledError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from application.errors import NotNow, NotPossible, NoWorkerAnswered, SagaWedged
from application.runs import ANSWER_LIMIT, Runs, temporal
from contracts.base import digest
from contracts.decisions import Decision, StepEvidence, act_of
from contracts.ids import order_id_of
from temporal_saga.moment import Moment

BETWEEN_RUNS_SECONDS = 0.1
"""An act that comes while one run of a saga ends and another begins is told again after this."""

BETWEEN_LOOKS_SECONDS = 0.1
"""Between two looks at what became of a signal."""

NO_MORE_UPDATES = "limit on the total number of distinct updates"
"""The server's words once a run has taken its last; the saga goes on in another run."""

ALREADY = "AlreadySo"
"""The type of a refusal that is none: what was asked for is so already."""


class ActSender:
    """Sends acts to one order's saga."""

    def __init__(self, handle: WorkflowHandle[Any, Any], runs: Runs) -> None:
        """Send to the saga of `handle`, and see in `runs` what became of it."""
        self._handle = handle
        self._runs = runs

    async def decide(self, update: str, decision: Decision, act_id: str | None) -> None:
        """Let the saga take what a person decided, under an id that makes repeating it safe.

        Raises:
            NotPossible, NotNow, RPCError: as `act` does.
        """
        update_id = act_id or f"{update}-{digest(decision.model_dump())}"
        if isinstance(decision, StepEvidence):
            run = await self._runs.describe(order_id_of(self._handle.id))
            attempts = run and run.tries_at(decision.step)
            decision = decision.model_copy(update={"attempts": attempts})
        await self.act(update, decision, update_id)

    async def act(self, update: str, decision: Decision, update_id: str) -> None:
        """Let the saga take an act, by an update; by a signal when it takes no more updates.

        Raises:
            NotPossible: the saga refuses, or is wedged.
            NotNow: nobody answers in time.
            RPCError: NOT_FOUND when no such saga runs.
        """
        end = time.monotonic() + ANSWER_LIMIT.total_seconds()
        while (remaining := end - time.monotonic()) > 0:
            try:
                return await self._update(update, decision, update_id, remaining)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                if NO_MORE_UPDATES in error.message:
                    return await self._signal(act_of(update), decision, end)
                await asyncio.sleep(BETWEEN_RUNS_SECONDS)
        raise await self._silence()

    async def _update(
        self, update: str, decision: Decision, update_id: str, seconds: float
    ) -> None:
        limit = timedelta(seconds=seconds)
        ask = self._handle.execute_update(update, decision, id=update_id, rpc_timeout=limit)
        try:
            async with temporal():
                await asyncio.wait_for(ask, seconds)
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise await self._silence() from error
        except WorkflowUpdateFailedError as error:
            if getattr(error.cause, "type", None) != ALREADY:
                message = getattr(error.cause, "message", str(error.cause))
                raise NotPossible(message.removeprefix("ValueError: ")) from error

    async def _signal(self, act: str, decision: Decision, end: float) -> None:
        """Send the signal, and see in the story what became of it, until `end` on the clock.

        Raises:
            NotPossible: the saga ignored it, or is wedged.
            NotNow: no finished task has heard it by then.
        """
        async with temporal(ANSWER_LIMIT):
            await self._handle.signal(act, decision, rpc_timeout=ANSWER_LIMIT)
        while time.monotonic() < end:
            signal = await self._last_signal(act, [decision.model_dump()])
            if signal is not None and signal.is_heard:
                if signal.ignored is not None:
                    raise NotPossible(signal.ignored or f"{act} was ignored")
                return
            await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
        raise await self._silence()

    async def _last_signal(self, act: str, arguments: list[Any]) -> Moment | None:
        """Return the last signal of these words; those that are not heard stand at the end."""
        run = await self._runs.find(order_id_of(self._handle.id))
        for moment in reversed(run.moments if run else ()):
            if (moment.name, moment.detail.get("arguments")) == (act, arguments):
                return moment
        return None

    async def _silence(self) -> NotNow | NotPossible:
        """Return why a saga gives no answer."""
        run = await self._runs.describe(order_id_of(self._handle.id))
        return SagaWedged() if run and run.is_wedged else NoWorkerAnswered()
