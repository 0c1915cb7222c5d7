"""`ProviderFence` in every order of deliveries, kills, lost and late answers, and passing time."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from temporal_saga.database import create_tables
from tests.temporal_saga.bank import Kind
from tests.temporal_saga.charging_participant import METADATA
from tests.temporal_saga.fenced_participant import KEY, Ask
from tests.temporal_saga.provider_stories import Limits, Story
from tests.temporal_saga.schedules import Choose, every_story

BACK_KEY = Ask().taken_back().idempotency_key

HELPFUL = [Kind.CLOSING, Kind.TWO_PHASE]
QUICK = [Limits(switches=1, jumps=1), Limits(kills=1), Limits(faults=1)]
THOROUGH = [Limits(switches=1, kills=1, jumps=1)]
OF_TWO = [Limits(switches=2), Limits(switches=1, kills=1)]
if os.environ.get("EVERY_STORY"):  # a minute of CPU for each kind
    THOROUGH += [Limits(switches=2, kills=1), Limits(switches=1, faults=1, jumps=1)]
    OF_TWO.append(Limits(faults=1, jumps=1))


@pytest.fixture(scope="module")
def memory() -> Iterator[sa.Engine]:
    """Give a database that all threads share, each in its turn."""
    engine = sa.create_engine(
        "sqlite://",
        poolclass=sa.pool.StaticPool,
        connect_args={"check_same_thread": False},
    )
    create_tables(engine, METADATA)
    yield engine
    engine.dispose()


def with_refund(
    memory: sa.Engine, kind: Kind, all_limits: Sequence[Limits], charges: int
) -> tuple[int, int]:
    """Tell every story of charges and a refund; return how many, and how many kept a charge."""
    kept_charges = 0

    def tell(choose: Choose) -> None:
        nonlocal kept_charges
        limits = all_limits[choose(len(all_limits))]
        story = Story(memory, kind, choose, replace(limits))
        for _ in range(charges):
            story.charges()
        story.refunds()
        story.play()
        assert sum(story.till.receipts) == 0
        assert story.till.outcomes[BACK_KEY] == "APPLIED"
        assert story.till.outcomes.get(KEY) in ("COMPENSATED", "TOMBSTONE")
        if story.bank.net:
            nobody_knows = story.limits.kills < limits.kills or story.limits.faults < limits.faults
            assert story.charged_too_late
            assert nobody_knows
            kept_charges += 1

    return every_story(tell), kept_charges


def without_refund(memory: sa.Engine, kind: Kind, all_limits: Sequence[Limits]) -> int:
    """Tell every story of a charge that is delivered until it is answered; return how many."""

    def tell(choose: Choose) -> None:
        story = Story(memory, kind, choose, replace(all_limits[choose(len(all_limits))]))
        story.charges()
        story.charges()
        story.play()
        event = story.charge_again()
        assert story.till.charge(Ask()) == event
        assert (story.bank.net, story.till.receipts) == (7, [7])
        assert [charge.status for charge in story.bank.charges.values()] == ["CHARGED"]

    return every_story(tell)


@pytest.mark.parametrize("kind", HELPFUL)
def test_nothing_is_charged_after_a_refund_where_the_provider_helps(
    memory: sa.Engine, kind: Kind
) -> None:
    """Whoever stands still, dies, is not answered or comes late: charge and refund are even."""
    number, kept_charges = with_refund(memory, kind, QUICK, charges=1)
    assert number > 100
    assert kept_charges == 0


def test_without_its_help_a_charge_is_kept_only_when_it_comes_after_every_doubt(
    memory: sa.Engine,
) -> None:
    """That charge came after the refund had ended, and nobody lived to take it back."""
    number, kept_charges = with_refund(memory, Kind.PLAIN, QUICK, charges=1)
    assert number > 100
    assert 0 < kept_charges < number / 10


@pytest.mark.parametrize(
    "kind", [Kind.PLAIN, *(pytest.param(kind, marks=pytest.mark.long) for kind in HELPFUL)]
)
def test_a_charge_that_is_delivered_until_it_is_answered_is_made_once(
    memory: sa.Engine, kind: Kind
) -> None:
    """Two deliveries at once, one of them killed, an answer lost or late: one charge."""
    assert without_refund(memory, kind, QUICK) > 50


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", Kind)
def test_more_at_once_in_every_order(memory: sa.Engine, kind: Kind) -> None:
    """As above, with faults, kills and passing time in one story."""
    number, kept_charges = with_refund(memory, kind, THOROUGH, charges=1)
    assert number > 300
    assert (kept_charges > 0) == (kind is Kind.PLAIN)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", Kind)
def test_two_deliveries_and_a_refund_in_every_order(memory: sa.Engine, kind: Kind) -> None:
    """As above, with a duplicate of the charge, and one that is repeated until it is answered."""
    number, kept_charges = with_refund(memory, kind, OF_TWO, charges=2)
    assert number > 700
    assert kept_charges == 0 or kind is Kind.PLAIN
    assert without_refund(memory, kind, OF_TWO) > 50
