"""Reading the orders on record, which changes nothing."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa

from contracts.acts import TakenDecisions
from contracts.record import OrderRecord
from contracts.states import OrderStatus, StateMove
from participants.order import decisions, page_queries, queries
from participants.order.filters import OrderFilter, Page, Position
from participants.order.outcomes import OutcomeReads
from participants.order.reviews import ReviewReads
from participants.order.tables import ORDERS, REQUESTS
from temporal_saga.database import reading

IDS_AT_ONCE = 10_000


class RecordedOrder(NamedTuple):
    """All that is on record of one order.

    Args:
        record: the order as callers see it.
        fingerprint: the digest of what was ordered.
        moves: the saga's moves: the first while the order is open, all once it is closed.
        decisions: what people decided about it; all once it is closed.
    """

    record: OrderRecord
    fingerprint: str
    moves: tuple[StateMove, ...]
    decisions: TakenDecisions


class OrderReads:
    """What can be asked of the order service."""

    def __init__(self, engine: sa.Engine) -> None:
        """Read from the database behind `engine`."""
        self._engine = engine
        self.outcomes = OutcomeReads(engine)
        self.reviews = ReviewReads(engine)

    def recorded_order(self, order_id: str, owner: str | None = None) -> RecordedOrder | None:
        """Return all that is on record of an order, as it was at one instant.

        None when there is no such order; for the customer `owner`, when there is none of their own.
        """
        with reading(self._engine) as connection:
            row = queries.find_linked_row(connection, order_id, owner)
            if row is None:
                return None
            return RecordedOrder(
                queries.record(connection, row),
                row.fingerprint,
                queries.moves(connection, order_id),
                decisions.read(connection, order_id),
            )

    def find(self, order_id: str, owner: str | None = None) -> OrderRecord | None:
        """Return an order's record alone; None as in `recorded_order`."""
        on_record = self.find_with_fingerprint(order_id, owner)
        return None if on_record is None else on_record[0]

    def find_with_fingerprint(
        self, order_id: str, owner: str | None = None
    ) -> tuple[OrderRecord, str] | None:
        """Return an order's record and fingerprint; None as in `recorded_order`."""
        with reading(self._engine) as connection:
            row = queries.find_linked_row(connection, order_id, owner)
            return None if row is None else (queries.record(connection, row), row.fingerprint)

    def page(self, order_filter: OrderFilter, limit: int) -> Page:
        """Return the orders that pass a filter, sorted, at most so many, without lines.

        They may be fewer although others follow.
        """
        with reading(self._engine) as connection:
            order_filter = _with_ids_of_sku(connection, order_filter)
            look = page_queries.last_looked_at(order_filter)
            ends = [] if look is None else connection.execute(look).all()
            end = Position(*ends[0]) if len(ends) > 1 else None
            query = page_queries.page(order_filter, limit + 1, end)
            rows = connection.execute(query).all()
            if len(rows) > limit:
                rows = rows[:limit]
                end = Position(getattr(rows[-1], order_filter.sort.field), rows[-1].order_id)
            entries = queries.entries(connection, rows)
        return Page(
            [e for e in entries if not e.failure or order_filter.accepts_text(e.failure)], end
        )

    def still_open(self, limit: int, owner: str | None = None) -> dict[str, datetime]:
        """Return the open orders and when they were placed, the oldest first, at most so many."""
        with reading(self._engine) as connection:
            return dict(connection.execute(queries.still_open(limit, owner)).all())

    def figures(self, owner: str | None = None) -> tuple[dict[OrderStatus, int], dict[str, int]]:
        """Count the orders by their status, and those that failed by why."""
        with reading(self._engine) as connection:
            statuses: dict[OrderStatus, int] = dict(
                connection.execute(queries.by_status(owner)).all()
            )
            reasons: dict[str, int] = dict(connection.execute(queries.by_reason(owner)).all())
        return {status: statuses.get(status, 0) for status in OrderStatus}, reasons

    def totals(self, order_ids: Collection[str], owner: str | None = None) -> dict[str, int]:
        """Return what these orders cost in all, in minor units by currency.

        Those that are not on record cost nothing.
        """
        with reading(self._engine) as connection:
            totals: Counter[str] = Counter()
            for some_ids in pieces(order_ids):
                for currency, total_minor in connection.execute(queries.totals(some_ids, owner)):
                    totals[currency] += int(total_minor)
        return dict(totals)

    def statuses(self, order_ids: Collection[str]) -> dict[str, OrderStatus]:
        """Return how these orders stand on record; those that are not there are left out."""
        orders = sa.select(ORDERS.c.order_id, ORDERS.c.status)
        with reading(self._engine) as connection:
            return {
                row.order_id: OrderStatus(row.status)
                for some_ids in pieces(order_ids)
                for row in connection.execute(orders.where(ORDERS.c.order_id.in_(some_ids)))
            }

    def is_open(self, order_id: str) -> bool:
        """Tell whether an order is on record and not closed."""
        return self.statuses([order_id]).get(order_id) is OrderStatus.PENDING

    def identity(self, order_id: str) -> tuple[str, str | None] | None:
        """Return the fingerprint of what was ordered and the request's key; None for no order."""
        identity = sa.select(ORDERS.c.fingerprint, ORDERS.c.request_key).where(
            ORDERS.c.order_id == order_id
        )
        with reading(self._engine) as connection:
            row = connection.execute(identity).one_or_none()
        return None if row is None else (row.fingerprint, row.request_key)

    def order_of_request(self, request: str) -> str | None:
        """Return the order that a request names; None while it names none."""
        query = sa.select(REQUESTS.c.order_id).where(REQUESTS.c.request == request)
        with reading(self._engine) as connection:
            return connection.scalar(query)


def pieces(order_ids: Collection[str]) -> Iterator[list[str]]:
    """Yield the ids, as many at a time as a statement may name: PostgreSQL takes 65,535 values."""
    ids = iter(set(order_ids))
    while some_ids := list(islice(ids, IDS_AT_ONCE)):
        yield some_ids


def _with_ids_of_sku(connection: sa.Connection, order_filter: OrderFilter) -> OrderFilter:
    """Return the same filter; where a product has few orders, it asks for those by their ids."""
    if order_filter.sku is None:
        return order_filter
    order_ids = set(connection.scalars(page_queries.ids_of_sku(order_filter.sku)))
    if len(order_ids) > page_queries.MOST_IDS_OF_SKU:
        return order_filter
    if order_filter.among is not None:
        order_ids &= set(order_filter.among)
    return replace(order_filter, sku=None, among=order_ids)
