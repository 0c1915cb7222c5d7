from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests import temporal_server


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[Client]:
    """A server of a file's own: one client has one worker for a task queue."""
    async with temporal_server.running() as client:
        yield client
