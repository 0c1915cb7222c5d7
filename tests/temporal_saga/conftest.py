from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from temporal_saga.testing import Script
from temporal_saga.testing.participants import Participants
from tests.temporal_saga.bank import Bank, Kind
from tests.temporal_saga.basket import COMMANDS as BASKET_COMMANDS
from tests.temporal_saga.basket import QUEUE, BasketSaga
from tests.temporal_saga.charging_participant import StandingClock, Till
from tests.temporal_saga.steered_trip import SteeredTrip
from tests.temporal_saga.trip_releases import AskWeatherCommand
from tests.temporal_saga.trips import COMMANDS

pytest.register_assert_rewrite("tests.temporal_saga.composed.promises")

Play = Callable[..., Script]

NUMBERS = count(1)


@pytest.fixture(scope="session")
async def travel(temporal: Client) -> AsyncIterator[Participants]:
    """Whoever a trip needs, for all tests."""
    async with Participants(temporal, COMMANDS | {"weather": [AskWeatherCommand]}) as participants:
        yield participants


@pytest.fixture
def play(temporal: Client, travel: Participants) -> Play:
    """Prepare scripts of trips: `play()`, or with another release, a policy or a cache size."""

    def prepare(release: type = SteeredTrip, **how: Any) -> Script:
        return Script(
            temporal,
            travel,
            release,
            saga_id=f"trip-{next(NUMBERS)}",
            workflow_type="Trip",
            **how,
        )

    return prepare


@pytest.fixture
async def script(play: Play, request: pytest.FixtureRequest) -> AsyncIterator[Script]:
    """One trip's story, which the test tells to its end."""
    failed_before = request.session.testsfailed
    async with play() as story:
        yield story
        has_passed = request.session.testsfailed == failed_before
        assert story.history or not has_passed, (
            "the story has no end: let the test await completed() or failed()"
        )


@pytest.fixture(params=Kind)
def bank(request: pytest.FixtureRequest) -> Bank:
    """Give a bank of each kind."""
    return Bank(request.param)


@pytest.fixture
def clock() -> StandingClock:
    """Give the time."""
    return StandingClock()


@pytest.fixture
def till(engine: sa.Engine, bank: Bank, clock: StandingClock) -> Till:
    """Give a till on an empty database."""
    till = Till(engine, bank, clock)
    till.create_tables()
    return till


@pytest.fixture(scope="session")
async def sellers(temporal: Client) -> AsyncIterator[Participants]:
    """The participant of a basket, for all tests."""
    async with Participants(temporal, {QUEUE: BASKET_COMMANDS}) as participants:
        yield participants


@pytest.fixture
def buy(temporal: Client, sellers: Participants) -> Play:
    """Prepare scripts of baskets, as `play` those of trips."""

    def prepare(client: Client = temporal, players: Participants = sellers, **how: Any) -> Script:
        return Script(
            client,
            players,
            BasketSaga,
            saga_id=f"basket-{next(NUMBERS)}",
            workflow_type="Basket",
            **how,
        )

    return prepare
