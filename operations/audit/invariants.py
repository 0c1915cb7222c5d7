"""The invariants of one participant: SQL files in its room, each of whose rows tells something that must not be."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from temporal_saga.database import reading

PARTICIPANTS = Path(__file__).parents[2] / "participants"
COMMENT = "--"


class CannotRead(Exception):
    """A participant's database cannot be read; the message says which, and why."""


@dataclass(frozen=True)
class Invariant:
    """A claim about one participant's database, and the statements that return no row as long as it holds."""

    id: str
    claim: str
    statements: tuple[str, ...]


def invariants_of(participant: str) -> list[Invariant]:
    """Return the invariants of order, payment or stock, in the order of their ids."""
    return [
        _read(path) for path in sorted((PARTICIPANTS / participant / "invariants").glob("*.sql"))
    ]


def violations(connection: sa.Connection, invariant: Invariant) -> list[str]:
    """Return what is wrong, a line for each row: the problem, and the columns that show it."""
    return [
        _tell(row)
        for statement in invariant.statements
        for row in connection.execute(sa.text(statement))
    ]


def broken(engine: sa.Engine, participant: str) -> dict[str, list[str]]:
    """Return the invariants of a participant that do not hold, by id, and what is wrong; an empty dictionary when all hold."""
    with snapshot(engine) as connection:
        found = {
            invariant.id: violations(connection, invariant)
            for invariant in invariants_of(participant)
        }
    return {id_: told for id_, told in found.items() if told}


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction that sees one instant of the database, takes the time it needs and, on PostgreSQL, cannot write.

    Raises:
        CannotRead: the database does not answer, or not what it should.
    """
    try:
        with reading(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                )
                connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            yield connection
    except sa.exc.SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise CannotRead(
            f"{engine.url.render_as_string(hide_password=True)} cannot be read: {reason}"
        ) from error


def _read(path: Path) -> Invariant:
    """Read a file that begins with the comment `-- ID: the claim.` and goes on with statements, each ended by a semicolon."""
    head, *rest = path.read_text().splitlines()
    id_, _, claim = head.removeprefix(COMMENT).strip().partition(": ")
    body = "\n".join(line for line in rest if not line.lstrip().startswith(COMMENT))
    statements = [statement.strip() for statement in body.split(";")]
    return Invariant(
        id_, claim.removesuffix("."), tuple(statement for statement in statements if statement)
    )


def _tell(row: sa.Row[Any]) -> str:
    problem, *shown = row._asdict().items()
    return f"{problem[1]}: " + ", ".join(f"{name} {value}" for name, value in shown)
