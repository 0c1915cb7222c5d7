"""The queries that the order service's reads are made of."""

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from contracts.record import OrderEntry, OrderRecord, details_if_short
from contracts.states import OrderStatus, StateMove
from participants.order.expressions import FAILURE_REASON
from participants.order.tables import FAILED, LINES, MOVES, ORDERS, PLACED_AGAIN


def of_owner(orders: sa.Select[Any], owner: str | None) -> sa.Select[Any]:
    """Narrow a query to one customer's orders; None leaves it everybody's."""
    return orders if owner is None else orders.where(ORDERS.c.customer_id == owner)


def still_open(limit: int, owner: str | None) -> sa.Select[Any]:
    """Return the query for open orders' ids and when they were placed, the oldest first."""
    orders = of_owner(sa.select(ORDERS.c.order_id, ORDERS.c.placed_at), owner)
    return (
        orders.where(ORDERS.c.status == OrderStatus.PENDING)
        .order_by(ORDERS.c.placed_at, ORDERS.c.order_id)
        .limit(limit)
    )


def by_status(owner: str | None) -> sa.Select[Any]:
    """Return the query that counts orders by their status."""
    counts: Any = sa.select(ORDERS.c.status, sa.func.count())
    return of_owner(counts, owner).group_by(ORDERS.c.status)


def by_reason(owner: str | None) -> sa.Select[Any]:
    """Return the query that counts failed orders by why they failed."""
    counts: Any = sa.select(FAILURE_REASON, sa.func.count())
    return of_owner(counts, owner).where(FAILED).group_by(FAILURE_REASON)


def totals(order_ids: Collection[str], owner: str | None) -> sa.Select[Any]:
    """Return the query for what these orders cost in all, by currency."""
    conditions = (
        ORDERS.c.currency.is_not(None),
        ORDERS.c.total_minor.is_not(None),
        ORDERS.c.order_id.in_(order_ids),
    )
    return (
        of_owner(sa.select(ORDERS.c.currency, sa.func.sum(ORDERS.c.total_minor)), owner)
        .where(*conditions)
        .group_by(ORDERS.c.currency)
    )


def record(connection: sa.Connection, order: sa.Row[Any]) -> OrderRecord:
    """Return an order, given `find_linked_row`'s, with its lines, which never change."""
    lines = sa.select(LINES).where(LINES.c.order_id == order.order_id).order_by(LINES.c.line)
    rows = [line._asdict() for line in connection.execute(lines)]
    return OrderRecord.model_validate(order._asdict() | {"lines": rows or None})


def entries(connection: sa.Connection, orders: Iterable[sa.Row[Any]]) -> list[OrderEntry]:
    """Return orders with the numbers of their lines, and without details that are long.

    Each with the order that it was placed again for, and the one by which it was placed again.
    """
    rows = {row.order_id: row._asdict() | {"failure": _brief(row.failure)} for row in orders}
    counts = (
        sa.select(LINES.c.order_id, sa.func.count())
        .where(LINES.c.order_id.in_(rows))
        .group_by(LINES.c.order_id)
    )
    lines: dict[str, int] = dict(connection.execute(counts).all())
    again = PLACED_AGAIN.c
    links = sa.select(PLACED_AGAIN).where(again.order_id.in_(rows) | again.again_of.in_(rows))
    for order_id, again_of in connection.execute(links):
        for one, link in ((order_id, {"again_of": again_of}), (again_of, {"again_as": order_id})):
            if one in rows:
                rows[one] |= link
    return [
        OrderEntry.model_validate(row | {"line_count": lines.get(order_id)})
        for order_id, row in rows.items()
    ]


def _brief(failure: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return why an order failed, with its details where they are short."""
    return failure and failure | {"details": details_if_short(failure.get("details"))}


def moves(connection: sa.Connection, order_id: str) -> tuple[StateMove, ...]:
    """Return an order's moves, the first one first."""
    rows = sa.select(MOVES).where(MOVES.c.order_id == order_id).order_by(MOVES.c.number)
    return tuple(StateMove.model_validate(row._asdict()) for row in connection.execute(rows))


def find_row(
    connection: sa.Connection, order_id: str, owner: str | None = None
) -> sa.Row[Any] | None:
    """Return an order's row; None when there is none, or it is not the customer `owner`'s."""
    orders = of_owner(sa.select(ORDERS), owner).where(ORDERS.c.order_id == order_id)
    return connection.execute(orders).one_or_none()


def find_linked_row(
    connection: sa.Connection, order_id: str, owner: str | None = None
) -> sa.Row[Any] | None:
    """Return likewise, with the order that it was placed `again_as`, and the one it is `again_of`.

    One statement has all: each look at an order takes it.
    """
    again = PLACED_AGAIN.c
    again_of = sa.select(again.again_of).where(again.order_id == ORDERS.c.order_id)
    again_as = sa.select(again.order_id).where(again.again_of == ORDERS.c.order_id)
    columns = (
        again_of.scalar_subquery().label("again_of"),
        again_as.scalar_subquery().label("again_as"),
    )
    orders = of_owner(sa.select(ORDERS, *columns), owner).where(ORDERS.c.order_id == order_id)
    return connection.execute(orders).one_or_none()
