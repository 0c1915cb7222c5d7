"""Who a database is: named once, whoever asks first and however many at once."""

import sqlalchemy as sa

from temporal_saga.identity import find_identity, identify
from tests.concurrency import at_once

WHERE = "here"


def test_a_database_is_named_once(engine: sa.Engine) -> None:
    """It has no name before somebody names it, then the same name and owner for whoever asks."""
    assert find_identity(engine, WHERE) is None
    named = identify(engine, "payment", WHERE)
    assert (named.participant, named.where) == ("payment", WHERE)
    assert identify(engine, "stock", WHERE) == find_identity(engine, WHERE) == named


def test_of_many_who_name_a_database_at_once_one_does(engine: sa.Engine) -> None:
    """All of them get the one name."""
    names: list[str] = []
    at_once([lambda: names.append(identify(engine, "payment", WHERE).id)] * 8)
    assert len(names) == 8
    assert len(set(names)) == 1
