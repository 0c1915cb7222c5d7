import asyncio
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from contracts.order import ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand
from contracts.stock import DecreaseStockCommand
from temporal_saga.testing import Script
from tests.workflow.stories import ORDER, obey, yes

FORWARD = (RegisterOrderCommand, ProcessPaymentCommand, DecreaseStockCommand)


async def test_a_reset_saga_repeats_its_commands_word_for_word(temporal: Client, script: Script) -> None:
    """`temporal workflow reset` makes a new run; keys and content are the old ones, so that the fence absorbs every command."""
    await script.start(ORDER)
    first_run = await _complete(script)
    await _reset_to_the_first_task(temporal, script)
    assert await _complete(script) == first_run


async def _complete(script: Script) -> list[object]:
    """Let everybody obey to the end, and return the forward commands."""
    commands: list[object] = []
    for kind in FORWARD:
        command = await script.expect(kind)
        script.answer(yes(command))
        commands.append(command)
    await obey(script, ConfirmOrderCommand)
    await script.completed()
    return commands


async def _reset_to_the_first_task(temporal: Client, script: Script) -> None:
    """Let the script go on with the run that a reset makes."""
    assert script.history is not None
    tasks = (e.event_id for e in script.history.events if e.HasField("workflow_task_completed_event_attributes"))
    run = WorkflowExecution(workflow_id=script.saga_id, run_id=script.history.run_id)
    await temporal.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=temporal.namespace,
            workflow_execution=run,
            reason="an operator wants to see it again",
            workflow_task_finish_event_id=next(tasks),
            request_id=str(uuid4()),
        )
    )
    script._handle = temporal.get_workflow_handle(script.saga_id)
    script._end = asyncio.create_task(script._await_the_end(script._handle))
