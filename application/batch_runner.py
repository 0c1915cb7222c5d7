"""Acting on the orders of a batch operation, a few at once, each once whatever ends in between."""

import asyncio
import logging
from contextlib import suppress
from time import monotonic

from temporalio.client import Client
from temporalio.service import RPCError

from application.acts import ActSender
from application.batch_workflows import ENDED, status_of
from application.closing import Closing
from application.errors import NotFound, NotNow, NotPossible
from application.runs import ADDITION_LIMIT, Runs
from application.threads import on_thread
from contracts.acts import MESSAGES, Act
from contracts.batches import OPEN, BatchOutcome, BatchRecord, BatchRound, BatchState
from contracts.decisions import act_of
from contracts.text import beginning_of
from participants.order.batch_turns import BatchOrder
from participants.order.batches import OrderResult
from participants.order.service import OrderService

LOG = logging.getLogger("batches")

ROUND_SECONDS = 10
"""One round begins with no more orders after this; the next one goes on."""

TURNS = 4
"""Orders are taken, acted on, and written down together, so many for each that may be acted on at
one time."""

HEAR_SECONDS = 1
"""Temporal is asked so often whether somebody ended the workflow there. The activity itself hears
of it too late: its heartbeats are sent seconds apart."""

MOST_TRIES = 10
"""Where nobody answers so often, an order is given up."""

MOST_OF_A_MESSAGE = 1_000

FOLLOW_SECONDS = 3
"""The next order's turn is when this one has closed or waits for somebody, or after so long: a saga
takes an act sooner than it does what follows from it, and what piles up delays new orders."""


class BatchRunner:
    """Acts on orders for all batch operations of one process."""

    def __init__(self, order_service: OrderService, at_once: int) -> None:
        """Keep what came of it in `order_service`; act on `at_once` orders at one time."""
        self._service = order_service
        self._batches = order_service.batches
        self._places = asyncio.Semaphore(at_once)
        self._at_a_time = TURNS * at_once

    async def run(self, batch_id: str, client: Client) -> BatchRound:
        """Act on the next orders of a batch operation, for a while.

        It comes back sooner when none of some orders could be reached, and when it is over.

        Raises:
            Exception: the order service's database gives no answer.
        """
        batch = await on_thread(self._batches.find, batch_id)
        if batch is None or batch.state not in OPEN:
            return BatchRound(is_over=True, results=0)
        acts = _Acts(batch, client, self._service)
        give_back = monotonic() + ROUND_SECONDS
        count = 0
        while monotonic() < give_back:
            state = await acts.state()
            # Stopped, it asks once more what came of acts that were sent, and sends no new ones.
            is_last = state is not BatchState.RUNNING
            least_tries = 1 if is_last else 0
            orders = await on_thread(self._batches.take, batch_id, self._at_a_time, least_tries)
            results, left = await self._act_on(orders, acts, is_last=is_last)
            await on_thread(self._batches.record, batch_id, results)
            await on_thread(self._batches.give_back, batch_id, left)
            count += len(results)
            if is_last or not orders:
                await on_thread(self._batches.end, batch_id)
                return BatchRound(is_over=True, results=count)
            if not results and not left:
                break
        return BatchRound(is_over=False, results=count)

    async def _act_on(
        self, orders: list[BatchOrder], acts: "_Acts", *, is_last: bool
    ) -> tuple[list[OrderResult], list[BatchOrder]]:
        """Act on orders; return the results of those that have one, and those not begun.

        None is begun once the batch operation was stopped, unless these are its last.
        """
        left: list[BatchOrder] = []

        async def act_on(order: BatchOrder) -> OrderResult | None:
            async with self._places:
                if is_last or await acts.still_run():
                    return await acts.act_on(order)
            left.append(order)
            return None

        results = await asyncio.gather(*map(act_on, orders))
        return [result for result in results if result is not None], left


class _Acts:
    """The act of one batch operation, on one order after the other."""

    def __init__(self, batch: BatchRecord, client: Client, order_service: OrderService) -> None:
        self._batch = batch
        self._decision = batch.decision
        self._runs = Runs(client)
        self._closing = Closing(order_service, self._runs, asyncio.Event())
        self._sender = ActSender(order_service, self._runs)
        self._batches = order_service.batches
        self._hears_at = 0.0

    async def state(self) -> BatchState | None:
        """Return how the batch operation stands, also where its workflow was ended in Temporal.

        Raises:
            Exception: the order service's database gives no answer.
        """
        batch_id = self._batch.batch_id
        if monotonic() >= self._hears_at:
            self._hears_at = monotonic() + HEAR_SECONDS
            with suppress(NotNow, RPCError):
                if await status_of(self._runs.client, batch_id, ADDITION_LIMIT) in ENDED:
                    await on_thread(self._batches.stop_with_workflow, batch_id)
        return await on_thread(self._batches.state, batch_id)

    async def still_run(self) -> bool:
        """Tell whether the batch operation is known to run; who asks next hears what is wrong."""
        with suppress(Exception):
            return await self.state() is BatchState.RUNNING
        return False

    async def act_on(self, order: BatchOrder) -> OrderResult | None:
        """Act on an order once, and return what came of it; None when it is to be tried again."""
        try:
            return await self._result_at(order)
        except (NotNow, RPCError) as error:
            why = str(error)
        except Exception as error:  # the other orders' results must not be lost
            LOG.warning("batch %s, order %s", self._batch.batch_id, order.order_id, exc_info=True)
            why = f"{type(error).__name__}: {error}"
        if order.tries < MOST_TRIES:
            return None
        message = f"given up after {order.tries} tries, it may still be taken: {why}"
        return _result(order, BatchOutcome.NOT_REACHED, message)

    async def _result_at(self, order: BatchOrder) -> OrderResult:
        """Act on an order under an id of this batch operation, and return what came of it.

        Raises:
            NotNow, RPCError: nobody answers.
        """
        act_id = f"batch-{self._batch.batch_id}-{order.order_id}"
        try:
            acting_id = await self._sender.send(
                order.order_id, self._batch.act, self._decision, act_id
            )
        except (NotFound, NotPossible) as error:
            # An earlier try may have been taken by a run that another has followed.
            if order.tries == 1 or not await self._was_heard(order.order_id):
                return _result(order, BatchOutcome.REFUSED, str(error))
            return _result(order, BatchOutcome.DONE)
        await self._closing.wait(acting_id, FOLLOW_SECONDS)
        is_another = acting_id != order.order_id
        message = f"placed again as {acting_id}" if is_another else None
        return _result(order, BatchOutcome.DONE, message)

    async def _was_heard(self, order_id: str) -> bool:
        """Tell whether a run of the order's saga took these very words already."""
        if self._batch.act is Act.PLACE_AGAIN:
            return False
        words = _words(self._decision.model_dump())
        run = await self._runs.find(order_id)
        return any(
            act_of(moment.name) == MESSAGES[self._batch.act]
            and [_words(argument) for argument in moment.detail.get("arguments", [])] == [words]
            for moment in (run.moments if run else ())
            if moment.kind == "decision" and moment.ignored is None
        )


def _words(decision: object) -> object:
    """Return a decision as a person gave it; how often a step was tried by then is not theirs."""
    if not isinstance(decision, dict):
        return decision
    return {name: value for name, value in decision.items() if name != "attempts"}


def _result(order: BatchOrder, outcome: BatchOutcome, message: str | None = None) -> OrderResult:
    text = message and beginning_of(message, MOST_OF_A_MESSAGE)
    return OrderResult(order.number, outcome, text)
