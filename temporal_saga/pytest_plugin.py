"""Fixtures for sagas and their participants; pytest finds them where the wheel is installed.

A test needs no async plugin of pytest's, but runs with each of them::

    def test_an_unknown_charge_is_refunded(saga_script: SagaScript) -> None:
        async def story() -> None:
            async with saga_script(Booking, {"cards": [ChargeCard, RefundCard]}) as script:
                await script.start("eve", 2_500)
                ...

        asyncio.run(story())

Scripts need `temporal-saga[workflow]`, and a participant's fixture `temporal-saga[participant]`;
neither is imported until a test asks for it.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import pytest

from temporal_saga.extras import needs

if TYPE_CHECKING:
    from temporal_saga.plugin import SagaPlugin
    from temporal_saga.testing import Script

SagaScript: TypeAlias = "Callable[..., AbstractAsyncContextManager[Script]]"


@pytest.fixture(scope="session")
def temporal_connection() -> dict[str, Any]:
    """How `Client.connect` reaches a Temporal server: by the `TEMPORAL_*` variables and profile.

    By default it is at localhost:7233. Define a fixture of this name to start one of your own.
    """
    with needs("workflow"):
        from temporalio.envconfig import ClientConfig  # noqa: PLC0415  # heavy, see above

    return {"target_host": "localhost:7233", **ClientConfig.load_client_connect_config()}


@pytest.fixture(scope="session")
def saga_plugin() -> "SagaPlugin":
    """What the client is made with; define a fixture of this name to name your refusals."""
    from temporal_saga.plugin import SagaPlugin  # noqa: PLC0415  # heavy, see above

    return SagaPlugin()


@pytest.fixture
def no_waiting_in_transactions() -> Iterator[None]:
    """Fail a test in which an effect connects, sends, sleeps or starts a process.

    That is not undone with the effect's transaction, which holds its locks meanwhile.
    """
    with needs("participant"):
        from temporal_saga import transaction_check  # noqa: PLC0415  # heavy, see above

    with transaction_check.no_waiting_in_transactions():
        yield


@pytest.fixture
def saga_script(temporal_connection: dict[str, Any], saga_plugin: "SagaPlugin") -> SagaScript:
    """Give scripts: `saga_script(workflow, commands, saga_id=…, …)`, used with `async with`.

    It takes what a `Script` takes but the client; the saga's id is a new one where none is given.
    At the end of its block the script must have been told to the saga's own end.
    """
    from temporalio.client import Client  # noqa: PLC0415  # heavy, see above

    from temporal_saga.testing import Script  # noqa: PLC0415

    @asynccontextmanager
    async def prepare(
        workflow: type,
        commands: Mapping[str, Collection[type]],
        *,
        saga_id: str | None = None,
        **options: Any,
    ) -> AsyncIterator[Script]:
        client = await Client.connect(**temporal_connection, plugins=[saga_plugin])
        name = saga_id or f"{workflow.__name__}-{uuid4()}"
        async with Script(client, commands, workflow, saga_id=name, **options) as script:
            yield script
            assert script.runs, "the script has no end: await completed() or failed()"

    return prepare
