"""In tests the core's code runs in Temporal's sandbox, too."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from temporalio.client import WorkflowQueryFailedError
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_saga.sandbox import DECLARATIONS
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


def imports(module: str) -> Iterator[str]:
    """Yield what a module imports, `from temporal_saga import policy` as `temporal_saga.policy`."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = str(node.module)
            yield from (
                f"{whole}.{alias.name}" if whole == "temporal_saga" else whole
                for alias in node.names
            )


@pytest.mark.parametrize("module", DECLARATIONS)
def test_what_passes_through_asks_neither_clock_nor_chance(module: str) -> None:
    """And imports nothing of the core that does not pass through, which would be there twice."""
    names = set(imports(module))
    assert {name for name in names if name.startswith("temporal_saga")} <= set(DECLARATIONS)
    assert not names & {"os", "random", "secrets", "threading", "time", "uuid"}
    assert ".now(" not in Path(find_spec(module).origin).read_text()  # type: ignore[union-attr,arg-type]
