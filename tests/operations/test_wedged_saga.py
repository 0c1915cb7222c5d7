"""O3 on a saga that cannot go on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from contracts import stubs
from operations.audit.audit import audit
from operations.audit.sagas import Sagas
from tests import temporal_server
from tests.operations.order_sagas import place, until
from tests.operations.violations import violations_by_id
from tests.shop import CAP, Shop


@pytest.fixture
async def temporal() -> AsyncIterator[Client]:
    """A server of the test's own."""
    async with temporal_server.running() as client:
        yield client


@workflow.defn(name=stubs.WORKFLOW_TYPE)
class Defective:
    """A release of the saga that cannot go on."""

    @workflow.run
    async def run(self, order: dict[str, Any]) -> None:
        """Fail as a defect does: the task is tried again and again."""
        raise RuntimeError(f"a defect, for {len(order)} fields")


@pytest.mark.long
@pytest.mark.parametrize(
    "new_database", ["sqlite"], indirect=True
)  # ten seconds, and not about databases
async def test_a_wedged_saga_is_told(temporal: Client, empty_shop: Shop) -> None:
    """A workflow task at its third attempt is reported by O3 alone."""
    queue = stubs.ORCHESTRATOR_QUEUE
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[Defective],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await place(temporal, "wedged", CAP)

        async def is_wedged() -> bool:
            run = await Sagas(temporal).run(handle.id)
            return run is not None and run.attempt >= 3

        await until(is_wedged, "the workflow task is tried for the third time")
        report = await audit(empty_shop.settings, temporal)
    (line,) = violations_by_id(report)["O3"]
    assert line.startswith("order wedged has a workflow task at attempt ")
    assert violations_by_id(report).keys() == {"O3"}
    assert report.orders == {"open": 1}
