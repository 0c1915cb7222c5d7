"""Who a database is: named once, whoever asks first and however many at once."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from temporal_saga.identity import find_identity, identify
from tests.concurrency import at_once

Open = Callable[[str], sa.Engine]

WHERE = "here"


def test_a_database_is_named_once(engine: sa.Engine) -> None:
    """It has no name before somebody names it, then the same name and owner for whoever asks."""
    assert find_identity(engine, WHERE) is None
    identity = identify(engine, "payment", WHERE)
    assert (identity.participant, identity.where) == ("payment", WHERE)
    assert identify(engine, "stock", WHERE) == find_identity(engine, WHERE) == identity


def test_of_many_who_name_a_database_at_once_one_does(engine: sa.Engine) -> None:
    """All of them get the one name."""
    names: list[str] = []
    at_once([lambda: names.append(identify(engine, "payment", WHERE).id)] * 8)
    assert len(names) == 8
    assert len(set(names)) == 1


def test_a_database_is_not_replaced_by_what_is_written_into_it(engine: sa.Engine) -> None:
    """Neither a file nor a server's database is, as long as it stays where it is."""
    identity = identify(engine, "payment", WHERE)
    assert not identity.was_replaced()


def test_a_file_that_is_deleted_or_replaced_is_noticed(tmp_path: Path, open_engine: Open) -> None:
    """By who read it before; back at its place, it is the one that it was."""
    path = tmp_path / "payment.db"
    elsewhere = tmp_path / "elsewhere"
    engine = open_engine(f"sqlite:///{path}")
    identity = identify(engine, "payment", WHERE)
    path.rename(elsewhere)
    assert identity.was_replaced()
    path.touch()
    assert identity.was_replaced()
    elsewhere.rename(path)
    assert not identity.was_replaced()


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, open_engine: Open) -> None:
    """Who asks which database it is changes nothing."""
    path = tmp_path / "payment.db"
    engine = open_engine(f"sqlite:///{path}")
    assert find_identity(engine, WHERE) is None
    assert not path.exists()


def test_what_is_in_memory_is_never_replaced(open_engine: Open) -> None:
    """It has no file."""
    engine = open_engine("sqlite://")
    assert not identify(engine, "payment", WHERE).was_replaced()
