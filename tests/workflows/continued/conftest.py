"""Orders on a server that calls a history long soon."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count

import pytest
from temporalio.client import Client

from temporal_saga.policy import Policy
from temporal_saga.testing import Participants, Script
from tests import temporal_server
from tests.workflows import order_scripts

SHORT = 60
"""Events after which this server suggests to continue as new."""

MOST = 400
"""Events that one run may have: those of one burst are in its history before it hears any."""

NUMBERS = count(1)
SOON = Policy(
    stuck_attempts=2, longest_pause=timedelta(milliseconds=50), start_to_close=timedelta(seconds=1)
)


@pytest.fixture(scope="module")
async def short_histories() -> AsyncIterator[Client]:
    """A server of its own, which calls a history long soon."""
    async with temporal_server.running(
        f"limit.historyCount.suggestContinueAsNew={SHORT}"
    ) as client:
        yield client


@pytest.fixture(scope="module")
async def players(short_histories: Client) -> AsyncIterator[Participants]:
    """Order, payment and stock, on that server."""
    async with order_scripts.participants(short_histories) as playing:
        yield playing


@pytest.fixture
async def patient_script(short_histories: Client, players: Participants) -> AsyncIterator[Script]:
    """One order's story, under the default policy."""
    async with order_scripts.script(short_histories, players, f"order-{next(NUMBERS)}") as story:
        yield story


@pytest.fixture
async def script(short_histories: Client, players: Participants) -> AsyncIterator[Script]:
    """One order's story, which is stuck soon."""
    async with order_scripts.script(
        short_histories, players, f"order-{next(NUMBERS)}", policy=SOON
    ) as story:
        yield story
        assert all(len(run.events) < MOST for run in story.runs)
