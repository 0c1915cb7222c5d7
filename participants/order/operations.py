"""The log of operations on record: who did, tried and was refused what.

Ids begin with the time, so that their order is the log's.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from secrets import token_hex
from typing import Any

import sqlalchemy as sa

from contracts.acts import TakenDecision, Through
from contracts.base import digest
from contracts.operations import Door, Operation, OperationFilter, Outcome
from participants.order.tables import OPERATIONS
from temporal_saga.database import insert_into, insert_new, reading

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RANDOM_BYTES = 4

MOST_READ = 100_000
"""So many entries are looked at for one page."""

MOST_PRUNED = 500
"""So many entries are deleted in one transaction."""

LOG = OPERATIONS.c
EQUAL = ("act", "outcome", "order_id", "door", "batch_id")
"""Filters that compare the column of their name."""


class Note(Enum):
    """What is written of an operation."""

    BEGIN = auto()
    """That it begins, before it is known how it ends. An entry that is there already stays."""
    END = auto()
    """Its outcome, in place of what was written before. One that is not known replaces none."""
    WITHDRAW = auto()
    """Nothing any more: its beginning is deleted, unless it turned out to be taken."""


def new_id(at: datetime) -> str:
    """Return an id for what began at a time; no other has it."""
    return time_part(at) + token_hex(RANDOM_BYTES)


def time_part(at: datetime) -> str:
    """Return how the ids of what began at a time begin."""
    return f"{max(0, (at - EPOCH) // timedelta(microseconds=1)):016x}"


class Operations:
    """The log of one order database."""

    def __init__(self, engine: sa.Engine) -> None:
        """Keep the log in the database behind `engine`, which has its tables."""
        self._engine = engine

    def write(self, operation: Operation, note: Note) -> None:
        """Write a note of an operation."""
        with self._engine.begin() as connection:
            _write(connection, operation, note)

    def write_late(self, operation: Operation, note: Note) -> None:
        """Write a note of an operation whose order may have closed since.

        What the closing wrote of the same decision gives way to it, and says that it was taken.
        """
        with self._engine.begin() as connection:
            _write(connection, operation, note)
            if operation.outcome is Outcome.REFUSED or operation.order_id is None:
                return
            own = LOG.door.in_([Door.UNKNOWN, Door.TEMPORAL]) & (LOG.id != operation.id)
            same = (LOG.order_id == operation.order_id) & _same_words(operation)
            double = sa.delete(OPERATIONS).where(same, own)
            if connection.execute(double).rowcount:
                entry = sa.update(OPERATIONS).where(LOG.id == operation.id)
                connection.execute(entry.values(outcome=Outcome.DONE, message=None))

    def page(
        self, operation_filter: OperationFilter, limit: int
    ) -> tuple[list[Operation], str | None]:
        """Return the newest entries that pass a filter, and before which id the log goes on.

        They are at most `limit`. Where nothing leads to them, as the index of an order does, at
        most `MOST_READ` entries are looked at: then they may be fewer, or none.
        """
        span = _span(operation_filter)
        entries = sa.select(OPERATIONS).where(*span, *_matches(operation_filter))
        with reading(self._engine) as connection:
            last = None
            if operation_filter.order_id is None:
                ids = sa.select(LOG.id).where(*span).order_by(LOG.id.desc())
                last = connection.scalar(ids.offset(MOST_READ - 1).limit(1))
                entries = entries.where(sa.true() if last is None else LOG.id >= last)
            rows = connection.execute(entries.order_by(LOG.id.desc()).limit(limit + 1)).all()
        page = [Operation.model_validate(row._asdict()) for row in rows[:limit]]
        return page, page[-1].id if len(rows) > limit else last

    def prune(self, oldest: datetime, most: int) -> int:
        """Delete the oldest entries: those before a time, and those beyond so many.

        Return how many are deleted, which are a part if they are very many.
        """
        newest = sa.select(LOG.id).order_by(LOG.id.desc())
        with reading(self._engine) as connection:
            surplus = connection.scalar(newest.offset(most).limit(1)) or ""
        is_old = (LOG.id < time_part(oldest)) | (LOG.id <= surplus)
        old = sa.select(LOG.id).where(is_old).order_by(LOG.id).limit(MOST_PRUNED)
        with reading(self._engine) as connection:
            ids = connection.scalars(old).all()
        if not ids:
            return 0
        with self._engine.begin() as connection:
            connection.execute(sa.delete(OPERATIONS).where(LOG.id.in_(ids)))
        return len(ids)


def add_decisions(
    connection: sa.Connection, order_id: str, decisions: Sequence[tuple[int, TakenDecision]]
) -> None:
    """Add the decisions that an order closes with, each once, in the caller's transaction.

    One that a front door has noted is marked as DONE, as the saga took it. Of any other an entry is
    written: it went to Temporal directly, or nobody could note it.

    Args:
        connection: of the transaction that records the decisions.
        order_id: the order.
        decisions: with their numbers on record.
    """
    for number, decision in decisions:
        same = (LOG.order_id == order_id) & _same_words(decision)
        is_noted = same & (LOG.outcome != Outcome.REFUSED)
        settling = sa.update(OPERATIONS).where(is_noted).values(outcome=Outcome.DONE, message=None)
        if connection.execute(settling).rowcount == 0:
            insert_new(connection, OPERATIONS, _row(order_id, number, decision))


def _span(operation_filter: OperationFilter) -> list[sa.ColumnElement[bool]]:
    """Return which part of the log is asked for, along its ids."""
    span: list[sa.ColumnElement[bool]] = []
    if operation_filter.since is not None:
        span.append(LOG.id >= time_part(operation_filter.since))
    if operation_filter.until is not None:
        span.append(LOG.id < time_part(operation_filter.until))
    if operation_filter.before is not None:
        span.append(LOG.id < operation_filter.before)
    return span


def _matches(operation_filter: OperationFilter) -> list[sa.ColumnElement[bool]]:
    """Return which entries of that part are asked for."""
    values = {name: getattr(operation_filter, name) for name in EQUAL}
    matches = [LOG[name] == value for name, value in values.items() if value is not None]
    if (person := operation_filter.person) is not None:
        names = (LOG.by, LOG.subject)
        matches.append(sa.or_(*(name.icontains(person, autoescape=True) for name in names)))
    return matches


def _write(connection: sa.Connection, operation: Operation, note: Note) -> None:
    if note is Note.BEGIN:
        insert_new(connection, OPERATIONS, operation.model_dump())
    elif note is Note.END:
        _end(connection, operation)
    else:
        is_open = (LOG.id == operation.id) & (LOG.outcome == Outcome.TRIED)
        connection.execute(sa.delete(OPERATIONS).where(is_open))


def _end(connection: sa.Connection, operation: Operation) -> None:
    new = insert_into(OPERATIONS, connection.dialect.name)
    ending = {name: new.excluded[name] for name in ("outcome", "message")}
    is_known = (new.excluded.outcome != Outcome.TRIED) | (LOG.outcome == Outcome.TRIED)
    both = new.on_conflict_do_update(index_elements=["id"], set_=ending, where=is_known)
    connection.execute(both, operation.model_dump())


def _same_words(decision: TakenDecision | Operation) -> sa.ColumnElement[bool]:
    """Return what finds the entries of this act by the same person, in the same words."""
    step = LOG.step.is_(None) if decision.step is None else LOG.step == decision.step
    words = (LOG.by == decision.by) & (LOG.reason == decision.reason) & step
    return (LOG.act == decision.act) & words


def _row(order_id: str, number: int, decision: TakenDecision) -> dict[str, Any]:
    """Return the entry of a decision that no front door has noted."""
    is_update = decision.through is Through.UPDATE
    return Operation(
        id=time_part(decision.at) + digest([order_id, number])[: 2 * RANDOM_BYTES],
        at=decision.at,
        act=decision.act,
        outcome=Outcome.DONE,
        by=decision.by,
        subject=None,
        order_id=order_id,
        step=decision.step,
        reason=decision.reason,
        door=Door.UNKNOWN if is_update else Door.TEMPORAL,
        address=None,
        agent=None,
    ).model_dump()
