"""Which orders need a person, and why: the one place that view, list, figure and overview ask.

It compares two memories. Temporal's visibility knows the sagas that say that they are stuck, those
whose code fails, and those that were ended from outside; but it forgets. The order service's record
never does: an order that is open there and has no saga that runs was left open, whoever ended that
saga, and however long ago.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Generic, TypeVar

from application.attention import left_open, of_run
from application.costly_answer import CostlyAnswer
from application.errors import Away, Busy
from application.expiring_reviews import ExpiringReviews
from application.needs import Need, Needs, count_causes
from application.run import Run
from application.runs import Runs, temporal
from application.threads import on_thread
from application.visibility import IS_RUNNING, SagaRuns, Visibility
from contracts.states import CLOSED, OrderStatus, SagaState
from contracts.views import AttentionCause
from participants.order.reads import OrderReads
from temporal_saga.last_run import last_runs

T = TypeVar("T")

GRACE = timedelta(seconds=30)
"""An order that was placed just now may be on record before visibility knows its saga."""

LOOK_LIMIT = timedelta(seconds=60)
"""A look that takes longer than this is given up."""

EVERY_SECONDS = 2
"""Nobody looks more often than this, however many ask."""

REST = 9
"""For so many times as long as a look took, nobody looks again: it takes a tenth of the time at
most."""

WAIT_SECONDS = 1.5
"""Whoever asks waits so long for a look, and is then told what the last one saw."""

OLDEST_SECONDS = 60
"""What was seen longer ago than this is not known any more."""

MOST_COMPARED = 50_000
MOST_RUNNING = 100_000
"""So many open orders, of them the oldest, are compared with so many sagas that run."""

MOST_IN_DOUBT = 500
AT_ONCE = 20
"""So many runs that visibility says nothing of are asked for in one look, and so many at a time;
the rest in the next, before those that were asked for."""

STUCK = f"NeedsAttention = true AND {IS_RUNNING}"
WEDGED = f"TemporalReportedProblems IS NOT NULL AND {IS_RUNNING}"

ENDED_EARLY = tuple(
    f'ExecutionStatus != "Running" AND ExecutionStatus != "ContinuedAsNew" AND {shows}'
    for shows in (
        *(f'SagaState = "{state}"' for state in SagaState if state not in CLOSED),
        "SagaState IS NULL",
    )
)
"""A question for each state: only for an equality does Temporal look into an index, and for one
question about all of them it would look at every run that there is."""


class Watch:
    """Looks when somebody asks, and not more often than it must.

    It keeps the last look in memory.
    """

    def __init__(
        self, runs: Runs, visibility: Visibility, records: OrderReads, review_warning: timedelta
    ) -> None:
        """Compare `visibility` with `records`; ask `runs` where they leave doubt.

        An order that awaits review needs a person `review_warning` before that ends; never for 0.
        """
        self.runs = runs
        self.reviews = ExpiringReviews(records.reviews, review_warning)
        self.visibility = visibility
        self._records = records
        self._answer: CostlyAnswer[Needs] = CostlyAnswer(REST, EVERY_SECONDS)
        self._left_open_ones = _Memory(self._need_of_left_open)
        """Orders that visibility says nothing of, and whose runs say that they were left open."""
        self._wedged_runs = _Memory(self._wedged_run)

    async def needs(self) -> Needs:
        """Return which orders need a person, by a look now, or the last one where that takes long.

        Raises:
            NotNow: Temporal is away, or nothing is known that would still hold.
            Exception: the order service's database does not answer.
        """
        with suppress(Busy):  # what it said before still holds
            needs = await self._answer.get(self._look, WAIT_SECONDS)
            if needs is not None:
                return needs
        last = self._answer.last
        if last is not None and last.age_seconds < OLDEST_SECONDS:
            return last
        raise Away("Temporal")

    async def _look(self) -> Needs:
        began = monotonic()
        async with temporal(LOOK_LIMIT):
            return await self._compare(began)

    async def _compare(self, began: float) -> Needs:
        stuck_ones = await self.visibility.runs(STUCK, LOOK_LIMIT)
        wedged_ones = await self.visibility.runs(WEDGED, LOOK_LIMIT)
        ended_runs = await self._ended_early()
        running_ones = stuck_ones.by_order | wedged_ones.by_order
        running_ones |= await self._wedged_runs.of(wedged_ones.by_order)
        running, open_orders = await self._open_orders(ended_runs.by_order)
        needs = await self._expiring_reviews(running)
        needs |= {
            order_id: Need(need, run)
            for order_id, run in running_ones.items()
            if (need := of_run(order_id, run, is_left_open=False))
        }
        needs |= await self._left_open(ended_runs.by_order, running, open_orders)
        for order_id in await self._closed_orders(needs):
            del needs[order_id]
        counts = count_causes(needs)
        for cause, runs, which in (
            (AttentionCause.STUCK, stuck_ones, STUCK),
            (AttentionCause.WEDGED, wedged_ones, WEDGED),
        ):
            if not runs.complete:
                counts[cause] = sum((await self.visibility.count(which, LOOK_LIMIT)).values())
        is_complete = self._left_open_ones.is_complete and all(
            runs.complete for runs in (stuck_ones, wedged_ones, ended_runs)
        )
        return Needs(needs, counts, datetime.now(UTC), began, is_complete)

    async def _ended_early(self) -> SagaRuns:
        """Return each saga's last run of those that are closed and did not go to their end."""
        answers = [await self.visibility.runs(which, LOOK_LIMIT) for which in ENDED_EARLY]
        runs = [run for answer in answers for run in answer.by_order.items()]
        by_order = last_runs(runs, lambda run: run.closed_at)
        return SagaRuns(by_order, all(answer.complete for answer in answers))

    async def _closed_orders(self, order_ids: Collection[str]) -> set[str]:
        """Return the orders that are closed on record, whatever their sagas still do."""
        statuses = await on_thread(self._records.statuses, order_ids)
        return {
            order_id for order_id, status in statuses.items() if status is not OrderStatus.PENDING
        }

    async def _open_orders(
        self, ended_runs: Mapping[str, Run]
    ) -> tuple[Mapping[str, SagaState | None], Mapping[str, datetime]]:
        """Return the sagas that run, with their states, and the open orders since when they are."""
        if not ended_runs and not await on_thread(self._records.still_open, 1):
            return {}, {}
        running = await self.visibility.states(IS_RUNNING, LOOK_LIMIT, most=MOST_RUNNING)
        # Read after the sagas: what is open now was open then, so its saga ran or is gone.
        return running, await on_thread(self._records.still_open, MOST_COMPARED)

    async def _expiring_reviews(self, running: Mapping[str, SagaState | None]) -> dict[str, Need]:
        """Return the orders whose review ends soon."""
        in_review = [
            order_id for order_id, state in running.items() if state is SagaState.AWAITING_REVIEW
        ]
        needs = await self.reviews.needs(in_review)
        return {order_id: Need(attention, None) for order_id, attention in needs.items()}

    async def _left_open(
        self,
        ended_runs: Mapping[str, Run],
        running: Mapping[str, SagaState | None],
        open_orders: Mapping[str, datetime],
    ) -> dict[str, Need]:
        """Return the orders on which nobody works; some may be closed on record."""
        latest = datetime.now(UTC) - GRACE
        runs = {order_id: run for order_id, run in ended_runs.items() if order_id not in running}
        needs = {order_id: Need(left_open(order_id, run), run) for order_id, run in runs.items()}
        doubtful = [
            order_id
            for order_id, placed_at in open_orders.items()
            if order_id not in running and order_id not in runs and placed_at < latest
        ]
        return needs | await self._left_open_ones.of(doubtful)

    async def _need_of_left_open(self, order_id: str) -> Need | None:
        """Return that an open order was left so, if its saga has ended."""
        run = await self.runs.describe(order_id)
        is_left_open = run is None or run.is_left_open(is_on_record=True)
        return Need(left_open(order_id, run), run) if is_left_open else None

    async def _wedged_run(self, order_id: str) -> Run | None:
        """Return a wedged saga's run with since when it is so, which visibility does not tell."""
        run = await self.runs.describe(order_id)
        return run if run and run.closed_at is None and run.is_wedged else None


class _Memory(Generic[T]):
    """What was answered for orders, each asked for once, for as long as they are in question."""

    def __init__(self, ask: Callable[[str], Awaitable[T | None]]) -> None:
        """Have `ask` called; what is None is asked for again the next time."""
        self._ask = ask
        self._answers: dict[str, T] = {}
        self._in_line: list[str] = []
        self.is_complete = True
        """Whether all of the last ones were asked for."""

    async def of(self, order_ids: Collection[str]) -> dict[str, T]:
        """Return the answers for these orders: of many some are asked for, the others next time.

        All have their turn: who is asked for without an answer stands at the end of the line.
        """
        in_question = set(order_ids) - self._answers.keys()
        line = dict.fromkeys((*self._in_line, *order_ids))
        new = [order_id for order_id in line if order_id in in_question]
        some = new[:MOST_IN_DOUBT]
        rest = new[MOST_IN_DOUBT:]
        self.is_complete = not rest
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(order_id: str) -> tuple[str, T | None]:
            async with turns:
                return order_id, await self._ask(order_id)

        answers = self._answers | dict(await asyncio.gather(*map(in_turn, some)))
        self._in_line = rest + some
        self._answers = {
            order_id: answer
            for order_id in order_ids
            if (answer := answers.get(order_id)) is not None
        }
        return self._answers
