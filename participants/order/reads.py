"""Reading many orders: which are wanted, newest first, and a page of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from contracts.order import OrderRecord
from contracts.states import OrderStatus
from participants.order.tables import LINES, ORDERS


class Position(NamedTuple):
    """An order's place among all; it never changes. Of two that were placed at one instant, the greater id counts as newer."""

    placed_at: datetime
    order_id: str

    @classmethod
    def of(cls, record: OrderRecord) -> Self:
        """Return where an order stands."""
        return cls(record.placed_at, record.order_id)


@dataclass(frozen=True)
class Wanted:
    """Which orders are asked for; None asks for all.

    Args:
        status: as the order's record has it.
        customer_id: whose orders; an order without a known customer is nobody's.
        owner: the customer who asks, if it is one: nobody else's orders, whatever is asked for.
        among: no others than these ids.
        before: only what is older than this.
    """

    status: OrderStatus | None = None
    customer_id: str | None = None
    owner: str | None = None
    among: Collection[str] | None = None
    before: Position | None = None


def owned(orders: sa.Select[Any], owner: str | None) -> sa.Select[Any]:
    """Narrow a query to one customer's orders; None leaves it everybody's."""
    return orders if owner is None else orders.where(ORDERS.c.customer_id == owner)


def newest(wanted: Wanted, limit: int) -> sa.Select[Any]:
    """Return the query for the newest of the orders wanted, at most so many."""
    orders = owned(sa.select(ORDERS), wanted.owner).order_by(ORDERS.c.placed_at.desc(), ORDERS.c.order_id.desc()).limit(limit)
    if wanted.status is not None:
        orders = orders.where(ORDERS.c.status == wanted.status)
    if wanted.customer_id is not None:
        orders = orders.where(ORDERS.c.customer_id == wanted.customer_id)
    if wanted.among is not None:
        orders = orders.where(ORDERS.c.order_id.in_(wanted.among))
    if wanted.before is not None:
        orders = orders.where(sa.tuple_(ORDERS.c.placed_at, ORDERS.c.order_id) < wanted.before)
    return orders


def records(connection: sa.Connection, orders: Iterable[sa.Row[Any]]) -> list[OrderRecord]:
    """Return orders with their lines, which never change once written."""
    rows = {row.order_id: row._asdict() for row in orders}
    lines: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in connection.execute(sa.select(LINES).where(LINES.c.order_id.in_(rows)).order_by(LINES.c.line)):
        lines[line.order_id].append(line._asdict())
    return [OrderRecord.model_validate(row | {"lines": lines.get(order_id)}) for order_id, row in rows.items()]
