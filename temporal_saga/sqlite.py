"""Opening a SQLite file: in WAL mode, with an fsync per commit."""

import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

TURN_SECONDS = 4
"""How long a thread waits for the one connection: less, together with the lock that comes then,
than an activity's start-to-close timeout."""


def open_file(url: str, lock_wait: int, pool_size: int, *, only_writes: bool) -> sa.Engine:
    """Return an engine whose writers take the lock when they begin; as `open_database` has it."""
    in_memory = sa.make_url(url).database in (None, "", ":memory:")
    waiting: dict[str, Any] = (
        {} if in_memory else {"pool_timeout": lock_wait}
    )  # where each thread has a database of its own, none waits
    if only_writes and not in_memory:
        pool_size = 1
        waiting = {"pool_timeout": TURN_SECONDS, "max_overflow": 0}
    engine = sa.create_engine(
        url, pool_size=pool_size, connect_args={"timeout": lock_wait}, **waiting
    )

    @sa.event.listens_for(engine, "do_connect")
    def make_room(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
        if (path := engine.url.database) and path != ":memory:":
            with suppress(OSError):  # connecting says next that there is no such place
                Path(path).parent.mkdir(parents=True, exist_ok=True)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        _write_ahead(connection, lock_wait)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        only_reads = connection.get_execution_options().get("only_reads", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine


def look_into(url: str, lock_wait: int) -> sa.Engine:
    """Return an engine that opens the file for each read, so that a replaced one is noticed."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args={"timeout": lock_wait})

    @sa.event.listens_for(engine, "do_connect")
    def only_what_is_there(_dialect: Any, _record: Any, arguments: Any, options: Any) -> None:
        # Not `ro`: beside a file in WAL mode even a reader keeps its place in the files of the log.
        arguments[0] = f"file:{quote(engine.url.database or '')}?mode=rw"
        options["uri"] = True

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _write_ahead(connection: Any, lock_wait: int) -> None:
    """Turn on WAL, and wait for its lock on a file's first use, as SQLite itself does not."""
    give_up = time.monotonic() + lock_wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return
