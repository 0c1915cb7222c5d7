from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from temporal_saga.testing import Script
from temporal_saga.testing.participants import Participants
from tests.workflows import order_scripts
from tests.workflows.operators import PATIENT, SOON

Play = Callable[..., Script]

NUMBERS = count(1)


@pytest.fixture(scope="session")
async def participants(temporal: Client) -> AsyncIterator[Participants]:
    """Order, payment and stock, for all tests."""
    async with order_scripts.participants(temporal) as players:
        yield players


@pytest.fixture
def play(temporal: Client, participants: Participants) -> Play:
    """Prepare scripts: `play()`, or with a saga id, a policy or a cache size."""

    def prepare(saga_id: str | None = None, *, skip_time: bool = False, **how: Any) -> Script:
        client = TimeSkipper(temporal).client if skip_time else temporal
        return order_scripts.script(
            client, participants, saga_id or f"order-{next(NUMBERS)}", **how
        )

    return prepare


@pytest.fixture
async def script(play: Play, request: pytest.FixtureRequest) -> AsyncIterator[Script]:
    """One order's story, which the test tells to its end."""
    failed_before = request.session.testsfailed
    async with play() as story:
        yield story
        has_passed = request.session.testsfailed == failed_before
        assert story.history or not has_passed, (
            "the story has no end: let the test await completed() or failed()"
        )


@pytest.fixture
async def ordinary_script(play: Play) -> AsyncIterator[Script]:
    """The same, without local activities, whatever the environment says."""
    async with play(locally=None) as story:
        yield story


@pytest.fixture
async def skipping_script(play: Play) -> AsyncIterator[Script]:
    """The same, where the server skips the time in which nothing but pauses happens."""
    async with play(skip_time=True) as story:
        yield story


@pytest.fixture
async def patient(play: Play) -> AsyncIterator[Script]:
    """One order's story under the policy `PATIENT`."""
    async with play(policy=PATIENT) as script:
        yield script


@pytest.fixture
async def soon(play: Play) -> AsyncIterator[Script]:
    """One order's story under the policy `SOON`."""
    async with play(policy=SOON) as script:
        yield script
