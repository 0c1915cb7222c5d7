"""Orders on a server that calls a history long soon."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.temporal_server import QUICK_DELETE
from tests.workflows import order_scripts
from tests.workflows.order_scripts import Stage

SHORT = 60
"""Events after which this server suggests to continue as new."""

MOST = 400
"""Events that one run may have: those of one burst are in its history before it hears any."""

SOON = Policy(
    stuck_attempts=2, longest_pause=timedelta(milliseconds=50), start_to_close=timedelta(seconds=1)
)


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    """A server of its own, which calls a history long soon."""
    short = f"limit.historyCount.suggestContinueAsNew={SHORT}"
    async with order_scripts.stage(short, *QUICK_DELETE) as own:
        yield own


@pytest.fixture
def short_histories(stage: Stage) -> Client:
    """Return a client of that server."""
    return stage.client


@pytest.fixture
async def patient_script(stage: Stage) -> AsyncIterator[Script]:
    """One order's story, under the default policy."""
    async with stage.script() as story:
        yield story


@pytest.fixture
async def script(stage: Stage) -> AsyncIterator[Script]:
    """One order's story, which is stuck soon."""
    async with stage.script(policy=SOON) as story:
        yield story
        assert all(len(run.events) < MOST for run in story.runs)
