"""A database identity: a UUID given to it once, which backups and standbys share.

Two databases under one task queue would each hold half of the customers. Workers therefore compare
the identity of the database they have with the one that is registered for their participant
(`registry.py`).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa

from temporal_saga.database import UtcDateTime, create_tables, insert_new, reading
from temporal_saga.database_file import DatabaseFile, file_of, is_missing

METADATA = sa.MetaData()

ONLY = 1

IDENTITY = sa.Table(
    "identity",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(36), nullable=False),
    sa.Column("participant", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    comment="One row: which database this is, and whose.",
)


@dataclass(frozen=True)
class Identity:
    """Which database it is, and whose; where it lies is for people alone."""

    id: str
    participant: str
    where: str
    file: DatabaseFile | None = field(default=None, compare=False)
    """The file that it was read from; None when it is in none."""

    def was_replaced(self) -> bool:
        """Tell whether its file was deleted or replaced since it was read."""
        return self.file is not None and self.file.was_replaced()


def identify(engine: sa.Engine, participant: str, where: str) -> Identity:
    """Return a database's identity; a new database gets one, and is `participant`'s from now on.

    Of several callers at once one gives it, and all return it.
    """
    create_tables(engine, METADATA)
    with engine.begin() as connection:
        name = {
            "number": ONLY,
            "id": str(uuid4()),
            "participant": participant,
            "created_at": datetime.now(UTC),
        }
        insert_new(connection, IDENTITY, name)
        return _read(connection, where)


def find_identity(engine: sa.Engine, where: str) -> Identity | None:
    """Return who a database is, or None when nobody has given it a name; changes nothing.

    A SQLite file that is not there has no name, either.
    """
    if is_missing(engine):
        return None
    with reading(engine) as connection:
        if not sa.inspect(connection).has_table(IDENTITY.name):
            return None
        return _read(connection, where) if connection.scalar(sa.select(IDENTITY.c.id)) else None


def _read(connection: sa.Connection, where: str) -> Identity:
    row = connection.execute(sa.select(IDENTITY)).one()
    return Identity(row.id, row.participant, where, file_of(connection))


class DatabaseReads:
    """The base of what reads a participant's database from outside: it also tells its identity."""

    def __init__(self, engine: sa.Engine) -> None:
        """Read from the database behind `engine`, which may be away: then each question raises."""
        self._engine = engine
        self.where = engine.url.render_as_string(hide_password=True)

    def identity(self) -> Identity | None:
        """Return which database this is, or None when no worker has given it an identity yet."""
        return find_identity(self._engine, self.where)
