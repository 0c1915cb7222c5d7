"""Reading many orders: which are wanted, newest first, and a page of them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from contracts.record import OrderEntry, OrderRecord, OrderSummary
from contracts.states import OrderStatus
from participants.order.tables import FAILED, FAILURE_REASON, LINES, ORDERS

MOST_DETAILS = 500
"""Characters of a failure's details (as JSON) that are told of an order among many."""


class Position(NamedTuple):
    """An order's place among all; it never changes. Of two that were placed at one instant, the greater id counts as newer."""

    placed_at: datetime
    order_id: str

    @classmethod
    def of(cls, record: OrderSummary) -> Self:
        """Return where an order stands."""
        return cls(record.placed_at, record.order_id)


@dataclass(frozen=True)
class Wanted:
    """Which orders are asked for; None asks for all.

    Args:
        status: as the order's record has it.
        reason: why they failed.
        customer_id: whose orders; an order without a known customer is nobody's.
        owner: the customer who asks, if it is one: nobody else's orders, whatever is asked for.
        among: no others than these ids.
        before: only what is older than this.
    """

    status: OrderStatus | None = None
    reason: str | None = None
    customer_id: str | None = None
    owner: str | None = None
    among: Collection[str] | None = None
    before: Position | None = None


def owned(orders: sa.Select[Any], owner: str | None) -> sa.Select[Any]:
    """Narrow a query to one customer's orders; None leaves it everybody's."""
    return orders if owner is None else orders.where(ORDERS.c.customer_id == owner)


def newest(wanted: Wanted, limit: int) -> sa.Select[Any]:
    """Return the query for the newest of the orders wanted, at most so many."""
    orders = (
        owned(sa.select(ORDERS), wanted.owner)
        .order_by(ORDERS.c.placed_at.desc(), ORDERS.c.order_id.desc())
        .limit(limit)
    )
    if wanted.status is not None:
        orders = orders.where(ORDERS.c.status == wanted.status)
    if wanted.reason is not None:
        orders = orders.where(
            FAILED, ORDERS.c.status == OrderStatus.CANCELLED, FAILURE_REASON.in_([wanted.reason])
        )
    if wanted.customer_id is not None:
        orders = orders.where(ORDERS.c.customer_id == wanted.customer_id)
    if wanted.among is not None:
        orders = orders.where(ORDERS.c.order_id.in_(wanted.among))
    if wanted.before is not None:
        orders = orders.where(sa.tuple_(ORDERS.c.placed_at, ORDERS.c.order_id) < wanted.before)
    return orders


def still_open(limit: int, owner: str | None) -> sa.Select[Any]:
    """Return the query for the ids of open orders and when they were placed, the oldest first, at most so many."""
    orders = owned(sa.select(ORDERS.c.order_id, ORDERS.c.placed_at), owner)
    return (
        orders.where(ORDERS.c.status == OrderStatus.PENDING)
        .order_by(ORDERS.c.placed_at, ORDERS.c.order_id)
        .limit(limit)
    )


def by_status(owner: str | None) -> sa.Select[Any]:
    """Return the query that counts orders by their status."""
    counted: Any = sa.select(ORDERS.c.status, sa.func.count())
    return owned(counted, owner).group_by(ORDERS.c.status)


def by_reason(owner: str | None) -> sa.Select[Any]:
    """Return the query that counts failed orders by why they failed."""
    counted: Any = sa.select(FAILURE_REASON, sa.func.count())
    return owned(counted, owner).where(FAILED).group_by(FAILURE_REASON)


def totals(order_ids: Collection[str], owner: str | None) -> sa.Select[Any]:
    """Return the query for what these orders cost in all, by currency."""
    known = (
        ORDERS.c.currency.is_not(None),
        ORDERS.c.total_minor.is_not(None),
        ORDERS.c.order_id.in_(order_ids),
    )
    return (
        owned(sa.select(ORDERS.c.currency, sa.func.sum(ORDERS.c.total_minor)), owner)
        .where(*known)
        .group_by(ORDERS.c.currency)
    )


def record(connection: sa.Connection, order: sa.Row[Any]) -> OrderRecord:
    """Return an order with its lines, which never change once written."""
    lines = sa.select(LINES).where(LINES.c.order_id == order.order_id).order_by(LINES.c.line)
    found = [line._asdict() for line in connection.execute(lines)]
    return OrderRecord.model_validate(order._asdict() | {"lines": found or None})


def entries(connection: sa.Connection, orders: Iterable[sa.Row[Any]]) -> list[OrderEntry]:
    """Return orders with the numbers of their lines, which are counted and not read, and without details that are long."""
    rows = {row.order_id: row._asdict() | {"failure": _brief(row.failure)} for row in orders}
    counted = (
        sa.select(LINES.c.order_id, sa.func.count())
        .where(LINES.c.order_id.in_(rows))
        .group_by(LINES.c.order_id)
    )
    lines: dict[str, int] = dict(connection.execute(counted).all())
    return [
        OrderEntry.model_validate(row | {"line_count": lines.get(order_id)})
        for order_id, row in rows.items()
    ]


def _brief(failure: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return why an order failed, with its details where they are short: they may name a thousand products."""
    if failure is None or len(json.dumps(failure.get("details"))) <= MOST_DETAILS:
        return failure
    return failure | {"details": {}}
