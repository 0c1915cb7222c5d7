"""Copies of real orders in the participants' databases, written while the system is stopped.

An order that is to be copied has the mark of generation 0 at the beginning of its id. A copy of it
differs by its generation alone: the mark in each text of each row is replaced by another of the
same length. Times are those of the original.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

MOST_GENERATIONS = 1_000
ROWS_AT_ONCE = 5_000

Row = tuple[Any, ...]

BALANCES = (
    "UPDATE wallets SET balance_minor = (SELECT SUM(amount_minor) FROM ledger "
    "WHERE account = 'wallet:' || customer_id AND ledger.currency = wallets.currency)"
)
AVAILABLE = (
    "UPDATE products SET available = initial + COALESCE((SELECT SUM(change) FROM movements "
    "WHERE movements.sku = products.sku), 0)"
)
SETTLE = {"order": (), "payment": (BALANCES,), "stock": (AVAILABLE,)}
"""What the copies of a participant's rows change in rows that belong to no order."""

NOT_COPIED = frozenset({"events"})
"""What is told of orders: each event once, under a number of its own."""


def prefix(generation: int) -> str:
    """Return what the ids of a generation's orders begin with, as `workload.orders` takes it."""
    return f"g{generation:03}"  # a g stands in no UUID and in no digest


def mark(generation: int) -> str:
    """Return the text by which the rows of a generation are known."""
    return f"{prefix(generation)}-"


@contextmanager
def fast_writes(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a database that nobody has open, for one transaction without an fsync.

    At the end everything is in the one file.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-200000")  # KiB
        connection.execute("BEGIN EXCLUSIVE")
        yield connection
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy_orders(folder: Path, generations: Sequence[int]) -> None:
    """Copy the orders of generation 0 in the databases of all participants."""
    for participant, statements in SETTLE.items():
        with fast_writes(folder / f"{participant}.db") as connection:
            for table in set(tables(connection)) - NOT_COPIED:
                names = columns(connection, table)
                rows = [row for row in read(connection, table, names) if _is_marked(row)]
                copies = (
                    replace_in(row, [(mark(0), mark(generation))])
                    for generation in generations
                    for row in rows
                )
                insert(connection, table, names, copies)
            for statement in statements:
                connection.execute(statement)


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all tables that are no virtual ones, nor parts of one."""
    rows = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'")
    return [name for name, type_ in rows if type_ == "table" and not name.startswith("sqlite_")]


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns that are written; the others are generated."""
    rows = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (table,))
    return [name for (name,) in rows]


def read(
    connection: sqlite3.Connection, table: str, names: Sequence[str], where: str = "1"
) -> list[Row]:
    """Return rows with these columns."""
    return connection.execute(
        f"SELECT {', '.join(names)} FROM {table} WHERE {where}"  # noqa: S608  # names from the schema
    ).fetchall()


def insert(
    connection: sqlite3.Connection, table: str, names: Sequence[str], rows: Iterable[Row]
) -> None:
    """Write rows with these columns."""
    places = ", ".join("?" * len(names))
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})",  # noqa: S608
        rows,
    )


def replace_in(row: Row, pairs: Sequence[tuple[str, str]], *more: tuple[bytes, bytes]) -> Row:
    """Return a row in whose texts and bytes the first of each pair is replaced by the second.

    Both must be of one length: then what is protobuf remains so. `more` are bytes that stand for
    no text.
    """
    in_bytes = [*((old.encode(), new.encode()) for old, new in pairs), *more]
    assert all(len(old) == len(new) for old, new in in_bytes)
    return tuple(
        _swap(value, pairs)
        if isinstance(value, str)
        else _swap(value, in_bytes)
        if isinstance(value, bytes)
        else value
        for value in row
    )


def _swap(value: Any, pairs: Iterable[tuple[Any, Any]]) -> Any:
    for old, new in pairs:
        value = value.replace(old, new)
    return value


def _is_marked(row: Row) -> bool:
    return any(isinstance(value, str) and mark(0) in value for value in row)
