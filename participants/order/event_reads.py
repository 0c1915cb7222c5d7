"""Reading the events that are published, in the order of their positions."""

from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa

from contracts.events import ENDS, EventData, EventType, OrderEvent, customer_message
from participants.order.queries import of_owner
from participants.order.tables import EVENT_LOG, EVENTS, ORDERS, PLACED_AGAIN
from temporal_saga.database import reading

KNOWN_TYPES = tuple(EventType)
IS_KNOWN = EVENTS.c.type.in_(KNOWN_TYPES)
"""A newer release may have written others, which this one leaves to it."""


class EventPage(NamedTuple):
    """Published events behind a position.

    Args:
        events: the oldest first.
        last_position: the last position that was given to any event.
        pruned_position: the last position whose event is deleted.
    """

    events: tuple[OrderEvent, ...]
    last_position: int
    pruned_position: int


def read(
    engine: sa.Engine,
    after: int,
    limit: int,
    owner: str | None = None,
    types: Collection[EventType] = KNOWN_TYPES,
) -> EventPage:
    """Return the events behind a position, at most so many.

    Those of the customer `owner` alone, if it is one, who is told of ends alone; of these types.
    """
    if owner is not None:
        types = ENDS.intersection(types)
    events = of_owner(_EVENTS, owner).where(EVENTS.c.position > after)
    page = events.where(EVENTS.c.type.in_(types)).order_by(EVENTS.c.position).limit(limit)
    positions = sa.select(EVENT_LOG.c.last_position, EVENT_LOG.c.pruned_position)
    with reading(engine) as connection:
        rows = connection.execute(page).all()
        last_position, pruned_position = connection.execute(positions).one_or_none() or (0, 0)
    return EventPage(tuple(map(_event, rows)), last_position, pruned_position)


_EVENTS = sa.select(
    EVENTS,
    ORDERS.c.customer_id,
    ORDERS.c.currency,
    ORDERS.c.total_minor,
    ORDERS.c.placed_at,
    PLACED_AGAIN.c.again_of,
).select_from(
    EVENTS.outerjoin(ORDERS, ORDERS.c.order_id == EVENTS.c.order_id).outerjoin(
        PLACED_AGAIN, PLACED_AGAIN.c.order_id == EVENTS.c.order_id
    )
)
"""What an order was placed with never changes, so that it is read where it stands."""


def at(connection: sa.Connection, positions: Collection[int]) -> list[OrderEvent]:
    """Return the events at these positions, but for those that are deleted, or of no known type."""
    events = _EVENTS.where(EVENTS.c.position.in_(positions), IS_KNOWN)
    return [_event(row) for row in connection.execute(events.order_by(EVENTS.c.position))]


def _event(row: sa.Row[Any]) -> OrderEvent:
    detail = dict(row.detail)
    if "reason" in detail:
        detail["customer_message"] = customer_message(detail["reason"])
    return OrderEvent(
        id=row.id,
        type=row.type,
        timestamp=row.at,
        position=row.position,
        data=EventData.model_validate(row._asdict() | detail),
    )
