"""The real Temporal server that sagas run on in tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

import embedded

DYNAMIC_CONFIG = (
    *embedded.DYNAMIC_CONFIG,
    "frontend.WorkflowTimeSkippingEnabled=true",
    'history.timerProcessorMaxTimeShift="10ms"',  # by default every timer and every retry may come a second late
)


@asynccontextmanager
async def running_server() -> AsyncIterator[Client]:
    """Run a server, and connect to it under a name that tells nothing of the machine."""
    flags = [*embedded.search_attribute_flags(), *(f"--dynamic-config-value={setting}" for setting in DYNAMIC_CONFIG)]
    binary = embedded.temporal_binary()
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary, dev_server_extra_args=flags) as server:
        # A client of our own: the server's turns an assert that fails in a workflow into a failed saga, production does not.
        yield await server.connect_client(data_converter=pydantic_data_converter, identity="scripts")
