"""A participant: a database of its own with the real fence, in which each effect is a row."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from temporal_saga.database import create_tables, open_database, reading
from temporal_saga.fence import Fence, fence_table
from tests.temporal_saga.composed.messages import Command, Done, No, yes

METADATA = sa.MetaData()
FENCE = fence_table(METADATA)
EFFECTS = sa.Table(
    "effects",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("change", sa.Integer, nullable=False),
)


class Ledger:
    """Puts rows and takes them back, once per command; counts what its fence spared it."""

    def __init__(self, path: Path) -> None:
        """Open the database at `path`."""
        self._engine = open_database(f"sqlite:///{path}")
        create_tables(self._engine, METADATA)
        self._fence = Fence(self._engine, FENCE)
        self.absorptions = 0
        self.empty = 0

    def put(
        self,
        command: Command,
        *,
        refuse: bool = False,
        before_commit: Callable[[], object] = lambda: None,
    ) -> Done | No:
        """Put a row, or refuse.

        Args:
            command: names the row.
            refuse: whether there is a reason of business not to.
            before_commit: what happens between the effect and its commit.

        Raises:
            AlreadyCompensated: the row was taken back before it came.
        """
        is_called = False

        def effect(connection: sa.Connection) -> No | None:
            nonlocal is_called
            is_called = True
            if refuse:
                return No(reason="REFUSED")
            self._write(connection, command, +1)
            before_commit()
            return None

        answer = self._fence.forward(command, yes(command), effect, No)
        self.absorptions += not is_called
        return answer

    def take(self, command: Command) -> Done:
        """Take the row back; nothing, if there is none."""
        is_called = False

        def effect(connection: sa.Connection, is_done: bool) -> Done:
            nonlocal is_called
            is_called = True
            if is_done:
                self._write(connection, command, -1)
            self.empty += not is_done
            return yes(command)

        answer = self._fence.compensate(command, yes(command), effect)
        self.absorptions += not is_called
        return answer

    @property
    def effects(self) -> list[tuple[str, int]]:
        """The rows in the order in which they were written: the key, and +1 or -1."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                sa.select(EFFECTS.c.key, EFFECTS.c.change).order_by(EFFECTS.c.number)
            )
            return [(row.key, row.change) for row in rows]

    @property
    def fence(self) -> dict[str, str]:
        """What the fence remembers of each key."""
        with reading(self._engine) as connection:
            return {
                row.key: row.outcome
                for row in connection.execute(sa.select(FENCE.c.key, FENCE.c.outcome))
            }

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _write(self, connection: sa.Connection, command: Command, change: int) -> None:
        connection.execute(sa.insert(EFFECTS).values(key=command.idempotency_key, change=change))
