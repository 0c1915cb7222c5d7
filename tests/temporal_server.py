"""A real Temporal server of a test's own."""

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from contracts.steps import REFUSALS
from operations.up import temporal_server
from temporal_saga.plugin import SagaPlugin

DYNAMIC_CONFIG = (
    *temporal_server.DYNAMIC_CONFIG,
    *temporal_server.DEFAULTS_OF_A_SERVER,
    "frontend.WorkflowTimeSkippingEnabled=true",
    # By default every timer and every retry may come a second late.
    'history.timerProcessorMaxTimeShift="10ms"',
    # Ours lets searches wait for a second, so that fewer changes are written.
    "history.visibilityProcessorMaxPollRPS=20",
)

QUICK_DELETE = tuple(
    f'history.{queue}ProcessorUpdateAckInterval="100ms"' for queue in ("visibility", "transfer")
)
"""A deleted run is gone once these queues have said how far they are.

By default they do so every 30 s.
"""

PLUGIN = SagaPlugin(
    refusals=REFUSALS,
    # Temporal's sandbox, unless the shell says that these stories were told in it already.
    sandbox=os.environ.get("WORKFLOW_SANDBOX") != "off",
    passthrough=["contracts", "examples.trip_steps", "examples.trip_record"],
)
"""What the clients and workers of scripts are made with, and the replayers."""


def with_plugin(client: Client, plugin: SagaPlugin) -> Client:
    """Return a client of the same connection whose workers are made with another plugin."""
    config = client.config()
    config["plugins"] = [plugin]
    return Client(**config)


def flags(settings: Iterable[str]) -> list[str]:
    """Return the server's flags for dynamic configuration."""
    return [f"--dynamic-config-value={setting}" for setting in settings]


@asynccontextmanager
async def running(*settings: str, metrics_port: int | None = None) -> AsyncIterator[Client]:
    """Run a server, and connect to it under a name that says nothing of the machine.

    Args:
        settings: further dynamic configuration, `name=value` each.
        metrics_port: where it tells its own figures.
    """
    settings_by_name = dict(setting.split("=", 1) for setting in (*DYNAMIC_CONFIG, *settings))
    arguments = [
        *temporal_server.search_attribute_flags(),
        *flags(f"{name}={value}" for name, value in settings_by_name.items()),
        *(f"--sqlite-pragma={pragma}" for pragma in ("journal_mode=WAL", "synchronous=OFF")),
        *([f"--metrics-port={metrics_port}"] if metrics_port else []),
    ]
    with TemporaryDirectory(prefix="temporal-") as folder:
        # A file: under load the server was seen to lose answers, and its namespace, when it kept
        # everything in memory.
        async with await start(folder, arguments) as server:
            # A client of our own: the server's turns an assert that fails in a workflow into a
            # failed saga, production does not.
            yield await server.connect_client(plugins=[PLUGIN], identity="scripts")


async def start(folder: str, arguments: Sequence[str], attempts: int = 3) -> WorkflowEnvironment:
    """Start a server with its data in a folder; again where it does not answer within 5 s.

    So long the SDK waits, which is short where all cores are busy.
    """
    try:
        return await WorkflowEnvironment.start_local(
            dev_server_existing_path=temporal_server.temporal_binary(),
            dev_server_database_filename=f"{folder}/temporal-{attempts}.db",
            dev_server_extra_args=arguments,
        )
    except RuntimeError:
        if attempts == 1:
            raise
        return await start(folder, arguments, attempts - 1)
