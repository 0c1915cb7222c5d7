"""Databases in the mode that the fence's promises rest on, SQLite and PostgreSQL alike."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

LOCK_WAIT_SECONDS = 5
"""A lock is waited for this long, less than an activity's start-to-close; then the try fails and the server tries again."""

ANSWER_SECONDS = 8
"""A PostgreSQL server gets this long for one statement, and for acknowledging what is sent to it."""


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
        raise ValueError(f"there is no driver {driver!r} here; use one of {', '.join(sorted(DRIVERS))}")


def open_database(url: str, *, pool_size: int = 10) -> sa.Engine:
    """Return an engine; nothing is connected until it is used.

    SQLite: WAL with an fsync per commit, and writers that take the lock when they begin, so that none fails half-way.
    PostgreSQL: READ COMMITTED. On both a lock is waited for at most `LOCK_WAIT_SECONDS`.

    Args:
        url: an SQLAlchemy URL, e.g. `sqlite:///var/order.db` or `postgresql+psycopg://user@host/order`.
        pool_size: connections kept; as many as threads use the engine.
    """
    if not url.startswith("sqlite"):
        # A server that is cut off must not keep a thread longer than a try of a command may take.
        limits = {"lock_timeout": LOCK_WAIT_SECONDS, "statement_timeout": ANSWER_SECONDS}
        options = {
            "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items()),
            "connect_timeout": LOCK_WAIT_SECONDS,
            "tcp_user_timeout": ANSWER_SECONDS * 1_000,
        }
        isolation = "READ COMMITTED"
        return sa.create_engine(url, pool_size=pool_size, pool_pre_ping=True, isolation_level=isolation, connect_args=options)
    engine = sa.create_engine(url, pool_size=pool_size, connect_args={"timeout": LOCK_WAIT_SECONDS})

    @sa.event.listens_for(engine, "do_connect")
    def make_room(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
        if (path := engine.url.database) and path != ":memory:":
            with suppress(OSError):  # connecting says next that there is no such place
                Path(path).parent.mkdir(parents=True, exist_ok=True)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        only_reads = connection.get_execution_options().get("only_reads", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine


def _write_ahead(connection: Any) -> None:
    """Turn on WAL. SQLite does not wait for the lock that this takes on a file's first use, so we do."""
    give_up = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
"""What is raised while a database does not answer, or does not in time."""


def plainly(error: Exception) -> str:
    """Return a database's error in one line, in the driver's words."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction that only reads and waits for no writer."""
    with engine.connect().execution_options(only_reads=True) as connection, connection.begin():
        yield connection


def insert_into(table: sa.Table, database: sa.Engine | sa.Connection) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that may say what happens ON CONFLICT."""
    return postgresql.insert(table) if database.dialect.name == "postgresql" else sqlite.insert(table)


def insert_new(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert the row; False when its key is there already, after waiting for whoever is writing it."""
    new = insert_into(table, connection).on_conflict_do_nothing()
    return connection.execute(new, row, execution_options={"preserve_rowcount": True}).rowcount == 1


def insert_missing(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> set[Any]:
    """Insert the rows whose key is not there yet, after waiting for whoever is writing it; return the keys that were missing."""
    missing = insert_into(table, connection).on_conflict_do_nothing().returning(*table.primary_key)
    return set(connection.scalars(missing, rows)) if rows else set()


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
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)  # SQLite drops the zone, and it was UTC


ONLY_ON = "only_on"
"""In an index's `info`: the one dialect that it is for, beside its `ddl_if`."""


def create_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Create the tables and indexes that are missing, also when several processes start at once."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(727266)"))
        metadata.create_all(connection)
        for index in (index for table in metadata.sorted_tables for index in table.indexes):
            # The table may be older than its index. SQLAlchemy's own check sees no index of an expression.
            if index.info.get(ONLY_ON, connection.dialect.name) == connection.dialect.name:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
