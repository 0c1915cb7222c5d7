"""`open` of both fences: a participant's database with all the tables that it needs."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from temporal_saga import provider
from temporal_saga.database import open_database
from temporal_saga.participant import Fence, ProviderFence

SEATS = sa.Table("seats", sa.MetaData(), sa.Column("guest", sa.Integer, primary_key=True))
GUESTS = sa.Table("guests", SEATS.metadata, sa.Column("guest", sa.Integer, primary_key=True))
ROOMS = sa.Table("rooms", sa.MetaData(), sa.Column("number", sa.Integer, primary_key=True))


@pytest.mark.parametrize(("kind", "own"), [(Fence, set()), (ProviderFence, {"intents"})])
def test_what_is_missing_is_created(
    tmp_path: Path, kind: type[Fence | ProviderFence], own: set[str]
) -> None:
    """The tables, those declared with them, and the fence's; a second time it changes nothing."""
    url = f"sqlite:///{tmp_path}/office.db"
    for _ in range(2):
        kind.open(url, SEATS, ROOMS)
    tables = set(sa.inspect(open_database(url)).get_table_names())
    assert tables == {"seats", "guests", "rooms", "fence"} | own


@pytest.mark.parametrize(
    "word", ["Intent", "Prepared", "Pending", "Done", "Declined", "TakenBack", "StillInDoubt"]
)
def test_the_words_of_a_provider_are_members_of_its_fence(word: str) -> None:
    """They are the same classes, so one name is enough."""
    assert getattr(ProviderFence, word) is getattr(provider, word)
