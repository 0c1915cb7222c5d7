"""The participant's guard in its own database: every command takes effect once, and never after its compensation.

One table, one row per idempotency key, written in the same database transaction as the business rows. The idea is dtm's barrier
(github.com/dtm-labs/dtm, `barrier.go`): a unique key decides duplicates, empty compensations and late arrivals. Unlike there, a
forward command that arrives after its compensation is told so, and nobody can mistake the fence's "no" for success.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, Self, TypeVar

import sqlalchemy as sa

from temporal_saga.database import UtcDateTime, insert_missing
from temporal_saga.keys import compensated_key

APPLIED = "APPLIED"
REFUSED = "REFUSED"
COMPENSATED = "COMPENSATED"
TOMBSTONE = "TOMBSTONE"


class FenceError(Exception):
    """The fence turned a command away; it had no effect.

    FenceError
    ├── KeyReused
    └── AlreadyCompensated
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: {self.__doc__}")
        self.key = key


class KeyReused(FenceError):
    """this idempotency key was used before, for a command with another payload."""


class AlreadyCompensated(FenceError):
    """this command arrived after its compensation, so it may not take effect any more."""


class Answer(Protocol):
    """What a participant answers: an event or a refusal that can be stored as JSON (any pydantic model is one)."""

    @classmethod
    def model_validate_json(cls, json_data: str, /) -> Self:
        """Read a stored answer."""
        ...

    def model_dump_json(self) -> str:
        """Write an answer to be stored."""
        ...


class Command(Protocol):
    """What a participant is told to do, under a key that names the effect."""

    @property
    def idempotency_key(self) -> str:
        """The name of the effect, for ever."""
        ...

    def fingerprint(self) -> str:
        """Return a digest that differs when what is asked differs."""
        ...


E = TypeVar("E", bound=Answer)
R = TypeVar("R", bound=Answer)


class Refused(Exception):
    """Raised by an effect to refuse its command: what it wrote so far is undone, and `answer` is the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class Fence:
    """Takes each command once, in one transaction with its effect.

    Promises, on SQLite and PostgreSQL:

    1. The same key twice: the second call gets the first's recorded answer, a forward command's refusal included.
    2. The same key with another payload: `KeyReused`, no effect.
    3. A compensation of something that never happened: succeeds, and leaves a tombstone.
    4. The forward command after its compensation: `AlreadyCompensated`, no effect.
    5. Two at once: one wins, the other waits and gets the winner's answer; never two effects.
    6. A refused compensation is not remembered: it did nothing and may be asked again.
    """

    def __init__(self, engine: sa.Engine, table: sa.Table) -> None:
        """Guard `engine` by `table`, a `fence_table` that the participant creates along with its own tables."""
        self._engine = engine
        self._table = table

    def forward(self, command: Command, effect: Callable[[sa.Connection], E], event: type[E], refusal: type[R]) -> E | R:
        """Let a forward command take effect once, and return its answer now and whenever it is repeated.

        Args:
            command: what to do; its key and fingerprint tell whether it was done before.
            effect: does it on the given connection, or raises `Refused` with a `refusal`.
            event: the type of the effect's answer.
            refusal: the type of what the effect may refuse with.

        Raises:
            KeyReused: the key names another command.
            AlreadyCompensated: the compensation came first.
        """
        try:
            with self._engine.begin() as connection:
                if not self._claim(connection, command.idempotency_key, APPLIED, command.fingerprint()):
                    return self._recall(connection, command, event, refusal)
                done = effect(connection)
                self._record(connection, command.idempotency_key, APPLIED, done)
                return done
        except Refused as refused:
            answer = refused.answer
        if not isinstance(answer, refusal):
            raise TypeError(f"{answer!r} is no {refusal.__name__}")
        with self._engine.begin() as connection:
            if not self._claim(connection, command.idempotency_key, REFUSED, command.fingerprint()):
                return self._recall(connection, command, event, refusal)
            self._record(connection, command.idempotency_key, REFUSED, answer)
            return answer

    def compensate(self, command: Command, effect: Callable[[sa.Connection, bool], E], event: type[E]) -> E:
        """Let a compensation take effect once, and shut out from now on the command that it takes back.

        Args:
            command: the compensation; its key is the forward command's with `/compensation`.
            effect: gets the connection, and whether the forward command has an effect to take back; raises `Refused` to leave
                everything, the fence included, as it was.
            event: the type of the effect's answer.

        Raises:
            KeyReused: the key names another compensation.
            Refused: the effect refused.
        """
        forward_key = compensated_key(command.idempotency_key)
        with self._engine.begin() as connection:
            # The forward key first, as the forward command does: two that meet wait for each other, and never in a circle.
            empty = self._claim(connection, forward_key, TOMBSTONE, None)
            if not self._claim(connection, command.idempotency_key, APPLIED, command.fingerprint()):
                return self._recall(connection, command, event, event)
            done = effect(connection, not empty and self._take_back(connection, forward_key))
            self._record(connection, command.idempotency_key, APPLIED, done)
            return done

    def _claim(self, connection: sa.Connection, key: str, outcome: str, fingerprint: str | None) -> bool:
        """Insert the key's row; False when it is there already, after waiting for whoever is writing it."""
        row = {"key": key, "outcome": outcome, "fingerprint": fingerprint, "at": datetime.now(UTC)}
        return key in insert_missing(connection, self._table, [row])

    def _recall(self, connection: sa.Connection, command: Command, event: type[E], refusal: type[R]) -> E | R:
        row = connection.execute(sa.select(self._table).where(self._table.c.key == command.idempotency_key)).one()
        if row.fingerprint not in (None, command.fingerprint()):
            raise KeyReused(command.idempotency_key)
        if row.outcome in (TOMBSTONE, COMPENSATED):
            raise AlreadyCompensated(command.idempotency_key)
        return (refusal if row.outcome == REFUSED else event).model_validate_json(row.answer)

    def _take_back(self, connection: sa.Connection, forward_key: str) -> bool:
        """Mark the forward command as compensated; False when it was refused, so that there is nothing to take back."""
        mark = sa.update(self._table).where(self._table.c.key == forward_key, self._table.c.outcome == APPLIED)
        return connection.execute(mark.values(outcome=COMPENSATED)).rowcount == 1

    def _record(self, connection: sa.Connection, key: str, outcome: str, answer: Answer) -> None:
        row = sa.update(self._table).where(self._table.c.key == key)
        connection.execute(row.values(outcome=outcome, answer=answer.model_dump_json()))


def fence_table(metadata: sa.MetaData) -> sa.Table:
    """Add the fence's table to a participant's `metadata`: what happened under each idempotency key, and what was answered."""
    return sa.Table(
        "fence",
        metadata,
        sa.Column("key", sa.String(250), primary_key=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("answer", sa.Text),
        sa.Column("at", UtcDateTime, nullable=False),
    )
