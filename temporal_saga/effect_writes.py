"""What a participant's effect writes, which a refusal may not.

Each engine has one listener for good: to add one for each transaction costs more than a statement.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa

READS = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*"
    r"(?:SELECT\b(?!.*\bINTO\b)|VALUES\b|SHOW\b|PRAGMA\b(?!.*=)|EXPLAIN\b(?!.*\bANALY[SZ]E\b)"
    r"|SAVEPOINT\b|RELEASE\b|ROLLBACK\s+TO\b)",
    re.IGNORECASE | re.DOTALL,
)
"""How a statement begins that changes no row by itself; one WITH a query may change some."""

_under_way: ContextVar[tuple[sa.Connection | None, list[str]]] = ContextVar(
    "under_way", default=(None, [])
)
"""The connection of an effect that is under way, and where `_collect` puts its statements."""


def listen_for_writes(engine: sa.Engine) -> None:
    """Let `writes_of` tell of this engine's connections."""
    if not sa.event.contains(engine, "after_cursor_execute", _collect):
        sa.event.listen(engine, "after_cursor_execute", _collect)


@contextmanager
def writes_of(connection: sa.Connection) -> Iterator[list[str]]:
    """Give the statements sent meanwhile that changed rows, or may have.

    Those that return rows count as writes, unless their first word says that they only read:
    whether they changed any is not known yet.
    """
    writes: list[str] = []
    before = _under_way.set((connection, writes))
    try:
        yield writes
    finally:
        _under_way.reset(before)


def _collect(
    connection: sa.Connection,
    cursor: Any,
    statement: str,
    _parameters: Any,
    context: Any,
    _many: bool,
) -> None:
    """Collect a statement for `writes_of`."""
    effects_connection, writes = _under_way.get()
    if connection is not effects_connection:
        return
    is_select = context.invoked_statement is not None and context.invoked_statement.is_select
    reads = is_select or READS.match(statement)
    if not reads and (cursor.rowcount != 0 or cursor.description):
        writes.append(statement)
