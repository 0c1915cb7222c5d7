from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.workflows import stage

pytest_plugins = ["tests.participants.fixtures"]


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    """A real server, for all tests."""
    async with stage.temporal() as client:
        yield client
