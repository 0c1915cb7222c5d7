from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests import temporal_server

pytest_plugins = ["tests.databases", "temporal_saga.pytest_plugin"]


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    """A real server, for all tests."""
    async with temporal_server.running() as client:
        yield client
