"""How orders ended lately: counted by time and reason, and how long they took."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from contracts.states import OrderStatus
from participants.order.expressions import FAILURE_REASON
from participants.order.queries import of_owner
from participants.order.tables import ORDERS
from temporal_saga.database import reading

MOST_TIMED = 10_000
"""So many orders that closed last are looked at for how long they took."""

SHARES = (50, 95)
"""Percent of the orders that took no longer than the times that are told."""


class Unit(Enum):
    """What orders are counted by: as many characters of a time in ISO 8601."""

    MINUTE = 16
    HOUR = 13
    DAY = 10


Counts = Mapping[tuple[OrderStatus, str | None], int]
"""How many orders ended in each way: by how they stand, and why they failed; None if they did not.
"""


@dataclass(frozen=True)
class TimesToClose:
    """How long orders took from placing to closing.

    Args:
        count: so many were looked at.
        p50_seconds: half of them took no longer.
        p95_seconds: nor 95 of a hundred than this.
    """

    count: int
    p50_seconds: float
    p95_seconds: float


class _ClosedIn(sa.ColumnElement[str]):
    """The minute, hour or day in which an order closed, in UTC, as text."""

    inherit_cache = True
    type = sa.String()
    _traverse_internals = [("unit", sa.sql.visitors.InternalTraversal.dp_plain_obj)]  # noqa: RUF012  # SQLAlchemy's

    def __init__(self, unit: Unit) -> None:
        self.unit = unit


@compiles(_ClosedIn)
def _in_on_postgresql(column: _ClosedIn, _compiler: Any, **_: Any) -> str:
    form = "YYYY-MM-DD HH24:MI"[: column.unit.value + 2 * (column.unit is not Unit.DAY)]
    return f"to_char(closed_at AT TIME ZONE 'UTC', '{form}')"


@compiles(_ClosedIn, "sqlite")
def _in_on_sqlite(column: _ClosedIn, _compiler: Any, **_: Any) -> str:
    return f"substr(closed_at, 1, {column.unit.value})"


class _SecondsToClose(sa.ColumnElement[float]):
    """How long an order took from placing to closing; on SQLite to the millisecond."""

    inherit_cache = True
    type = sa.Float()


@compiles(_SecondsToClose)
def _seconds_on_postgresql(_column: _SecondsToClose, _compiler: Any, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM closed_at - placed_at) AS DOUBLE PRECISION)"


@compiles(_SecondsToClose, "sqlite")
def _seconds_on_sqlite(_column: _SecondsToClose, _compiler: Any, **_: Any) -> str:
    return "(julianday(closed_at) - julianday(placed_at)) * 86400"


def counts(first: datetime, end: datetime, unit: Unit, owner: str | None) -> sa.Select[Any]:
    """Return the query that counts what closed from `first` on and before `end`."""
    closed_in = _ClosedIn(unit)
    # The rows of those that did not fail are not read: the index has all else.
    has_failed = ORDERS.c.status == sa.literal_column(f"'{OrderStatus.CANCELLED}'")
    reason = sa.case((has_failed, FAILURE_REASON))
    orders = sa.select(closed_in, ORDERS.c.status, reason, sa.func.count())
    is_within = (ORDERS.c.closed_at >= first) & (ORDERS.c.closed_at < end)
    return of_owner(orders, owner).where(is_within).group_by(closed_in, ORDERS.c.status, reason)


def times(first: datetime, owner: str | None) -> sa.Select[Any]:
    """Return the query for the shares of the orders that closed last, since `first` at most."""
    latest = (
        of_owner(sa.select(ORDERS.c.status, _SecondsToClose().label("seconds")), owner)
        .where(ORDERS.c.closed_at >= first)
        .order_by(ORDERS.c.closed_at.desc())
        .limit(MOST_TIMED)
        .subquery()
    )
    place = sa.func.row_number().over(partition_by=latest.c.status, order_by=latest.c.seconds)
    count = sa.func.count().over(partition_by=latest.c.status)
    order_places = sa.select(latest, place.label("place"), count.label("count")).subquery()
    places = [(order_places.c.count * share + 99) // 100 for share in SHARES]
    return (
        sa.select(order_places.c.status, order_places.c.count, order_places.c.seconds)
        .where(order_places.c.place.in_(places))
        .order_by(order_places.c.place)
    )


class OutcomeReads:
    """What can be asked of how orders ended."""

    def __init__(self, engine: sa.Engine) -> None:
        """Read from the order service's database behind `engine`."""
        self._engine = engine

    def counts(
        self, first: datetime, end: datetime, unit: Unit, owner: str | None = None
    ) -> dict[datetime, Counts]:
        """Count the orders that closed from `first` on and before `end`, by each `unit`.

        They are found by when that began (UTC); where none closed nothing is. Of one customer's
        alone where `owner` names one.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(counts(first, end, unit, owner)).all()
        by_time: defaultdict[datetime, dict[tuple[OrderStatus, str | None], int]]
        by_time = defaultdict(dict)
        for text, status, reason, count in rows:
            at = datetime.fromisoformat(text).replace(tzinfo=UTC)
            by_time[at][OrderStatus(status), reason] = count
        return {**by_time}

    def times(
        self, first: datetime, owner: str | None = None
    ) -> Mapping[OrderStatus, TimesToClose]:
        """Return how long orders took that closed since `first`, by how they stand.

        Exact for the `MOST_TIMED` that closed last; those before them are left out.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(times(first, owner)).all()
        by_status: dict[OrderStatus, list[float]] = {}
        numbers: dict[OrderStatus, int] = {}
        for status, count, seconds in rows:
            by_status.setdefault(OrderStatus(status), []).append(max(seconds, 0.0))
            numbers[OrderStatus(status)] = count
        return {
            status: TimesToClose(numbers[status], seconds[0], seconds[-1])
            for status, seconds in by_status.items()
        }
