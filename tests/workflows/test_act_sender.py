"""How the API tells a saga of an act that its run does not take by an update.

What is heard, and what is said of it.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from application.batch_runner import BatchRunner
from application.errors import NotPossible, SagaWedged
from application.runs import Runs
from contracts import stubs
from contracts.acts import Act
from contracts.batches import Batch, BatchOutcome
from contracts.decisions import Decision, StepEvidence
from contracts.order import CancelOrderCommand, RegisterOrderCommand
from contracts.stubs import WEDGED_AFTER
from participants.order.service import OrderService
from temporal_saga.database import open_database
from temporal_saga.testing import Script
from tests.act_sender import act_sender
from tests.workflows import order_scripts
from tests.workflows.defective_saga import DefectiveSaga
from tests.workflows.operators import SETTLE
from tests.workflows.order_scripts import Stage
from tests.workflows.orders import ORDER, take_back, yes

pytestmark = pytest.mark.long

MOST_UPDATES = 3


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    """A server that takes few updates."""
    async with order_scripts.stage(f"history.maxTotalUpdates={MOST_UPDATES}") as own:
        yield own


@pytest.fixture
def sparing(stage: Stage) -> Client:
    """Return a client of that server."""
    return stage.client


@pytest.fixture
async def script(stage: Stage) -> AsyncIterator[Script]:
    """One order's story, there."""
    async with stage.script() as story:
        yield story


def why(number: int) -> Decision:
    """Return one more word."""
    return Decision(by="anna", reason=f"no {number}")


async def test_an_act_is_a_signal_once_a_run_takes_no_more_updates(
    sparing: Client, script: Script
) -> None:
    """The customer's word is heard although others have said too much.

    What comes to nothing is told as such.
    """
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    sender = act_sender(Runs(sparing))
    order_id = script.saga_id.removeprefix("order-")
    for number in range(MOST_UPDATES):
        await sender.send(order_id, Act.CANCEL, why(number), f"cancel-{number}")
    await sender.send(order_id, Act.CANCEL, why(7), "cancel-7")
    with pytest.raises(NotPossible) as error_info:
        await sender.send(order_id, Act.SETTLE, StepEvidence.model_validate(SETTLE), "settle")
    assert (
        str(error_info.value)
        == "ProcessPayment is not stuck: nothing of it is to be taken back or completed"
    )
    story = await Runs(sparing).find(order_id)
    assert story is not None
    names = [
        moment.detail["by"]
        for moment in story.moments
        if moment.name in ("cancel", "request_cancel")
    ]
    assert names == ["update"] * MOST_UPDATES + ["signal"]
    script.answer(yes(register))
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["details"] == why(0).model_dump()


async def test_a_batch_operation_knows_its_own_words(
    sparing: Client, script: Script, tmp_path: Path
) -> None:
    """A try of which nobody knows what came of it may have been taken by a run that has ended.

    Then the next one is refused, and the act is done all the same. Who was first is refused.
    """
    engine = open_database(f"sqlite:///{tmp_path}/order.db")
    batches = OrderService.open(engine).batches
    await script.start(ORDER)
    await script.expect(RegisterOrderCommand)
    order_id = script.saga_id.removeprefix("order-")
    told_id = "under the id that an earlier run was told"
    await act_sender(Runs(sparing)).send(order_id, Act.APPROVE, why(1), told_id)
    messages = {}
    for batch_id in ("second-try", "first-try"):
        words = {"act": "approve", "filter": {}, **why(1).model_dump()}
        batches.start(Batch.model_validate({"batch_id": batch_id, **words}), [order_id])
        if batch_id == "second-try":
            batches.take(batch_id, 1)
        await BatchRunner(OrderService(engine), 1).run(batch_id, sparing)
        [(_, result)] = batches.results(batch_id, None, -1, 2)
        messages[batch_id] = (result.outcome, result.message)
    engine.dispose()
    await script.handle.terminate()
    assert messages == {
        "second-try": (BatchOutcome.DONE, None),
        "first-try": (BatchOutcome.REFUSED, "anna decided already: approve, no 1"),
    }


async def test_a_wedged_saga_is_told_as_such(sparing: Client) -> None:
    """Asking again would not help: a corrected orchestrator does."""
    async with Worker(
        sparing,
        task_queue="defect",
        workflows=[DefectiveSaga],
    ):
        handle = await sparing.start_workflow(
            stubs.WORKFLOW_TYPE, ORDER, id="order-wedged", task_queue="defect"
        )
        async with asyncio.timeout(30):
            while (
                await handle.describe()
            ).raw_description.pending_workflow_task.attempt < WEDGED_AFTER:
                pass
        with pytest.raises(SagaWedged) as error_info:
            await act_sender(Runs(sparing)).send("wedged", Act.CANCEL, why(1), "cancel-1")
        await handle.terminate()
    assert "goes on by itself once a corrected orchestrator runs" in str(error_info.value)
