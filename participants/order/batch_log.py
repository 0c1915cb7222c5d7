"""What the log of operations says of a batch operation's acts, in the transactions of its results.

An act is noted before it is sent, as every act is. The id of its entry comes from the time at
which it was sent first, the batch operation and the order's place in it: a repeat writes no second
entry.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from contracts.base import digest
from contracts.batches import BatchOutcome, BatchStop
from contracts.operations import MOST_OF_A_MESSAGE, Door, Outcome
from contracts.text import beginning_of
from participants.order.batch_tables import BATCH_ORDERS
from participants.order.operations import RANDOM_BYTES, new_id, time_part
from participants.order.tables import OPERATIONS
from temporal_saga.database import insert_missing

OUTCOMES = {
    BatchOutcome.DONE: Outcome.DONE,
    BatchOutcome.REFUSED: Outcome.REFUSED,
    BatchOutcome.NOT_REACHED: Outcome.TRIED,
}
"""What the log calls what came of it at an order."""


def begin(connection: sa.Connection, batch: sa.Row[Any], orders: Iterable[tuple[int, str]]) -> None:
    """Note that a batch operation acts on these orders, each with its number."""
    order_ids = dict(orders)
    rows = [
        {
            "id": _entry_id(batch, number, sent_at),
            "at": sent_at,
            "act": batch.act,
            "outcome": Outcome.TRIED,
            "by": batch.by,
            "subject": batch.subject,
            "order_id": order_ids[number],
            "step": batch.step,
            "reason": batch.reason,
            "door": Door.BATCH,
            "batch_id": batch.batch_id,
        }
        for number, sent_at in _first_tries(connection, batch, order_ids).items()
    ]
    insert_missing(connection, OPERATIONS, rows)


def end(
    connection: sa.Connection,
    batch: sa.Row[Any],
    results: Iterable[tuple[int, BatchOutcome, str | None]],
) -> None:
    """Note what came of it at these orders; of what was taken a message says no more."""
    entries = {number: (OUTCOMES[outcome], message) for number, outcome, message in results}
    # What is known to be taken stays so: the order may have closed with it meanwhile.
    entry = sa.update(OPERATIONS).where(
        OPERATIONS.c.id == sa.bindparam("of"), OPERATIONS.c.outcome != Outcome.DONE
    )
    rows = [
        {
            "of": _entry_id(batch, number, sent_at),
            "outcome": outcome,
            "message": beginning_of(message, MOST_OF_A_MESSAGE)
            if message and outcome is not Outcome.DONE
            else None,
        }
        for number, sent_at in _first_tries(connection, batch, entries).items()
        for outcome, message in [entries[number]]
    ]
    if rows:
        connection.execute(entry, rows)


def stop(connection: sa.Connection, batch: sa.Row[Any], words: BatchStop) -> None:
    """Note that a batch operation was stopped in Temporal itself."""
    entry = {
        "id": new_id(words.at),
        **words.model_dump(),
        "act": "stop-batch",
        "outcome": Outcome.DONE,
        "about": f"batch operation {batch.batch_id}: {batch.act}",
        "door": Door.TEMPORAL,
        "batch_id": batch.batch_id,
    }
    connection.execute(sa.insert(OPERATIONS).values(entry))


def forget(connection: sa.Connection, batch: sa.Row[Any], numbers: Collection[int]) -> None:
    """Delete the notes of orders that nothing was sent to after all."""
    tries = _first_tries(connection, batch, numbers)
    ids = [_entry_id(batch, number, sent_at) for number, sent_at in tries.items()]
    is_open = OPERATIONS.c.outcome == Outcome.TRIED
    connection.execute(sa.delete(OPERATIONS).where(OPERATIONS.c.id.in_(ids), is_open))


def _first_tries(
    connection: sa.Connection, batch: sa.Row[Any], numbers: Iterable[int]
) -> Mapping[int, datetime]:
    """Return by number when the acts were sent first; those never sent are left out."""
    orders = BATCH_ORDERS.c
    rows = sa.select(orders.number, orders.sent_at).where(
        orders.batch_id == batch.batch_id,
        orders.number.in_(numbers),
        orders.sent_at.is_not(None),
    )
    return dict(connection.execute(rows.order_by(orders.number)).all())


def _entry_id(batch: sa.Row[Any], number: int, sent_at: datetime) -> str:
    return time_part(sent_at) + digest([batch.batch_id, number])[: 2 * RANDOM_BYTES]
