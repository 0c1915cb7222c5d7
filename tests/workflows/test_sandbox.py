"""In tests the sagas' code runs in Temporal's sandbox, whatever production is set to.

The sandbox refuses to read a clock. Outside of it `ClockSaga` does what any order does.
"""

import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowQueryFailedError
from temporalio.worker import ReplayerConfig, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

import orchestrator
from config import Settings
from contracts.order import RegisterOrderCommand
from temporal_saga.plugin import SagaPlugin
from tests import temporal_server
from tests.repository.sources import ROOT
from tests.stack import Stack
from tests.workflows.clock_saga import ClockSaga
from tests.workflows.conftest import Play
from tests.workflows.order_scripts import replayer
from tests.workflows.orders import ORDER
from tests.workflows.test_stored_histories import FILES, read

REFUSAL = "Cannot access time.time"

OUTSIDE = {
    "tests/operations/test_temporal_server_requests.py": "counts what a server does",
    "tests/operations/test_wedged_saga.py": "a workflow of the test's own that wedges",
    "tests/system/e2e/test_needs_a_person.py": "likewise",
    "tests/temporal_saga/test_plugin.py": "looks what a plugin chooses, and runs nothing with it",
    "tests/temporal_saga/test_scripts.py": "a workflow that breaks the rules of replay",
    "tests/workflows/test_cancel_everywhere.py": "tells stories many hundred times over",
    "tests/workflows/test_sandbox.py": "this file",
}
"""The test files that name the other runner, and why."""


async def test_the_worker_of_a_script_refuses_a_clock(play: Play) -> None:
    """So do all tests that tell an order's story."""
    async with play() as script:
        await script.start(ORDER)
        await script.expect(RegisterOrderCommand)
        async with script.orchestrator_away(back_as=ClockSaga):
            pass
        with pytest.raises(WorkflowQueryFailedError, match=REFUSAL):
            await script.handle.query("status")


async def test_the_replay_of_stored_histories_refuses_a_clock() -> None:
    """What is replayed is what `test_a_stored_history_replays` replays, by the same replayer."""
    with pytest.raises(Exception, match=REFUSAL):
        await replayer(ClockSaga).replay_workflow(read(FILES[0]))


async def test_what_the_sandbox_refuses_is_run_without_it() -> None:
    """The same release replays outside, so nothing but the sandbox holds it back."""
    outside = replayer(ClockSaga, plugin=orchestrator.saga_plugin(Settings()))
    await outside.replay_workflow(read(FILES[0]))


def test_the_runner_of_the_tests_is_that_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Production is off by default; a stack of the tests is on."""
    assert Settings().workflow_sandbox == "off"
    monkeypatch.setenv("WORKFLOW_SANDBOX", Stack(tmp_path).env["WORKFLOW_SANDBOX"])
    plugin = orchestrator.saga_plugin(Settings())
    assert type(runner_of(plugin)) is type(runner_of(temporal_server.PLUGIN))


def runner_of(plugin: SagaPlugin) -> WorkflowRunner | None:
    """Return what a worker with this plugin runs workflow code with."""
    config = ReplayerConfig(workflow_runner=SandboxedWorkflowRunner())
    return plugin.configure_replayer(config).get("workflow_runner")


def test_few_tests_run_outside_of_the_sandbox() -> None:
    """A test file that does needs a reason above."""
    name = re.compile(rf"\b{UnsandboxedWorkflowRunner.__name__}\b|saga_plugin\(Settings\(\)\)")
    naming = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if name.search(path.read_text())
    }
    assert naming == set(OUTSIDE)
