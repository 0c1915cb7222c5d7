"""Calls for a person: one when an order begins to need one, and more while nobody came."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from contracts.events import EventType
from participants.order import outbox
from participants.order.reads import pieces
from participants.order.tables import CALLS
from temporal_saga.database import insert_new, reading

FOR_EVER = timedelta(days=36_500)

MOST_AT_ONCE = 200
"""So many calls are made in one transaction; the others in the next, which comes soon."""


class Call(NamedTuple):
    """A call that was made: for which order and why, and how often by now."""

    order_id: str
    detail: Mapping[str, Any]
    times: int


class Calls:
    """The calls for a person of one order database.

    Each is an event in the outbox, in one transaction with the note that it was made: of two that
    look at one time, one calls.
    """

    def __init__(self, engine: sa.Engine, pauses: Sequence[timedelta]) -> None:
        """Call again after each of these times; the last repeats, none means never again."""
        self._engine = engine
        self._pauses = pauses

    def make(
        self,
        needs: Mapping[str, Mapping[str, Any]],
        looked_at: datetime,
        *,
        is_complete: bool = True,
    ) -> list[Call]:
        """Make the calls that are due, at most some, and return them.

        Args:
            needs: all orders that need a person now, with `cause`, `message` and `since`. One that
                is not among them any more is called for anew when it needs one again.
            looked_at: when the look at them began. What was called for since then, by somebody who
                looked later, is left as it is.
            is_complete: whether none is missing among them; if one may be, none is over.
        """
        now = datetime.now(UTC)
        with reading(self._engine) as connection:
            rows = {row.order_id: row for row in connection.execute(sa.select(CALLS))}
        due = [
            order_id
            for order_id, need in needs.items()
            if (row := rows.get(order_id)) is None
            or (row.cause != need["cause"] and row.first_at < looked_at)
            or row.next_at <= now
        ]
        over = [
            order_id
            for order_id, row in rows.items()
            if is_complete and order_id not in needs and row.first_at < looked_at
        ]
        if not due and not over:
            return []
        with self._engine.begin() as connection:
            for some_ids in pieces(over):
                is_over = CALLS.c.order_id.in_(some_ids) & (CALLS.c.first_at < looked_at)
                connection.execute(sa.delete(CALLS).where(is_over))
            return [
                call
                for order_id in due[:MOST_AT_ONCE]
                if (call := self._call(connection, order_id, needs[order_id], rows, now))
            ]

    def _call(
        self,
        connection: sa.Connection,
        order_id: str,
        need: Mapping[str, Any],
        rows: Mapping[str, sa.Row[Any]],
        now: datetime,
    ) -> Call | None:
        """Call for a person, unless somebody else just did."""
        row = rows.get(order_id)
        is_new = row is None or row.cause != need["cause"]
        times = 1 if row is None or is_new else row.times + 1
        first_at = now if row is None or is_new else row.first_at
        values = {
            "cause": need["cause"],
            "first_at": first_at,
            "times": times,
            "next_at": now + self._pause(times),
        }
        if row is None:
            is_mine = insert_new(connection, CALLS, {"order_id": order_id, **values})
        else:
            same = (CALLS.c.cause == row.cause) & (CALLS.c.times == row.times)
            update = sa.update(CALLS).where(CALLS.c.order_id == order_id, same)
            is_mine = connection.execute(update.values(**values)).rowcount == 1
        if not is_mine:
            return None
        detail = {**need, "times": times}
        which = (need["cause"], first_at.isoformat(), str(times))
        outbox.add(connection, EventType.NEEDS_ATTENTION, order_id, now, detail, which)
        return Call(order_id, detail, times)

    def _pause(self, times: int) -> timedelta:
        return self._pauses[min(times, len(self._pauses)) - 1] if self._pauses else FOR_EVER
