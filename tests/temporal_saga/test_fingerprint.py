"""What the fence compares of two commands under one key."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel

from temporal_saga.fence_table import fingerprint_of

ROOT = Path(__file__).parents[2]
TAGS = frozenset({"amp", "bass", "cello", "drum"})


class Case(BaseModel):
    """What a command may hold, a set of it included."""

    model_config = ConfigDict(frozen=True)

    size: int = 1
    tags: frozenset[str] = frozenset()


class Tags(RootModel[set[str]]):
    """A set by another name."""


class LendGear(BaseModel):
    """Sets in every place."""

    model_config = ConfigDict(serialize_by_alias=True)

    idempotency_key: str = "tour-1/LendGear"
    tags: set[str] = set()
    groups: set[frozenset[str]] = set()
    cases: frozenset[Case] = frozenset()
    first: Case = Case()
    by_band: dict[int, set[str]] = {}
    rows: list[set[str]] = []
    other: set[str] = Field(default=set(), serialization_alias="otherTags")
    root: Tags = Tags(set())


@dataclass(frozen=True)
class ReturnGear:
    """The same without pydantic."""

    idempotency_key: str = "tour-1/LendGear/compensation"
    tags: set[str] = field(default_factory=set)
    by_band: dict[str, frozenset[frozenset[str]]] = field(default_factory=dict)


class Order(BaseModel):
    """No set."""

    idempotency_key: str = "tour-1/Order"
    lines: list[str]
    limits: tuple[int, ...] = ()
    prices: dict[str, Decimal] = {}
    at: datetime | None = None
    first: Case | None = None


@dataclass(frozen=True)
class Cancel:
    """No set, and no pydantic."""

    idempotency_key: str = "tour-1/Order/compensation"
    price: Decimal = Decimal(1)
    lines: tuple[str, ...] = ()


def with_sets(tags: Iterable[str] = TAGS) -> list[LendGear | ReturnGear]:
    """Return commands with sets of these."""
    one = set(tags)
    groups = frozenset({frozenset(one), frozenset({"z"})})
    lend = LendGear(
        tags=one,
        groups=set(groups),
        cases=frozenset(Case(size=size, tags=frozenset(one)) for size in (3, 2)),
        first=Case(tags=frozenset(one)),
        by_band={7: one},
        rows=[one],
        other=one,
        root=Tags(one),
    )
    return [lend, ReturnGear(tags=one, by_band={"x": groups})]


def test_a_command_with_a_set_is_the_same_one_in_every_process() -> None:
    """Each process has an order of hashes of its own."""
    module = f"tests.temporal_saga.{Path(__file__).stem}"
    code = f"from {module} import *; print(*map(fingerprint_of, with_sets()))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(1, 4)
    }
    assert len(answers) == 1


@pytest.mark.parametrize("number", [0, 1])
def test_another_set_is_another_command(number: int) -> None:
    """Whatever it lacks."""
    one, other = (with_sets(tags)[number] for tags in (TAGS, TAGS - {"amp"}))
    assert fingerprint_of(one) != fingerprint_of(other)


def test_the_order_of_a_list_is_part_of_a_command() -> None:
    """A list is no set."""
    assert fingerprint_of(Order(lines=["a", "b"])) != fingerprint_of(Order(lines=["b", "a"]))


def test_commands_without_sets_have_the_fingerprints_that_are_stored() -> None:
    """An earlier release has written these."""
    order = Order(
        lines=["b", "a"],
        limits=(2, 1),
        prices={"b": Decimal("1.50"), "a": Decimal(2)},
        at=datetime(2026, 1, 2, tzinfo=UTC),
        first=Case(size=2),
    )
    assert [fingerprint_of(order), fingerprint_of(Cancel(price=Decimal(2), lines=("b", "a")))] == [
        "61e10b88af12e84af859e932e1656f57911171e4d12ef2ae4999763ea666245b",
        "4d5e9d5ac0b0dfa43f141ebd0c0fd660e15399d3e7f9d76f53e9884597d30935",
    ]
