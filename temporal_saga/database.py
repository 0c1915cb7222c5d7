"""Databases in the mode that the fence's promises rest on, SQLite and PostgreSQL alike."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert as PostgreSQLInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SQLiteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from temporal_saga import sqlite

LOCK_WAIT_SECONDS = 5
"""How long a lock is waited for: less than an activity's start-to-close timeout, so that the
attempt fails and Temporal retries it."""

ANSWER_SECONDS = 8
"""How long PostgreSQL gets for one statement, and to acknowledge what is sent; a second later the
session is given up. So a thread is free before an activity's start-to-close timeout."""

RECYCLE_SECONDS = 45
"""The greatest age of a PostgreSQL session: within it all are on the new server after a failover
that nothing else shows."""

DRIVERS = frozenset({"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"})


def check_url(url: str) -> None:
    """Find that `open_database` can open this URL, whether or not a database answers there now.

    Raises:
        ValueError: it never can. The message does not repeat the URL, which may hold a password.
    """
    try:
        driver = sa.make_url(url).drivername
    except (sa.exc.ArgumentError, ValueError):
        example = "sqlite:////data/order.db or postgresql+psycopg://user:password@host/order"
        raise ValueError(f"it is not the URL of a database, like {example}") from None
    if driver not in DRIVERS:
        raise ValueError(
            f"there is no driver {driver!r} here; use one of {', '.join(sorted(DRIVERS))}"
        )


def check_file(url: str) -> None:
    """Find that a SQLite URL names a file: one in memory is another database for each connection.

    Raises:
        ValueError: it names none.
    """
    name = sa.make_url(url)
    in_memory = (name.database or ":memory:").startswith((":memory:", "file::memory:"))
    if name.get_backend_name() == "sqlite" and (
        in_memory or "memory" in name.query.get("mode", "")
    ):
        raise ValueError(
            "it names no file, and what is in memory is lost: sqlite:////path/order.db"
        )


def open_database(
    url: str,
    *,
    pool_size: int = 10,
    answer_seconds: int = ANSWER_SECONDS,
    only_reads: bool = False,
    only_writes: bool = False,
) -> sa.Engine:
    """Return an engine; nothing is connected until it is used.

    SQLite: WAL with an fsync per commit; writers take the lock when they begin, so that none fails
    half-way. PostgreSQL: READ COMMITTED, and REPEATABLE READ in `reading`, on a server that accepts
    writes; client-side limits hold whatever it does (`postgresql.py`). On both a lock is waited for
    at most `LOCK_WAIT_SECONDS`.

    Args:
        url: SQLAlchemy's, e.g. `sqlite:///var/order.db` or `postgresql+psycopg://user@host/order`.
        pool_size: connections kept; as many as threads use the engine.
        answer_seconds: how long one statement may take, and a lock at most: less for the API.
        only_reads: open somebody else's database to look into it: nothing can be written, no file
            and no table is made, and the right to SELECT is enough.
        only_writes: of a SQLite file keep one connection, for which threads wait in turn. With one
            each they would wait for the file's lock, which SQLite only looks at now and then: the
            pauses grow to 100 ms, and whoever came last may be next.

    Units: seconds.
    Errors: SQLAlchemy's, for a URL that it cannot read; a statement raises its `OperationalError`
        while the database does not answer.
    Source: sqlite.org/wal.html; postgresql.org, "Transaction Isolation", "Client Connection
        Defaults".
    """
    lock_wait = min(LOCK_WAIT_SECONDS, answer_seconds)
    if not url.startswith("sqlite"):
        from temporal_saga import postgresql  # noqa: PLC0415  # 10 MB that SQLite does not need

        # A server that is cut off must not keep a thread longer than a try of a command may take.
        limits = {"lock_timeout": lock_wait, "statement_timeout": answer_seconds}
        engine = sa.create_engine(
            url,
            pool_size=pool_size,
            pool_timeout=lock_wait,
            pool_recycle=RECYCLE_SECONDS,
            isolation_level="READ COMMITTED",
            execution_options={"postgresql_readonly": True}
            if only_reads
            else {},  # False would ask a standby to write
            connect_args={
                "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items()),
                "connect_timeout": postgresql.CONNECT_SECONDS,
                "tcp_user_timeout": answer_seconds * 1_000,
                "target_session_attrs": "read-write",
            },
        )
        postgresql.guard(engine, patience=answer_seconds + 1)
        return engine
    if only_reads:
        return sqlite.look_into(url, lock_wait)
    return sqlite.open_file(url, lock_wait, pool_size, only_writes=only_writes)


DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
"""What is raised while a database does not answer, or does not in time."""

DATABASE_NOT_READY = (sa.exc.DBAPIError, sa.exc.TimeoutError)
"""What is raised while a database cannot be used: it does not answer, is damaged, has no such table
yet, or does not let us do so much."""


def plainly(error: Exception) -> str:
    """Return a database's error in one line, in the driver's words."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


_TO_READ: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"only_reads": True},
    "postgresql": {"isolation_level": "REPEATABLE READ"},  # said in the BEGIN: no round trip more
}
"""Not `postgresql_readonly`: back in the pool, such a session would ask a standby to write."""


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction that only reads: one instant of the database, waiting for no writer."""
    mode = _TO_READ[engine.dialect.name]
    with engine.connect().execution_options(**mode) as connection, connection.begin():
        yield connection


def insert_into(table: sa.Table, dialect: str) -> PostgreSQLInsert | SQLiteInsert:
    """Return an INSERT that may say what happens ON CONFLICT, in the dialect of this name."""
    return postgresql_insert(table) if dialect == "postgresql" else sqlite_insert(table)


def insert_new(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert the row, after waiting for another writer of its key; False for a duplicate."""
    new = _insert_of_new(table, connection.dialect.name)
    return connection.execute(new, row, execution_options={"preserve_rowcount": True}).rowcount == 1


@cache
def _insert_of_new(table: sa.Table, dialect: str) -> PostgreSQLInsert | SQLiteInsert:
    """Return the statement, which is built once: each command executes it."""
    return insert_into(table, dialect).on_conflict_do_nothing()


def insert_missing(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]
) -> set[Any]:
    """Insert the rows whose key is missing, after waiting for its writers; return these keys."""
    new = _insert_of_new(table, connection.dialect.name).returning(*table.primary_key)
    return set(connection.scalars(new, rows)) if rows else set()


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant in UTC, on databases with and without time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Store aware times only."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: times are UTC")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Return aware times only."""
        if value is None:
            return None
        return (
            value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        )  # SQLite drops the zone, and it was UTC


def create_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Create the tables and indexes that are missing, also when several processes start at once."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(727266)"))
        metadata.create_all(connection)
        for index in (index for table in metadata.sorted_tables for index in table.indexes):
            # The table may be older than its index; SQLAlchemy's check sees none of expressions.
            connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


def open_with(url: str, *tables: sa.Table) -> sa.Engine:
    """Open a database, and create what it lacks of these tables and of those declared with them."""
    engine = open_database(url)
    for metadata in dict.fromkeys(table.metadata for table in tables):
        create_tables(engine, metadata)
    return engine
