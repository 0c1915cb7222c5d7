"""The invariants of one participant's database: SQL files, of which each row is a violation.

What the fence promises holds for every participant (`temporal_saga/invariants/`); what is a
participant's alone stands in its own room (`participants/*/invariants/`). A file of the same name
in both is one invariant.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from temporal_saga.database import reading

ROOT = Path(__file__).parents[2]
PARTICIPANTS = ROOT / "participants"
OF_THE_FENCE = ROOT / "temporal_saga" / "invariants"
OF_THE_PROVIDER_FENCE = ROOT / "temporal_saga" / "provider_invariants"
INTENTS = "intents"
"""The table of a participant that may have effects at a provider."""

COMMENT = "--"


class CannotRead(Exception):
    """A participant's database, or a provider's books, cannot be read; the message says why."""


@dataclass(frozen=True)
class Invariant:
    """A claim about one participant's database; its queries return no row while it holds."""

    id: str
    claim: str
    statements: tuple[str, ...]


def invariants_of(participant: str) -> list[Invariant]:
    """Return the invariants of a participant, the fence's included, sorted by id."""
    by_id: dict[str, Invariant] = {}
    tables = import_module(f"participants.{participant}.tables").METADATA.tables
    at_provider = (OF_THE_PROVIDER_FENCE,) if INTENTS in tables else ()
    for folder in (OF_THE_FENCE, *at_provider, PARTICIPANTS / participant / "invariants"):
        for path in folder.glob("*.sql"):
            invariant = _parse(path.read_text())
            general = by_id.get(invariant.id)
            statements = (*(general.statements if general else ()), *invariant.statements)
            by_id[invariant.id] = Invariant(invariant.id, invariant.claim, statements)
    return sorted(by_id.values(), key=lambda invariant: invariant.id)


def violations(connection: sa.Connection, invariant: Invariant) -> list[str]:
    """Return a line for each violation: the problem, and the columns that show it."""
    return [
        _line(row)
        for statement in invariant.statements
        for row in connection.execute(sa.text(statement))
    ]


def violations_by_id(engine: sa.Engine, participant: str) -> dict[str, list[str]]:
    """Return the violations of a participant's invariants by id; empty when all of them hold."""
    with snapshot(engine) as connection:
        lines_by_id = {
            invariant.id: violations(connection, invariant)
            for invariant in invariants_of(participant)
        }
    return {id_: lines for id_, lines in lines_by_id.items() if lines}


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction that reads, as `reading` does, without a limit on its time.

    On PostgreSQL it cannot write.

    Raises:
        CannotRead: the database does not answer, or lacks a table.
    """
    try:
        with reading(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SET TRANSACTION READ ONLY"))
                connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            yield connection
    except sa.exc.SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise CannotRead(
            f"{engine.url.render_as_string(hide_password=True)} cannot be read: {reason}"
        ) from error


def _parse(text: str) -> Invariant:
    """Read a file: the comment `-- ID: the claim.`, then queries, each ended by a semicolon."""
    head, _, body = text.partition("\n\n")
    claim_lines = [line.removeprefix(COMMENT).strip() for line in head.splitlines()]
    id_, _, claim = " ".join(claim_lines).partition(": ")
    code = "\n".join(line for line in body.splitlines() if not line.lstrip().startswith(COMMENT))
    statements = [statement.strip() for statement in code.split(";")]
    return Invariant(id_, claim.removesuffix("."), tuple(filter(None, statements)))


def _line(row: sa.Row[Any]) -> str:
    problem, *columns = row._asdict().items()
    return f"{problem[1]}: " + ", ".join(f"{name} {value}" for name, value in columns)
