"""How all orders stand, in a few figures: by state, by why they failed, and what needs a person."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from application.errors import Busy, NotNow
from application.order_list import OrderLists
from application.order_query import MOST_ON_A_PAGE, ListQuery
from application.order_view import STATUS
from application.runs import ADDITION_LIMIT
from application.shared_answers import SharedAnswers
from application.visibility import RUNNING, Visibility, in_state
from application.watch import Watch
from contracts.states import FailureReason, OrderStatus, SagaState
from contracts.views import KNOWN_REASONS, AttentionCause, AttentionFigures, Overview
from participants.order.reads import OrderReads

FRESH_SECONDS = 5
"""Figures of all orders may be as old as this, however many ask for them."""

OPEN_STATES = tuple(state for state in SagaState if state is not SagaState.FAILED)
"""States in which a saga may run; in COMPLETED, until the order's record is closed."""

AWAY = "Temporal gives no answer: how open orders stand, and what needs attention, is not known"
BUSY = "Temporal is asked too often: how open orders stand, and what needs attention, is not known"
MANY = f"more than {MOST_ON_A_PAGE} of your orders are open: how they stand is not counted"

NOT_KNOWN = AttentionFigures(
    count=None, by_cause=dict.fromkeys(AttentionCause), since=None, at_stake_minor={}
)


class _RecordFigures(NamedTuple):
    """How many orders are on record by their status, and of those that failed by why."""

    statuses: Mapping[OrderStatus, int]
    reasons: Mapping[FailureReason, int]


class Overviews:
    """Counts all orders for whoever may see them all, and a customer's own by looking at those."""

    def __init__(
        self, visibility: Visibility, watch: Watch, records: OrderReads, lists: OrderLists
    ) -> None:
        """Count what runs by `visibility`, what is closed by `records`, needs as `watch` sees them.

        Of a customer's own orders, count what `lists` show.
        """
        self._visibility = visibility
        self._watch = watch
        self._records = records
        self._lists = lists
        self._answers = SharedAnswers()

    async def read(self) -> Overview:
        """Return the figures of all orders; what Temporal alone knows is null while it is away.

        Raises:
            Exception: the order service's database does not answer.
        """
        on_record = await self._answers.get("figures", self._figures, FRESH_SECONDS)
        try:
            needs = await self._watch.needs()
            running: dict[SagaState, int] = {
                state: await self._running(state) + len(needs.left_open(state))
                for state in OPEN_STATES
            }
        except NotNow as error:
            return _overview(on_record, None, NOT_KNOWN, _why(error))
        at_stake = await asyncio.to_thread(self._records.totals, needs.by_order.keys())
        attention = AttentionFigures(
            count=needs.count, by_cause=needs.counts, since=needs.since, at_stake_minor=at_stake
        )
        return _overview(on_record, running, attention, needs.warning(), needs.at)

    async def read_of(self, customer_id: str) -> Overview:
        """Return the figures of one customer's orders, from the lists that they see.

        Raises:
            Exception: as in `read`.
        """
        on_record = await self._figures(customer_id)
        try:
            open_orders = await self._lists.page(
                ListQuery(status=OrderStatus.PENDING, limit=MOST_ON_A_PAGE), customer_id
            )
            needing = await self._lists.page(
                ListQuery(needs_attention=True, limit=MOST_ON_A_PAGE), customer_id
            )
            # The list tells a customer which they are, and not why they need somebody.
            needs = await self._watch.needs()
        except NotNow as error:
            return _overview(on_record, None, NOT_KNOWN, _why(error))
        if open_orders.next or needing.next:
            return _overview(on_record, None, NOT_KNOWN, MANY)
        order_ids = [order.order_id for order in needing.orders]
        own = [need for order_id in order_ids if (need := needs.by_order.get(order_id))]
        causes = Counter(need.attention.cause for need in own)
        times = [need.attention.since for need in own if need.attention.since]
        attention = AttentionFigures(
            count=len(own),
            by_cause={cause: causes[cause] for cause in AttentionCause},
            since=min(times, default=None),
            at_stake_minor=await asyncio.to_thread(self._records.totals, order_ids, customer_id),
        )
        running = Counter(order.state for order in open_orders.orders)
        return _overview(
            on_record, None if open_orders.warning else running, attention, open_orders.warning
        )

    async def _running(self, state: SagaState) -> int:
        counts = await self._visibility.count(
            in_state(state), ADDITION_LIMIT, fresh_seconds=FRESH_SECONDS
        )
        return counts.get(RUNNING, 0)

    async def _figures(self, owner: str | None = None) -> _RecordFigures:
        """Return what is on record; reasons unknown to this release are OTHER, as in orders."""
        statuses, counts = await asyncio.to_thread(self._records.figures, owner)
        reasons: Counter[FailureReason] = Counter()
        for reason, count in counts.items():
            known = FailureReason(reason) if reason in KNOWN_REASONS else FailureReason.OTHER
            reasons[known] += count
        return _RecordFigures(statuses, reasons)


def _why(error: NotNow) -> str:
    """Return what is said where Temporal gives no figures."""
    return BUSY if isinstance(error, Busy) else AWAY


def _overview(
    on_record: _RecordFigures,
    running: Mapping[SagaState, int] | None,
    attention: AttentionFigures,
    warning: str | None,
    at: datetime | None = None,
) -> Overview:
    """Put figures together; `running` are the open orders by state, None when it is not known."""
    closed_counts = {state: on_record.statuses[status] for state, status in STATUS.items()}
    states = {
        state: None
        if running is None and state not in closed_counts
        else closed_counts.get(state, 0) + (running or {}).get(state, 0)
        for state in SagaState
    }
    return Overview(
        states=states,
        reasons=on_record.reasons,
        needs_attention=attention,
        as_of=at or datetime.now(UTC),
        warning=warning,
    )
