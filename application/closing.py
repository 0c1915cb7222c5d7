"""Waiting for an order: until it has closed, or nothing more comes of it by itself."""

import asyncio
from contextlib import suppress

from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from application.run import Run
from application.runs import Runs
from application.shared_answers import SharedAnswers
from application.threads import on_thread
from contracts.states import OrderStatus, SagaState
from participants.order.reads import OrderReads

LOOK_SECONDS = 2.5
"""Whoever waits has the records read this often, should Temporal's news be lost; all who wait
together, at most twice as often."""

SAGA_LOOK_SECONDS = 0.5
"""The saga of an order that is waited for is first looked at after so long, as most have closed by
then; each further look is twice as long after the one before, up to `LOOK_SECONDS`."""

WAITING = frozenset({SagaState.AWAITING_REVIEW, SagaState.AWAITING_CUSTOMER})


class Closing:
    """Waits for orders to close, by Temporal's news and by their records, whichever is first."""

    def __init__(self, records: OrderReads, runs: Runs, stopping: asyncio.Event) -> None:
        """Hear of the sagas of `runs`, read `records`; stop waiting once `stopping` is set."""
        self._records = records
        self._stopping = stopping
        self._runs = runs
        self._order_ids: list[str] = []
        """The orders that are waited for, once for each who waits."""
        self._answers = SharedAnswers()

    async def wait(self, order_id: str, seconds: float) -> None:
        """Wait until the order has closed or waits for somebody itself.

        At most so long, and only while Temporal can tell.
        """
        news = (
            self._news(order_id),
            self._news_on_record(order_id),
            self._until_it_waits(order_id),
            self._stopping.wait(),
        )
        waits = [asyncio.ensure_future(wait) for wait in news]
        try:
            finished_tasks, _ = await asyncio.wait(
                waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for wait in finished_tasks:
                await wait
        except (RPCError, RuntimeError):
            return  # Temporal is away or busy: the next look says so
        finally:
            for wait in waits:
                wait.cancel()

    async def _news(self, order_id: str) -> None:
        """Wait until Temporal says that an order's saga has ended, well or not."""
        with suppress(WorkflowFailureError):
            await self._runs.handle(order_id).result()
        self._runs.pulse.hear()

    async def _news_on_record(self, order_id: str) -> None:
        """Wait until an order is closed on record; a look that fails is made again."""
        self._order_ids.append(order_id)
        status = OrderStatus.PENDING
        try:
            while status is OrderStatus.PENDING:
                await asyncio.sleep(LOOK_SECONDS)
                with suppress(Exception):  # the next look at the order says what is wrong
                    statuses = await self._answers.get("statuses", self._statuses, LOOK_SECONDS / 2)
                    status = statuses.get(order_id, OrderStatus.PENDING)
        finally:
            self._order_ids.remove(order_id)

    async def _statuses(self) -> dict[str, OrderStatus]:
        """Read with one query how all orders stand that are waited for."""
        return await on_thread(self._records.statuses, set(self._order_ids))

    async def _until_it_waits(self, order_id: str) -> None:
        """Wait until an order's saga waits for somebody; a look that fails is made again."""
        run = None
        pause = SAGA_LOOK_SECONDS
        while run is None or not _waits(run):
            await asyncio.sleep(pause)
            pause = min(2 * pause, LOOK_SECONDS)
            with suppress(Exception):  # it has no more to say than that nothing is known
                run = await self._runs.describe(order_id)


def _waits(run: Run) -> bool:
    """Tell whether a saga waits for somebody, or fails again at what it is stuck at.

    That it is stuck it shows until that succeeds, also while the first try after a retry is made.
    """
    is_failing = all(trying.error is not None for trying in run.tries.values())
    return run.state in WAITING or (run.is_stuck and is_failing)
