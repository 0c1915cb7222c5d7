"""In tests the core's code runs in Temporal's sandbox, too."""

import pytest
from temporalio.client import WorkflowQueryFailedError
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from tests.temporal_saga import test_composed
from tests.temporal_saga.clock_trip import ClockTrip
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trips import begin_paying


async def test_the_worker_of_a_trip_refuses_a_clock(play: Play) -> None:
    """So do all tests that tell a trip's story."""
    async with play() as script:
        await begin_paying(script)
        async with script.orchestrator_away(back_as=ClockTrip):
            pass
        with pytest.raises(WorkflowQueryFailedError, match=r"Cannot access time\.time"):
            await script.handle.query("__temporal_workflow_metadata")


def test_composed_sagas_run_in_the_sandbox() -> None:
    """Their runner is the sandbox's."""
    assert isinstance(test_composed.RUNNER, SandboxedWorkflowRunner)
