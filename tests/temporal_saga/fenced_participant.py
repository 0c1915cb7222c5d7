"""A participant with one table behind a fence, and what holds it in the middle of a command."""

import threading
from collections.abc import Callable
from typing import Self
from uuid import uuid4

import sqlalchemy as sa
from pydantic import BaseModel, Field

from temporal_saga.database import reading
from temporal_saga.fence import Fence, FenceError, Refused, fence_table
from temporal_saga.keys import compensation_key
from tests.tables import create_tables

METADATA = sa.MetaData()
FENCE = fence_table(METADATA)
SHELVES = sa.Table("shelves", METADATA, sa.Column("shelf", sa.Integer, primary_key=True))
EFFECTS = sa.Table(
    "effects",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("change", sa.Integer, nullable=False),
    # Checked at commit: a row on a shelf that is not there makes the commit itself fail.
    sa.Column("shelf", sa.ForeignKey(SHELVES.c.shelf, deferrable=True, initially="DEFERRED")),
)

KEY = "saga-1/Put"
WAIT_SECONDS = 30


class Ask(BaseModel):
    """A command: put so many, or take them back."""

    idempotency_key: str = KEY
    count: int = 7

    def fingerprint(self) -> str:
        """Differ when the count differs."""
        return f"count={self.count}"

    def taken_back(self) -> "Ask":
        """Return the compensation of this command."""
        return Ask(idempotency_key=compensation_key(self.idempotency_key), count=self.count)


class Done(BaseModel):
    """An answer that no second call could make up: only a recorded one is equal to it."""

    nonce: str = Field(default_factory=lambda: uuid4().hex)


class No(BaseModel):
    """A refusal that no second call could make up."""

    nonce: str = Field(default_factory=lambda: uuid4().hex)


class Shelf:
    """A participant that puts things on a shelf and takes them back.

    It remembers what its fence told it.
    """

    def __init__(self, engine: sa.Engine) -> None:
        create_tables(engine, METADATA)
        self.engine = engine
        self._fence = Fence(engine, FENCE)
        self.refuses = False
        self.likely_answer: Done | None = None
        self.had_effect: list[bool] = []
        self.before_commit: Callable[[sa.Connection], None] = lambda _connection: None

    def put(self, command: Ask) -> Done | No:
        """Put `command.count` on the shelf once."""

        def effect(connection: sa.Connection) -> No | None:
            refusal = No() if self.refuses else None
            if refusal is None:
                self._write(connection, command, command.count)
            self.before_commit(connection)
            return refusal

        return self._fence.forward(command, Done(), effect, No)

    def take_back(self, command: Ask) -> Done:
        """Take back what was put."""

        def effect(connection: sa.Connection, was_put: bool) -> Done:
            self.had_effect.append(was_put)
            if was_put or self.refuses:
                self._write(connection, command, -command.count)
            self.before_commit(connection)
            if self.refuses:
                raise Refused(No())
            return self.likely_answer or Done()

        return self._fence.compensate(command, self.likely_answer or Done(), effect)

    @property
    def changes(self) -> list[int]:
        """Every effect so far, in order."""
        with reading(self.engine) as connection:
            return list(connection.scalars(sa.select(EFFECTS.c.change).order_by(EFFECTS.c.number)))

    @property
    def outcomes(self) -> dict[str, str]:
        """What the fence holds under each key."""
        with reading(self.engine) as connection:
            return {row.key: row.outcome for row in connection.execute(sa.select(FENCE))}

    def _write(self, connection: sa.Connection, command: Ask, change: int) -> None:
        connection.execute(sa.insert(EFFECTS).values(key=command.idempotency_key, change=change))


def outcome_of(act: Callable[[Ask], Done | No], command: Ask) -> Done | No | type[FenceError]:
    """Return what the fence answers, or how it turns the command away."""
    try:
        return act(command)
    except FenceError as error:
        return type(error)


class Held:
    """Holds the next effect, with its transaction open, until it is let go.

    Then ends it, with an error if one is given.
    """

    def __init__(self, shelf: Shelf, ending: Exception | None = None) -> None:
        self._shelf = shelf
        self._ending = ending
        self._holder: int | None = None
        self._at_work = threading.Event()
        self._another_asks = threading.Event()
        self._free = threading.Event()

    def __enter__(self) -> Self:
        """Hold whatever effect comes next."""
        self._shelf.before_commit = self._hold
        sa.event.listen(self._shelf.engine, "before_cursor_execute", self._hear)
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave no thread waiting, also when the test failed."""
        self.let_go()

    def wait_until_at_work(self) -> None:
        """Wait until an effect is being held."""
        assert self._at_work.wait(WAIT_SECONDS)

    def wait_until_another_asks(self) -> None:
        """Wait until another thread sends the database its first statement."""
        assert self._another_asks.wait(WAIT_SECONDS)

    def let_go(self) -> None:
        """Let the effect that is held end."""
        self._free.set()

    def _hold(self, _connection: sa.Connection) -> None:
        if self._at_work.is_set():
            return
        self._holder = threading.get_ident()
        self._at_work.set()
        assert self._free.wait(WAIT_SECONDS)
        if self._ending is not None:
            raise self._ending

    def _hear(self, *_statement: object) -> None:
        if self._at_work.is_set() and threading.get_ident() != self._holder:
            self._another_asks.set()
