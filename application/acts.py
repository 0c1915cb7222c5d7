"""Acting on one order, for whoever asks: what a person decided is done, or it is told why not."""

import asyncio
import time
from datetime import timedelta
from typing import Any

from temporalio.client import RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from application.again import Again
from application.attention import left_open
from application.errors import NotFound, NotNow, NotPossible, NoWorkerAnswered, SagaWedged
from application.possible_acts import why_ended
from application.run import Run
from application.run_history import if_known
from application.runs import ANSWER_LIMIT, Runs, temporal
from application.threads import on_thread
from contracts.acts import MESSAGES, Act
from contracts.base import digest
from contracts.decisions import Decision, StepEvidence, act_of
from contracts.states import SagaState
from contracts.stubs import PAYMENT_ANSWERED
from participants.order.service import OrderService
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
    """Does to orders what people decided: sagas take it, or a failed order is placed again."""

    def __init__(self, order_service: OrderService, runs: Runs) -> None:
        """Tell the sagas of `runs`, and see there what became of it.

        `order_service` knows why a saga takes nothing any more.
        """
        self._order_service = order_service
        self._runs = runs
        self._again = Again(order_service, runs)

    async def send(
        self,
        order_id: str,
        act: Act,
        decision: Decision,
        act_id: str | None = None,
        owner: str | None = None,
    ) -> str:
        """Act on an order, and return the one that goes on: itself, or the new one in its place.

        Args:
            order_id: which.
            act: what is done.
            decision: who decided, why, and about what.
            act_id: names the act, so that repeating it is safe; None derives it from what is said.
            owner: the customer who alone may see the order; None for everybody.

        Raises:
            NotFound: there is no such order.
            NotPossible: it is too late, there is nothing to act on, or the saga is wedged.
            NotNow: nobody answers in time.
        """
        if act is Act.PLACE_AGAIN:
            return await self._again.start(order_id, owner)
        if owner is not None and await self._run_for(order_id, owner) is None:
            raise await self._why_ended(order_id, owner)
        update = f"request_{MESSAGES[act]}"
        update_id = act_id or f"{update}-{digest(decision.model_dump())}"
        if isinstance(decision, StepEvidence):
            run = await self._runs.describe(order_id)
            attempts = run and run.tries_at(decision.step)
            decision = decision.model_copy(update={"attempts": attempts})
        with if_known():
            await self._tell(order_id, update, decision, update_id)
            return order_id
        raise await self._why_ended(order_id, owner)

    async def tell_of_answer(self, order_id: str) -> None:
        """Have an order's saga ask how its payment stands, if it waits for its customer.

        Of any other order, or none, this changes nothing. Repeating it is safe.

        Raises:
            NotNow: Temporal is away.
        """
        run = await self._runs.describe(order_id)
        if run is None or run.closed_at or run.state is not SagaState.AWAITING_CUSTOMER:
            return
        with if_known():
            async with temporal(ANSWER_LIMIT):
                await self._runs.handle(order_id).signal(PAYMENT_ANSWERED, rpc_timeout=ANSWER_LIMIT)

    async def _run_for(self, order_id: str, owner: str | None) -> Run | None:
        """Return the last run of an order's saga, if it is one that the customer may see."""
        if owner is None:
            return await self._runs.describe(order_id)
        return await self._runs.find(order_id, owner=owner)

    async def _why_ended(self, order_id: str, owner: str | None) -> NotPossible | NotFound:
        """Return why an order takes no act on which no saga works any more.

        Raises:
            NotNow: Temporal is away, and the order is not closed on record.
        """
        record = await on_thread(self._order_service.find, order_id, owner)
        if record is not None and record.closed_at is not None:
            return why_ended(record.state, None, is_closed=True)
        run = await self._run_for(order_id, owner)
        standing = run or record
        if standing is None:
            return NotFound.of(f"order {order_id}")
        is_left_open = run is None or run.is_left_open(is_on_record=record is not None)
        is_closed = standing.closed_at is not None and not is_left_open
        need = left_open(order_id, run) if owner is None else None
        return why_ended(standing.state, need, is_closed=is_closed)

    async def _tell(self, order_id: str, update: str, decision: Decision, update_id: str) -> None:
        """Let the saga take an act, by an update; by a signal when it takes no more updates.

        Raises:
            NotPossible: the saga refuses, or is wedged.
            NotNow: nobody answers in time.
            RPCError: NOT_FOUND when no such saga runs.
        """
        end = time.monotonic() + ANSWER_LIMIT.total_seconds()
        while (remaining := end - time.monotonic()) > 0:
            try:
                return await self._update(order_id, update, decision, update_id, remaining)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                if NO_MORE_UPDATES in error.message:
                    return await self._signal(order_id, act_of(update), decision, end)
                await asyncio.sleep(BETWEEN_RUNS_SECONDS)
        raise await self._silence(order_id)

    async def _update(
        self, order_id: str, update: str, decision: Decision, update_id: str, seconds: float
    ) -> None:
        limit = timedelta(seconds=seconds)
        handle = self._runs.handle(order_id)
        ask = handle.execute_update(update, decision, id=update_id, rpc_timeout=limit)
        try:
            async with temporal():
                await asyncio.wait_for(ask, seconds)
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise await self._silence(order_id) from error
        except WorkflowUpdateFailedError as error:
            if getattr(error.cause, "type", None) != ALREADY:
                message = getattr(error.cause, "message", str(error.cause))
                raise NotPossible(message.removeprefix("ValueError: ")) from error

    async def _signal(self, order_id: str, message: str, decision: Decision, end: float) -> None:
        """Send the signal, and see in the story what became of it, until `end` on the clock.

        Raises:
            NotPossible: the saga ignored it, or is wedged.
            NotNow: no finished task has heard it by then.
        """
        async with temporal(ANSWER_LIMIT):
            await self._runs.handle(order_id).signal(message, decision, rpc_timeout=ANSWER_LIMIT)
        while time.monotonic() < end:
            signal = await self._last_signal(order_id, message, [decision.model_dump()])
            if signal is not None and signal.is_heard:
                if signal.ignored is not None:
                    raise NotPossible(signal.ignored or f"{message} was ignored")
                return
            await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
        raise await self._silence(order_id)

    async def _last_signal(
        self, order_id: str, message: str, arguments: list[Any]
    ) -> Moment | None:
        """Return the last signal of these words; those that are not heard stand at the end."""
        run = await self._runs.find(order_id)
        for moment in reversed(run.moments if run else ()):
            if (moment.name, moment.detail.get("arguments")) == (message, arguments):
                return moment
        return None

    async def _silence(self, order_id: str) -> NotNow | NotPossible:
        """Return why a saga gives no answer."""
        run = await self._runs.describe(order_id)
        return SagaWedged() if run and run.is_wedged else NoWorkerAnswered()
