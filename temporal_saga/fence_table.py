"""The fence's table in a participant's database: one row per idempotency key.

A row holds what happened under its key, and what was answered: the record by which the fence
deduplicates commands.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, fields
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol, Self

import sqlalchemy as sa

from temporal_saga.database import UtcDateTime, insert_into
from temporal_saga.keys import MOST_KEY, compensated_key

APPLIED = "APPLIED"
REFUSED = "REFUSED"
COMPENSATED = "COMPENSATED"
TOMBSTONE = "TOMBSTONE"


class Answer(Protocol):
    """What a participant answers: an event or a refusal that can be stored as JSON.

    Any pydantic model is one.
    """

    @classmethod
    def model_validate_json(cls, json_data: str, /) -> Self:
        """Read a stored answer."""
        ...

    def model_dump_json(self) -> str:
        """Write an answer to be stored."""
        ...


class Command(Protocol):
    """What a participant is to do, under a key that names the effect.

    A pydantic model or a dataclass; or it has a method `fingerprint`, whose text differs when what
    is asked differs.
    """

    @property
    def idempotency_key(self) -> str:
        """The name of the effect, for ever."""
        ...


def fingerprint_of(command: Command) -> str:
    """Return a digest that differs when what is asked differs.

    By default of all fields that differ from their defaults: so a class that has got another field
    with a default still takes what was sent before. The elements of a set are taken in an order
    that is the same in every process.

    Raises:
        ValueError: the command has no key.
    """
    if not command.idempotency_key:
        raise ValueError(f"{type(command).__name__} has no idempotency key: a saga fills it in")
    own: Callable[[], str] | None = getattr(command, "fingerprint", None)
    if own is not None:
        return own()
    return sha256(_text(_fields(command)).encode()).hexdigest()


def _fields(command: Any) -> dict[str, Any]:
    if hasattr(command, "model_dump"):
        fields_as_json = command.model_dump(mode="json", exclude_defaults=True)
        dump: dict[str, Any] = _in_order(fields_as_json, command)
        return dump
    defaults = {field.name: field.default for field in fields(command)}
    return {name: value for name, value in asdict(command).items() if value != defaults[name]}


def _text(fields: Any) -> str:
    return json.dumps(fields, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    """Return what stands for a value that JSON does not have."""
    return sorted(value, key=_text) if isinstance(value, set | frozenset) else str(value)


def _in_order(dump: Any, value: Any) -> Any:
    """Return what pydantic makes of a value, with what were sets in an order of their own.

    It lists a set in the order of its hashes, which is another one in each process.
    """
    if getattr(type(value), "__pydantic_root_model__", False):
        value = value.root
    match dump:
        case dict() if isinstance(value, dict) and len(dump) == len(value):
            return dict(zip(dump, map(_in_order, dump.values(), value.values()), strict=True))
        case dict():
            return {name: _in_order(part, _part(value, name)) for name, part in dump.items()}
        case list() if isinstance(value, Collection) and len(dump) == len(value):
            parts = list(map(_in_order, dump, value))
            return sorted(parts, key=_text) if isinstance(value, set | frozenset) else parts
    return dump


def _part(value: Any, name: str) -> Any:
    """Return the field of which pydantic speaks by this name."""
    fields = getattr(type(value), "model_fields", {})
    own = (own for own, field in fields.items() if field.serialization_alias == name)
    return getattr(value, next(own, name), None)


def fence_table(metadata: sa.MetaData) -> sa.Table:
    """Add the fence's table to a participant's `metadata`."""
    return sa.Table(
        "fence",
        metadata,
        sa.Column("key", sa.String(MOST_KEY), primary_key=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("answer", sa.Text),
        sa.Column("at", UtcDateTime, nullable=False),
    )


def row_of(command: Command, answer: Answer) -> dict[str, Any]:
    """Return what the fence holds of a command that is done."""
    return {
        "key": command.idempotency_key,
        "outcome": APPLIED,
        "fingerprint": fingerprint_of(command),
        "answer": answer.model_dump_json(),
        "at": datetime.now(UTC),
    }


def rows_of_compensation(command: Command, answer: Answer) -> list[dict[str, Any]]:
    """Return what the fence holds of a compensation that is done: a tombstone, and its own row.

    The forward key comes first, as in the forward command: two that meet never deadlock.
    """
    row = row_of(command, answer)
    tombstone = {
        "key": compensated_key(command.idempotency_key),
        "outcome": TOMBSTONE,
        "fingerprint": None,
        "answer": None,
    }
    return [row | tombstone, row]


def claim_both(engine: sa.Engine, table: sa.Table) -> sa.Executable:
    """Return the INSERT of a tombstone and a compensation's row, RETURNING the keys it changed.

    With each key comes its outcome. A tombstone that finds its forward command applied marks it as
    compensated; any other row that is there stays as it is.
    """
    claim = insert_into(table, engine.dialect.name)
    is_applied = (claim.excluded.outcome == TOMBSTONE) & (table.c.outcome == APPLIED)
    upsert = claim.on_conflict_do_update(
        index_elements=[table.c.key], set_={"outcome": COMPENSATED}, where=is_applied
    )
    return upsert.returning(table.c.key, table.c.outcome)
