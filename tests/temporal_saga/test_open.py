"""`open` of both fences: a participant's database with all the tables that it needs."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from temporal_saga import provider
from temporal_saga.database import open_database
from temporal_saga.kept_record import OpenRecord
from temporal_saga.participant import Fence, ProviderFence

SEATS = sa.Table("seats", sa.MetaData(), sa.Column("guest", sa.Integer, primary_key=True))
GUESTS = sa.Table("guests", SEATS.metadata, sa.Column("guest", sa.Integer, primary_key=True))
ROOMS = sa.Table("rooms", sa.MetaData(), sa.Column("number", sa.Integer, primary_key=True))


class Time(BaseModel):
    """How long a provider may take."""

    seconds_left: float


class Asked:
    """A provider that answers with the time which it was given."""

    def look_up(self, _intent: ProviderFence.Intent) -> None:
        """Know of nothing."""

    def call(self, intent: ProviderFence.Intent) -> ProviderFence.Done[Time]:
        """Tell the time."""
        return ProviderFence.Done(Time(seconds_left=intent.seconds_left))

    def take_back(self, _intent: ProviderFence.Intent, _outcome: object) -> Time | None:
        """Have nothing to take back."""
        return None


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


def test_a_delivery_has_the_seconds_that_are_given_for_its_calls(tmp_path: Path) -> None:
    """Whoever opens a provider's database says how long the provider may take."""
    fence = ProviderFence.open(f"sqlite:///{tmp_path}/bank.db", call_seconds=3)
    answer = fence.forward(OpenRecord("order-7/Ask"), Asked(), Time, Time, lambda _db, _event: None)
    assert isinstance(answer, Time)
    assert 0 < answer.seconds_left <= 3


@pytest.mark.parametrize(
    "word", ["Intent", "Prepared", "Pending", "Done", "Declined", "TakenBack", "StillInDoubt"]
)
def test_the_words_of_a_provider_are_members_of_its_fence(word: str) -> None:
    """They are the same classes, so one name is enough."""
    assert getattr(ProviderFence, word) is getattr(provider, word)
