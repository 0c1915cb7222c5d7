"""The participant's idempotent consumer: a command takes effect once, never after its compensation.

Delivery is at least once, so the fence deduplicates by one table, one row per idempotency key
(`fence_table.py`), written in the same database transaction as the business rows. The idea is dtm's
barrier (github.com/dtm-labs/dtm, `barrier.go`): a unique key decides duplicates, null compensations
and late arrivals. Unlike there, a forward command that comes after its compensation is an error,
and nobody can mistake the fence's "no" for success.
"""

from collections.abc import Callable, Collection
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from temporal_saga.database import insert_new, open_with
from temporal_saga.effect_writes import listen_for_writes, writes_of
from temporal_saga.fence_errors import (
    AlreadyCompensated,
    FenceError,
    KeyReused,
    Refused,
    check_recalled,
)
from temporal_saga.fence_table import (
    APPLIED,
    COMPENSATED,
    REFUSED,
    Answer,
    Command,
    claim_both,
    fence_table,
    row_of,
    rows_of_compensation,
)
from temporal_saga.handlers import Activity, Handler, Serving
from temporal_saga.keys import check_forward, compensated_key, forward_key
from temporal_saga.record_keeper import RecordKeeper

__all__ = ["AlreadyCompensated", "Fence", "FenceError", "KeyReused", "Refused", "fence_table"]


E = TypeVar("E", bound=Answer)
R = TypeVar("R", bound=Answer)


class Fence:
    """Takes each command once, in one transaction with its effect.

    Promises, on SQLite and PostgreSQL:

    1. The same key twice: the second call gets the first's recorded answer, a forward command's
       refusal included.
    2. The same key with another payload: `KeyReused`, no effect.
    3. A compensation of something that never happened: succeeds, and leaves a tombstone.
    4. The forward command after its compensation: `AlreadyCompensated`, no effect.
    5. Two at once: one wins, the other waits and gets the winner's answer; never two effects.
    6. A refused compensation is not remembered: it did nothing and may be asked again. Nor is what
       `once` refuses.

    The fence's own share of the transaction is one statement when all goes as the command says, and
    at most two.

    Units: none; how long a database may take is `open_database`'s.
    Errors: `FenceError`, and what the database's driver raises. Nothing was done then.
    Source: the barrier of dtm, see above; H. Helland, *Life beyond Distributed Transactions*.
    """

    table = staticmethod(fence_table)

    def __init__(self, engine: sa.Engine, table: sa.Table) -> None:
        """Guard `engine` by `table`: a `fence_table`, created with the participant's tables."""
        self._engine = engine
        self._table = table
        self._claim_both = claim_both(engine, table)
        listen_for_writes(engine)

    @classmethod
    def open(cls, url: str, *tables: sa.Table) -> Self:
        """Open a participant's database, create what it lacks of these tables and the fence's.

        Where migrations make the tables, take `open_database` and `Fence.table` instead.
        """
        fence = fence_table(sa.MetaData())
        return cls(open_with(url, fence, *tables), fence)

    @staticmethod
    def step_key(command: Command) -> str:
        """Return the key of the step that a command takes, or takes back: rows are marked with it.

        What takes a step back finds by it what that step wrote, and nothing else.
        """
        return forward_key(command.idempotency_key)

    def handlers(
        self,
        *steps: Handler | tuple[Handler, Handler],
        refusals: Collection[type[Exception]] = (),
    ) -> list[Activity]:
        """Return what takes a participant's commands: one function each, for `activity.defn`.

        A handler is a function of the connection and the command, and changes rows through the
        connection. The class of its command, without `Command`, names the activity; what it returns
        is recorded and answered, a pydantic model or None.

        Args:
            steps: a handler with the one that takes it back, as a pair in parentheses of its own;
                or alone, for a step behind the pivot, which then takes no compensation. One that
                takes back is called only if there is something to take back: what has the mark
                `step_key`.
            refusals: what a handler raises to say no, before it writes. That is recorded, and
                raised again for a duplicate, with the same arguments and attributes as far as JSON
                holds them, the rest as text; one of a class below a listed one as the listed one.

        Raises:
            TypeError: a handler is async, or its annotations do not say what it takes and returns.
        """
        serving = Serving(self, self._record, tuple(refusals))
        return [activity for step in steps for activity in serving.activities(step)]

    def record_handlers(self) -> list[Activity]:
        """Return what keeps the records of sagas that have none of their own (`OnRecord.at`)."""
        return RecordKeeper(self, self._table).activities()

    def forward(
        self,
        command: Command,
        answer: E,
        effect: Callable[[sa.Connection], R | None],
        refusal: type[R],
        on_duplicate: Callable[[sa.Connection, E], E] = lambda _connection, event: event,
    ) -> E | R:
        """Let a forward command take effect once, and return its answer, also to a duplicate.

        Args:
            command: what to do; its key and fingerprint tell whether it was done before.
            answer: what to say when it is done: the command alone tells.
            effect: does it on the given connection and returns None, or writes nothing and returns
                why not. A write that finds no row to change is none, unless it asks for what is
                RETURNING.
            refusal: the type of what the effect may refuse with.
            on_duplicate: given the recorded event when the command is a duplicate; returns what to
                say now.

        Raises:
            KeyReused: the key names another command.
            AlreadyCompensated: the compensation came first.
            RuntimeError: the effect is defective: it refused after it had written. Both are rolled
                back.
            ValueError: the key is a compensation's.
        """
        check_forward(command.idempotency_key)
        with self._engine.begin() as connection:
            if not insert_new(connection, self._table, row_of(command, answer)):
                row = self._recall(connection, command)
                if row.outcome == REFUSED:
                    return refusal.model_validate_json(row.answer)
                return on_duplicate(connection, type(answer).model_validate_json(row.answer))
            with writes_of(connection) as writes:
                rejection = effect(connection)
            if rejection is None:
                return answer
            if writes:
                raise RuntimeError(f"{command.idempotency_key}: refused after writing: {writes[0]}")
            self._record(connection, command.idempotency_key, REFUSED, rejection)
            return rejection

    def compensate(
        self,
        command: Command,
        expected: E,
        effect: Callable[[sa.Connection, bool], E],
        on_duplicate: Callable[[sa.Connection, E], E] = lambda _connection, event: event,
    ) -> E:
        """Let a compensation take effect once, and refuse its forward command from now on.

        Args:
            command: the compensation; its key is the forward command's with `/compensation`.
            expected: what the effect will most likely answer. It is recorded along with the claim,
                so that only another answer takes a statement more.
            effect: gets the connection, and whether the forward command has an effect to
                compensate; raises `Refused` to leave everything, the fence included, as it was.
            on_duplicate: given the recorded answer when the command is a duplicate; returns what to
                say now.

        Raises:
            KeyReused: the key names another compensation.
            Refused: the effect refused.
        """
        rows = rows_of_compensation(command, expected)
        forward_key = compensated_key(command.idempotency_key)
        with self._engine.begin() as connection:
            changed_rows = connection.execute(self._claim_both, rows)
            outcomes = {row.key: row.outcome for row in changed_rows}
            if command.idempotency_key not in outcomes:
                return on_duplicate(
                    connection,
                    type(expected).model_validate_json(self._recall(connection, command).answer),
                )
            answer = effect(connection, outcomes.get(forward_key) == COMPENSATED)
            if answer != expected:
                self._record(connection, command.idempotency_key, APPLIED, answer)
            return answer

    def once(self, command: Command, expected: E, effect: Callable[[sa.Connection], E]) -> E:
        """Let a command without compensation take effect once; a duplicate gets the same answer.

        Args:
            command: what to do; its key and fingerprint tell whether it was done before.
            expected: what the effect will most likely answer. It is recorded along with the claim,
                so that only another answer takes a statement more.
            effect: does it on the given connection and returns the answer, or raises `Refused` to
                leave everything, the fence included, as it was: it may then be asked again.

        Raises:
            KeyReused: the key names another command.
            Refused: the effect refused.
            ValueError: the key is a compensation's.
        """
        check_forward(command.idempotency_key)
        with self._engine.begin() as connection:
            if not insert_new(connection, self._table, row_of(command, expected)):
                row = self._recall(connection, command)
                return type(expected).model_validate_json(row.answer)
            answer = effect(connection)
            if answer != expected:
                self._record(connection, command.idempotency_key, APPLIED, answer)
            return answer

    def _recall(self, connection: sa.Connection, command: Command) -> sa.Row[Any]:
        """Return the row of an earlier delivery of this command; raises as `check_recalled`."""
        row = connection.execute(
            sa.select(self._table).where(self._table.c.key == command.idempotency_key)
        ).one()
        check_recalled(row, command)
        return row

    def _record(self, connection: sa.Connection, key: str, outcome: str, answer: Answer) -> None:
        row = sa.update(self._table).where(self._table.c.key == key)
        connection.execute(row.values(outcome=outcome, answer=answer.model_dump_json()))
