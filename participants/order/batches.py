"""Batch operations on record: which orders each acts on, and what came of it at each of them.

The orders are written down at the start, so that a restart goes on where it was. An order has its
result once, for good: who works on the same order at the same time adds nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from contracts.batches import (
    OPEN,
    Batch,
    BatchOutcome,
    BatchRecord,
    BatchResult,
    BatchState,
    BatchStop,
)
from participants.order import batch_ending, batch_log, batch_turns
from participants.order.batch_tables import BATCH_ORDERS, BATCHES
from participants.order.batch_turns import BatchOrder
from temporal_saga.database import insert_new, reading

MOST_OPEN = 5
"""So many batch operations may be open at one time."""

STARTS_LOCK = 727_267
"""On PostgreSQL starts take turns by it, or two that count at one time would both find room."""

MOST_PRUNED = 1_000
"""So many orders of batch operations that are too old are deleted in one transaction."""

COLUMNS = BATCHES.c
ORDERS = BATCH_ORDERS.c
IS_OPEN = COLUMNS.state.in_(OPEN)


class TooManyOpen(Exception):
    """So many batch operations are open that no other may start."""


class OrderResult(NamedTuple):
    """What came of a batch operation at the order of this number."""

    number: int
    outcome: BatchOutcome
    message: str | None


class Batches:
    """The batch operations of one order database."""

    def __init__(self, engine: sa.Engine) -> None:
        """Keep those of the database behind `engine`, which has its tables."""
        self._engine = engine

    def start(self, batch: Batch, order_ids: Sequence[str], subject: str | None = None) -> bool:
        """Write down a batch operation with its orders; False when there is one of this id.

        `subject` is that of the token of whoever starts it, for the log of operations.

        Raises:
            TooManyOpen: as many as may are open already.
        """
        row = {
            **batch.model_dump(mode="json"),
            "fingerprint": batch.fingerprint(),
            "subject": subject,
            "state": BatchState.RUNNING,
            "total": len(order_ids),
            "started_at": datetime.now(UTC),
        }
        orders = [
            {
                "batch_id": batch.batch_id,
                "number": number,
                "order_id": order_id,
                "outcome": BatchOutcome.WAITING,
                "tries": 0,
            }
            for number, order_id in enumerate(order_ids)
        ]
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(STARTS_LOCK)))
            if not insert_new(connection, BATCHES, row):
                return False
            open_count = connection.scalar(sa.select(sa.func.count()).where(IS_OPEN)) or 0
            if open_count > MOST_OPEN:
                raise TooManyOpen
            connection.execute(sa.insert(BATCH_ORDERS), orders)
            return True

    def fingerprint(self, batch_id: str) -> str | None:
        """Return the fingerprint of a batch operation; None when there is none of this id."""
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(COLUMNS.fingerprint).where(_is(batch_id)))

    def find(self, batch_id: str) -> BatchRecord | None:
        """Return a batch operation, and how far it has come; None when there is none of this id."""
        return next(iter(self._read(sa.select(BATCHES).where(_is(batch_id)))), None)

    def page(self, before: str | None, limit: int) -> list[BatchRecord]:
        """Return so many batch operations, newest first: the latest, or those before this one."""
        newest = sa.select(BATCHES).order_by(COLUMNS.started_at.desc(), COLUMNS.batch_id.desc())
        if before is not None:
            its_start = sa.select(COLUMNS.started_at).where(_is(before)).correlate(None)
            last = sa.tuple_(its_start.scalar_subquery(), sa.literal(before))
            newest = newest.where(sa.tuple_(COLUMNS.started_at, COLUMNS.batch_id) < last)
        return self._read(newest.limit(limit))

    def still_open(self) -> list[BatchRecord]:
        """Return the batch operations that are not over."""
        return self._read(sa.select(BATCHES).where(IS_OPEN))

    def _read(self, query: sa.Select[Any]) -> list[BatchRecord]:
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            counts = _counts(connection, [row.batch_id for row in rows])
        return [
            BatchRecord.model_validate(row._asdict() | {"counts": counts[row.batch_id]})
            for row in rows
        ]

    def results(
        self, batch_id: str, outcome: BatchOutcome | None, behind: int, limit: int
    ) -> list[tuple[int, BatchResult]]:
        """Return the results behind a number, each with its own; `outcome` None for all."""
        rows = sa.select(BATCH_ORDERS).where(
            ORDERS.batch_id == batch_id,
            ORDERS.number > behind,
            sa.true() if outcome is None else ORDERS.outcome == outcome,
        )
        with reading(self._engine) as connection:
            return [
                (row.number, BatchResult.model_validate(row._asdict()))
                for row in connection.execute(rows.order_by(ORDERS.number).limit(limit))
            ]

    def take(self, batch_id: str, most: int, least_tries: int = 0) -> list[BatchOrder]:
        """Return the next orders that wait, those that had the fewest tries first.

        This counts as a try of each from now on: whoever acted on it and died is seen by that. Of
        those that had fewer than `least_tries` none is taken.
        """
        with self._engine.begin() as connection:
            return batch_turns.take(connection, batch_id, most, least_tries)

    def give_back(self, batch_id: str, orders: Collection[BatchOrder]) -> None:
        """Let orders wait again that were taken and not acted on: it was no try of them."""
        if orders:
            with self._engine.begin() as connection:
                batch_turns.give_back(connection, batch_id, orders)

    def record(self, batch_id: str, results: Collection[OrderResult]) -> None:
        """Record what came of it at these orders, in one transaction.

        What nobody had answered has its result late, also after the end.
        """
        if not results:
            return
        order = sa.update(BATCH_ORDERS).where(
            ORDERS.batch_id == batch_id,
            (ORDERS.outcome == BatchOutcome.WAITING) | (ORDERS.outcome == BatchOutcome.NOT_REACHED),
            ORDERS.number == sa.bindparam("of"),
        )
        now = datetime.now(UTC)
        rows = [
            {"of": one.number, "outcome": one.outcome, "message": one.message, "at": now}
            for one in results
        ]
        with self._engine.begin() as connection:
            connection.execute(order, rows)
            batch = connection.execute(sa.select(BATCHES).where(_is(batch_id))).one()
            batch_log.end(connection, batch, results)

    def ask_to_stop(self, batch_id: str, by: str, reason: str) -> bool:
        """Let a batch operation stop; False when it is not running."""
        stop = BatchStop(by=by, reason=reason, at=datetime.now(UTC))
        with self._engine.begin() as connection:
            return batch_ending.stop(connection, batch_id, stop)

    def stop_with_workflow(self, batch_id: str) -> None:
        """Let a batch operation stop if it runs, as its workflow was ended in Temporal."""
        with self._engine.begin() as connection:
            batch_ending.stop_with_workflow(connection, batch_id)

    def state(self, batch_id: str) -> BatchState | None:
        """Return how a batch operation stands; None when there is none of this id."""
        with reading(self._engine) as connection:
            state = connection.scalar(sa.select(COLUMNS.state).where(_is(batch_id)))
        return None if state is None else BatchState(state)

    def end(self, batch_id: str) -> None:
        """End a batch operation none of whose orders waits, or that is to stop."""
        with self._engine.begin() as connection:
            batch_ending.end(connection, batch_id)

    def prune(self, retention: timedelta) -> int:
        """Delete what ended longer ago than the retention, a little of it; return how much."""
        with self._engine.begin() as connection:
            before = datetime.now(UTC) - retention
            old = sa.select(COLUMNS.batch_id).where(COLUMNS.ended_at < before).limit(1)
            batch_id = connection.scalar(old)
            if batch_id is None:
                return 0
            some = sa.select(ORDERS.number).where(ORDERS.batch_id == batch_id).limit(MOST_PRUNED)
            orders = sa.delete(BATCH_ORDERS).where(
                ORDERS.batch_id == batch_id, ORDERS.number.in_(some)
            )
            if count := connection.execute(orders).rowcount:
                return count
            return connection.execute(sa.delete(BATCHES).where(_is(batch_id))).rowcount


def _is(batch_id: str) -> sa.ColumnElement[bool]:
    return COLUMNS.batch_id == batch_id


def _counts(
    connection: sa.Connection, batch_ids: Collection[str]
) -> dict[str, Mapping[BatchOutcome, int]]:
    """Return by batch operation how many of its orders have which outcome."""
    counts = {batch_id: dict.fromkeys(BatchOutcome, 0) for batch_id in batch_ids}
    rows = (
        sa.select(ORDERS.batch_id, ORDERS.outcome, sa.func.count())
        .where(ORDERS.batch_id.in_(batch_ids))
        .group_by(ORDERS.batch_id, ORDERS.outcome)
    )
    for batch_id, outcome, count in connection.execute(rows):
        counts[batch_id][BatchOutcome(outcome)] = count
    return {**counts}
