"""The outbox: events are written with what they tell of, and numbered once others can see them.

Numbers that the database gives at an insert (`SERIAL`) become visible in another order than they
were given in, as the one transaction commits before the other, and a reader behind a cursor skips
what commits late. So an event is inserted without a position. `publish` gives positions to what is
committed, in one transaction at a time, under the lock of the one row of `event_log`. A position
is visible only once all smaller ones are: no reader of a cursor skips any. Positions have no gap.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from contracts.base import digest
from contracts.events import EventType
from participants.order.tables import EVENT_LOG, EVENTS, WEBHOOK_RETRIES
from temporal_saga.database import insert_new, reading

LOG = logging.getLogger("webhooks")

MOST_PUBLISHED = 500
"""So many events are given a position in one transaction."""

MOST_PRUNED = 100
"""So many events that are too old are deleted in one transaction."""

ID_LENGTH = 32
NOT_PUBLISHED = EVENTS.c.position.is_(None)

_NEW_POSITION = (
    sa.update(EVENTS)
    .where(EVENTS.c.id == sa.bindparam("event"))
    .values(position=sa.bindparam("new_position"))
)


def event_id(*parts: str) -> str:
    """Return the id of an event, always the same of the same one."""
    return f"evt_{digest(parts)[:ID_LENGTH]}"


def add(
    connection: sa.Connection,
    kind: EventType,
    order_id: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
    which: Sequence[str] = (),
) -> None:
    """Add what happened to an order, in the caller's transaction; nothing if it is there already.

    Of one kind there is one for each order, and for each `which` if it may happen several times.
    """
    row = {
        "id": event_id(order_id, kind, *which),
        "position": None,
        "type": kind,
        "order_id": order_id,
        "at": at,
        "detail": dict(detail or {}),
    }
    insert_new(connection, EVENTS, row)


def publish(engine: sa.Engine) -> None:
    """Give positions to committed events that have none, at most so many.

    Whoever comes while another does it waits for nothing and does nothing.
    """
    with reading(engine) as connection:
        if connection.scalar(sa.select(EVENTS.c.id).where(NOT_PUBLISHED).limit(1)) is None:
            return
    with engine.begin() as connection:
        log = _lock(connection)
        if log is None:
            return
        new = sa.select(EVENTS.c.id).where(NOT_PUBLISHED).order_by(EVENTS.c.at, EVENTS.c.id)
        ids = connection.scalars(new.limit(MOST_PUBLISHED)).all()
        if not ids:
            return
        positions = [
            {"event": event, "new_position": position}
            for position, event in enumerate(ids, log.last_position + 1)
        ]
        connection.execute(_NEW_POSITION, positions)
        last = positions[-1]["new_position"]
        connection.execute(sa.update(EVENT_LOG).values(last_position=last))


def prune(engine: sa.Engine, now: datetime, retention: timedelta) -> int:
    """Delete the oldest published events that are older than the retention, at most so many.

    Return how many that were.
    """
    events = sa.select(EVENTS.c.position, EVENTS.c.at).where(EVENTS.c.position.is_not(None))
    oldest = events.order_by(EVENTS.c.position).limit(MOST_PRUNED)
    with reading(engine) as connection:
        rows = connection.execute(oldest).all()
    # One that is not too old keeps those behind it, so that what is deleted has no gap either.
    old = list(takewhile(lambda row: row.at < now - retention, rows))
    if not old:
        return 0
    last = old[-1].position
    with engine.begin() as connection:
        if _lock(connection) is None:
            return 0
        connection.execute(sa.delete(EVENTS).where(EVENTS.c.position <= last))
        retries = sa.delete(WEBHOOK_RETRIES).where(WEBHOOK_RETRIES.c.position <= last)
        if count := connection.execute(retries).rowcount:
            LOG.error("%d webhooks were not taken before their events were deleted", count)
        log = sa.update(EVENT_LOG).where(EVENT_LOG.c.pruned_position < last)
        connection.execute(log.values(pruned_position=last))
        return len(old)


def _lock(connection: sa.Connection) -> sa.Row[Any] | None:
    """Return the row of the log, which is locked from now on; None while another has it."""
    query = sa.select(EVENT_LOG).with_for_update(skip_locked=True)
    row = connection.execute(query).one_or_none()
    if row is not None:
        return row
    insert_new(connection, EVENT_LOG, {"id": 1, "last_position": 0, "pruned_position": 0})
    return connection.execute(query).one_or_none()
