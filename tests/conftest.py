from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.server import running_server


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    """A real server, for all tests."""
    async with running_server() as client:
        yield client
