"""What the log of operations says of a batch operation's acts, in the transactions of its results.

An act is noted before it is sent, as every act is. The id of its entry comes from the batch
operation and the order's place in it, so that a repeat writes no second entry.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from contracts.base import digest
from contracts.batches import BatchOutcome
from contracts.operations import MOST_OF_A_MESSAGE, Door, Outcome
from contracts.text import beginning_of
from participants.order.operations import RANDOM_BYTES, time_part
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
    rows = [
        {
            "id": _entry_id(batch, number),
            "at": batch.started_at + timedelta(microseconds=number),
            "act": batch.act,
            "outcome": Outcome.TRIED,
            "by": batch.by,
            "subject": batch.subject,
            "order_id": order_id,
            "step": batch.step,
            "reason": batch.reason,
            "door": Door.BATCH,
            "batch_id": batch.batch_id,
        }
        for number, order_id in orders
    ]
    insert_missing(connection, OPERATIONS, rows)


def end(
    connection: sa.Connection,
    batch: sa.Row[Any],
    results: Iterable[tuple[int, BatchOutcome, str | None]],
) -> None:
    """Note what came of it at these orders."""
    entry = sa.update(OPERATIONS).where(OPERATIONS.c.id == sa.bindparam("of"))
    rows = [
        {
            "of": _entry_id(batch, number),
            "outcome": OUTCOMES[outcome],
            "message": message and beginning_of(message, MOST_OF_A_MESSAGE),
        }
        for number, outcome, message in results
    ]
    connection.execute(entry, rows)


def _entry_id(batch: sa.Row[Any], number: int) -> str:
    at = batch.started_at + timedelta(microseconds=number)
    return time_part(at) + digest([batch.batch_id, number])[: 2 * RANDOM_BYTES]
