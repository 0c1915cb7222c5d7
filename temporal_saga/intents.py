"""The table of intents in a participant's database: one row per key, committed before each call.

A row says who may be calling a provider, and until when, and how the provider calls what it made.
What came of it stands in the fence's table.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from temporal_saga.database import UtcDateTime, insert_into, insert_new
from temporal_saga.fence import AlreadyCompensated, KeyReused
from temporal_saga.fence_table import Command, fingerprint_of
from temporal_saga.keys import MOST_KEY
from temporal_saga.provider import CallUnderWay, Intent

CALL_SECONDS = 8.0
"""How long the provider may take for one delivery, look-up and calls together: less than an
activity's start-to-close timeout, so that whoever comes next need not wait."""

MARGIN_SECONDS = 60.0
"""How much later than its limit a call may still take effect, or be missing in a look-up."""


def intent_table(metadata: sa.MetaData) -> sa.Table:
    """Add the intents' table to a participant's `metadata`, beside its `fence_table`."""
    return sa.Table(
        "intents",
        metadata,
        sa.Column("key", sa.String(MOST_KEY), primary_key=True),
        sa.Column("fingerprint", sa.String(64)),  # null: no command of this key has come
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("caller", sa.String(32)),  # the delivery that may be calling
        sa.Column("call_ends_at", UtcDateTime, nullable=False),
        sa.Column("reference", sa.String(250)),
        sa.Column("shut_at", UtcDateTime),  # from then on no forward call begins
        sa.Column("late_at", UtcDateTime),  # what ended then must still be taken back
    )


class Clock:
    """The time that calls are measured by."""

    def now(self, connection: sa.Connection) -> datetime:
        """Return the database's time, which all its participant's workers share."""
        if connection.dialect.name == "postgresql":
            now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
            return now
        return datetime.now(UTC)  # a file is on the machine of whoever asks

    def seconds(self) -> float:
        """Return seconds that go on evenly, whatever is done to the machine's clock."""
        return time.monotonic()


class Intents:
    """The rows; most methods are part of a transaction that they are given."""

    def __init__(
        self, engine: sa.Engine, table: sa.Table, clock: Clock, call_seconds: float
    ) -> None:
        self._engine = engine
        self._table = table
        self._clock = clock
        self._call_seconds = call_seconds

    def ends_at(self) -> float:
        """Return when a call must have ended that a delivery makes which begins now."""
        return self._clock.seconds() + self._call_seconds

    def claim(self, connection: sa.Connection, command: Command, ends_at: float) -> Intent:
        """Let this delivery of a command call, and no other one until `ends_at`.

        Raises:
            KeyReused: the key names another command.
            AlreadyCompensated: the compensation has begun.
            CallUnderWay: another delivery may be calling.
        """
        key = command.idempotency_key
        now = self._clock.now(connection)  # later than `ends_at` was counted from
        row = connection.execute(self._row(key).with_for_update()).one_or_none()
        intent = Intent(
            key,
            row.reference if row else None,
            attempt=row.attempts + 1 if row else 1,
            ends_at=ends_at,
            clock=self._clock.seconds,
        )
        values = {
            "fingerprint": fingerprint_of(command),
            "attempts": intent.attempt,
            "caller": intent.caller,
            "call_ends_at": now + timedelta(seconds=self._call_seconds),
        }
        if row is None:
            if not insert_new(connection, self._table, {"key": key, "at": now} | values):
                raise CallUnderWay(key, self._call_seconds)
            return intent
        if row.fingerprint not in (None, fingerprint_of(command)):
            raise KeyReused(key)
        if row.shut_at is not None:
            raise AlreadyCompensated(key)
        if row.caller is not None and now < row.call_ends_at:
            raise CallUnderWay(key, (row.call_ends_at - now).total_seconds())
        connection.execute(self._update(key).values(values))
        return intent

    def check_open(self, connection: sa.Connection, key: str) -> None:
        """Find that no compensation of a forward command has begun.

        Raises:
            AlreadyCompensated: one has, though it may not have ended yet.
        """
        row = connection.execute(self._row(key)).one_or_none()
        if row is not None and row.shut_at is not None:
            raise AlreadyCompensated(key)

    @contextmanager
    def released_on_error(self, key: str, claim: Intent) -> Iterator[None]:
        """Let the next delivery call at once when this one fails.

        When this process is killed, the next one waits until the call has surely ended.
        """
        try:
            yield
        except Exception:
            with suppress(sa.exc.SQLAlchemyError), self._engine.begin() as connection:
                self.release(connection, key, claim)
            raise

    def release(self, connection: sa.Connection, key: str, claim: Intent) -> None:
        """Let another delivery call at once: this one's call has ended."""
        is_own = self._table.c.caller == claim.caller
        connection.execute(self._update(key).where(is_own).values(caller=None))

    def refer(self, connection: sa.Connection, intent: Intent, reference: str) -> bool:
        """Record the provider's name for what it made; False once the compensation has begun.

        Raises:
            CallUnderWay: this delivery's time was over, and another one calls.
        """
        row = connection.execute(self._row(intent.key).with_for_update()).one_or_none()
        if row is None or row.shut_at is not None:
            return False
        if row.caller != intent.caller:
            raise CallUnderWay(intent.key, self._call_seconds)
        connection.execute(self._update(intent.key).values(reference=reference))
        return True

    def end(self, connection: sa.Connection, intent: Intent, reference: str | None) -> bool:
        """Record that this delivery's call ended; False once the compensation has begun."""
        columns = self._table.c
        values = {
            "caller": sa.case((columns.caller == intent.caller, None), else_=columns.caller),
            "reference": sa.func.coalesce(reference, columns.reference),
            "late_at": None,
        }
        update = self._update(intent.key).where(columns.shut_at.is_(None)).values(values)
        return connection.execute(update).rowcount == 1

    def shut(
        self,
        connection: sa.Connection,
        key: str,
        reference: str | None = None,
        *,
        late: bool = False,
    ) -> sa.Row[Any]:
        """Let no forward call begin any more, and return the row, which is made if it is missing.

        Args:
            connection: the transaction.
            key: the forward command's.
            reference: the provider's name for what it made.
            late: a call ended after that all the same, and what it did must be taken back.
        """
        now = self._clock.now(connection)
        row = {
            "key": key,
            "at": now,
            "attempts": 0,
            "call_ends_at": now,
            "reference": reference,
            "shut_at": now,
            "late_at": now if late else None,
        }
        insert = insert_into(self._table, connection.dialect.name)
        columns = self._table.c
        upsert = insert.on_conflict_do_update(
            index_elements=[columns.key],
            set_={
                "shut_at": sa.func.coalesce(columns.shut_at, insert.excluded.shut_at),
                "late_at": sa.func.coalesce(insert.excluded.late_at, columns.late_at),
                "reference": sa.func.coalesce(insert.excluded.reference, columns.reference),
            },
        )
        return connection.execute(upsert.returning(*columns), row).one()

    def seconds_since_shut(self, connection: sa.Connection, row: sa.Row[Any]) -> float:
        """Return how long ago the row was shut: no forward call has begun since."""
        shut_at: datetime = row.shut_at
        return (self._clock.now(connection) - shut_at).total_seconds()

    def forget_late(self, connection: sa.Connection, row: sa.Row[Any]) -> bool:
        """Record that all was taken back that had ended when the row was read.

        False when something has ended since, or the row was opened since.
        """
        columns = self._table.c
        is_same = (columns.shut_at == row.shut_at) & columns.late_at.is_not_distinct_from(
            row.late_at
        )
        update = self._update(row.key).where(is_same).values(late_at=None)
        return connection.execute(update).rowcount == 1

    def reopen(self, connection: sa.Connection, compensation: str, claim: Intent) -> None:
        """Forget a compensation that was refused: its command may come again."""
        connection.execute(self._row(claim.key).with_for_update())  # first, as everywhere
        columns = self._table.c
        is_own = (columns.key == compensation) & (columns.caller == claim.caller)
        if connection.execute(sa.delete(self._table).where(is_own)).rowcount == 1:
            connection.execute(self._update(claim.key).values(shut_at=None))

    def _row(self, key: str) -> sa.Select[Any]:
        return sa.select(self._table).where(self._table.c.key == key)

    def _update(self, key: str) -> sa.Update:
        return sa.update(self._table).where(self._table.c.key == key)
