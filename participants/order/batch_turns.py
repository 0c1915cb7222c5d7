"""Whose turn it is among the orders of a batch operation, in the caller's transaction."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from contracts.batches import BatchOutcome
from participants.order import batch_log
from participants.order.batch_tables import BATCH_ORDERS, BATCHES

ORDERS = BATCH_ORDERS.c


class BatchOrder(NamedTuple):
    """An order whose turn it is, and how often that was so, this time included."""

    number: int
    order_id: str
    tries: int


def take(connection: sa.Connection, batch_id: str, most: int, least_tries: int) -> list[BatchOrder]:
    """Return the next orders that wait, those that had the fewest tries first.

    This counts as a try of each from now on. Of those that had fewer than `least_tries` none is
    taken.
    """
    waiting = _waiting(batch_id) & (ORDERS.tries >= least_tries)
    following = sa.select(ORDERS.number).where(waiting).order_by(ORDERS.tries, ORDERS.number)
    turns = sa.update(BATCH_ORDERS).where(waiting, ORDERS.number.in_(following.limit(most)))
    rows = connection.execute(
        turns.values(
            tries=ORDERS.tries + 1,
            sent_at=sa.func.coalesce(ORDERS.sent_at, datetime.now(UTC)),
        ).returning(ORDERS.number, ORDERS.order_id, ORDERS.tries)
    )
    orders = sorted(BatchOrder(*row) for row in rows)
    batch_log.begin(connection, _batch(connection, batch_id), [order[:2] for order in orders])
    return orders


def give_back(connection: sa.Connection, batch_id: str, orders: Collection[BatchOrder]) -> None:
    """Let orders wait again that were taken, and of which nothing was sent in this turn.

    It counts as no try of them, and the log has nothing of those that never had another.
    """
    its_orders = sa.update(BATCH_ORDERS).where(ORDERS.batch_id == batch_id)
    turns = [(order.number, order.tries) for order in orders]
    still_so = _waiting(batch_id) & sa.tuple_(ORDERS.number, ORDERS.tries).in_(turns)
    rows = connection.execute(
        its_orders.where(still_so)
        .values(tries=ORDERS.tries - 1)
        .returning(ORDERS.number, ORDERS.tries)
    )
    unsent_numbers = [number for number, tries in rows if tries == 0]
    batch_log.forget(connection, _batch(connection, batch_id), unsent_numbers)
    of_no_try = its_orders.where(ORDERS.number.in_(unsent_numbers))
    connection.execute(of_no_try.values(sent_at=None))


def _waiting(batch_id: str) -> sa.ColumnElement[bool]:
    return (ORDERS.batch_id == batch_id) & (ORDERS.outcome == BatchOutcome.WAITING)


def _batch(connection: sa.Connection, batch_id: str) -> sa.Row[tuple[object, ...]]:
    return connection.execute(sa.select(BATCHES).where(BATCHES.c.batch_id == batch_id)).one()
