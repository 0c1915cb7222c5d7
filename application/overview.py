"""How all orders stand, in a few figures: by state, by why they failed, and what needs a person."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from application.errors import NotNow, no_answer
from application.need_groups import groups_of
from application.needs import Needs
from application.order_list import OrderLists
from application.order_query import MOST_ON_A_PAGE, ListQuery
from application.outcomes import ClosedOrders, known_reasons
from application.runs import ADDITION_LIMIT
from application.shared_answers import SharedAnswers
from application.task_queues import TaskQueues
from application.threads import on_thread
from application.visibility import RUNNING, in_state
from application.watch import Watch
from contracts.overview import AttentionFigures, Overview
from contracts.states import STATUS, OrderStatus, SagaState
from contracts.views import AttentionCause
from participants.order.reads import OrderReads

FRESH_SECONDS = 5
"""Figures of all orders may be as old as this, however many ask for them."""

NOT_KNOWN = "how open orders stand, and what needs attention, is not known"
MANY = f"more than {MOST_ON_A_PAGE} of your orders are open: how they stand is not counted"

NO_FIGURES = AttentionFigures(
    count=None, by_cause=dict.fromkeys(AttentionCause), since=None, at_stake_minor={}
)


class _OpenOrders(NamedTuple):
    """How open orders stand: by state, and their needs, None where it is not known; a warning."""

    states: Mapping[SagaState, int] | None
    needs: Needs | None
    warning: str | None


class Overviews:
    """Counts all orders for whoever may see them all, and a customer's own by looking at those."""

    def __init__(
        self, watch: Watch, records: OrderReads, lists: OrderLists, queues: TaskQueues
    ) -> None:
        """Count needs and what runs as `watch` and its visibility see it, closed ones by `records`.

        Of a customer's own orders, count what `lists` show. Who works is as `queues` tell.
        """
        self._watch = watch
        self._records = records
        self._lists = lists
        self._queues = queues
        self.closed_orders = ClosedOrders(records.outcomes)
        self._answers = SharedAnswers()

    async def read(self, owner: str | None = None) -> Overview:
        """Return the figures of all orders, or of the customer `owner` alone.

        What Temporal alone knows is null while it is away.

        Raises:
            Exception: the order service's database does not answer.
        """
        if owner is not None:
            return await self._answers.get(owner, lambda: self._read(owner), 0)
        return await self._answers.get(None, self._read_all, FRESH_SECONDS)

    async def _read_all(self) -> Overview:
        overview, roles = await asyncio.gather(self._read(None), self._queues.read())
        return overview.model_copy(update={"roles": roles})

    async def _read(self, owner: str | None) -> Overview:
        statuses, reasons = await on_thread(self._records.figures, owner)
        try:
            open_orders = await (self._all() if owner is None else self._own(owner))
        except NotNow as error:
            open_orders = _OpenOrders(None, None, f"{no_answer(error)}: {NOT_KNOWN}")
        closed_counts = {state: statuses[status] for state, status in STATUS.items()}
        running = open_orders.states
        return Overview(
            states={
                state: None
                if running is None and state not in closed_counts
                else closed_counts.get(state, 0) + (running or {}).get(state, 0)
                for state in SagaState
            },
            reasons=known_reasons(reasons),
            needs_attention=await self._attention(open_orders.needs, owner),
            as_of=open_orders.needs.at if open_orders.needs else datetime.now(UTC),
            warning=open_orders.warning,
        )

    async def _all(self) -> _OpenOrders:
        needs = await self._watch.needs()
        states: dict[SagaState, int] = {
            state: await self._running(state) + len(needs.left_open(state)) for state in SagaState
        }
        return _OpenOrders(states, needs, needs.warning())

    async def _own(self, customer_id: str) -> _OpenOrders:
        """Return how one customer's orders stand, from the lists that they see."""
        still_open = ListQuery(status=OrderStatus.PENDING, limit=MOST_ON_A_PAGE)
        orders = await self._lists.page(still_open, customer_id)
        in_need = ListQuery(needs_attention=True, limit=MOST_ON_A_PAGE)
        needing = await self._lists.page(in_need, customer_id)
        if orders.next or needing.next:
            return _OpenOrders(None, None, MANY)
        # The list tells a customer which they are, and not why they need somebody.
        needs = (await self._watch.needs()).among({order.order_id for order in needing.orders})
        states = None if orders.warning else Counter(order.state for order in orders.orders)
        return _OpenOrders(states, needs, orders.warning)

    async def _running(self, state: SagaState) -> int:
        """Count the sagas that run in a state; in COMPLETED, until the order's record is closed."""
        if state is SagaState.FAILED:
            return 0  # its record was closed before
        counts = await self._watch.visibility.count(in_state(state), ADDITION_LIMIT)
        return counts.get(RUNNING, 0)

    async def _attention(self, needs: Needs | None, owner: str | None) -> AttentionFigures:
        if needs is None:
            return NO_FIGURES
        return AttentionFigures(
            count=needs.count,
            by_cause=needs.counts,
            since=needs.since,
            at_stake_minor=await on_thread(self._records.totals, needs.by_order, owner),
            groups=groups_of(needs) if owner is None else (),
        )
