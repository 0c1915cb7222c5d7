"""The script itself: a test that passes has seen what it says, and one that does not says what happened instead."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner

from contracts import stubs
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import PaymentCompletedEvent, ProcessPaymentCommand
from contracts.stock import DecreaseStockCommand
from temporal_saga.testing import Participants, Script
from tests.workflows.conftest import Play
from tests.workflows.stories import (
    ORDER,
    completed,
    obey,
    out_of_stock,
    payment_refused,
    take_back,
    yes,
)

FORGETFUL: dict[str, bool] = {}


@workflow.defn(name="Forgetful")
class Forgetful:
    """Sends one command, under a key of its own making, and remembers in a global whether it was here before."""

    @workflow.run
    async def run(self, key: str) -> str:
        """Pay, and on a replay sleep first."""
        workflow_id = workflow.info().workflow_id
        if FORGETFUL.get(workflow_id):
            await workflow.sleep(1)
        command = ProcessPaymentCommand(
            idempotency_key=key,
            order_id="7",
            customer_id="17850",
            currency="GBP",
            amount_minor=1530,
        )
        await workflow.execute_activity(
            stubs.process_payment,
            command,
            task_queue="payment",
            start_to_close_timeout=timedelta(seconds=5),
        )
        FORGETFUL[workflow_id] = True
        return "paid"


def forgetful(client: Client, players: Participants, saga_id: str) -> Script:
    """Prepare the story of a workflow that breaks every rule, outside of the sandbox that would catch it."""
    runner = UnsandboxedWorkflowRunner()
    return Script(
        client, players, Forgetful, saga_id=saga_id, workflow_type="Forgetful", runner=runner
    )


async def test_another_command_than_expected_is_told(play: Play) -> None:
    """The error names what was expected, what came, and what had happened before."""
    async with play() as script:
        await script.start(ORDER)
        await obey(script, RegisterOrderCommand)
        with pytest.raises(AssertionError, match="expected CancelOrderCommand") as told:
            await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert (
        "RegisterOrderCommand came to order, try 1\n  ProcessPaymentCommand came to payment, try 1"
        in str(told.value)
    )


async def test_another_field_than_expected_is_told(play: Play) -> None:
    """The error names the field, and both values."""
    async with play() as script:
        await script.start(ORDER)
        await obey(script, RegisterOrderCommand)
        with pytest.raises(
            AssertionError, match="amount_minor of ProcessPaymentCommand is 1530, not 1000"
        ):
            await script.expect(ProcessPaymentCommand, amount_minor=1000)


async def test_another_attempt_than_expected_is_told(play: Play) -> None:
    """A step that was tried twice is not mistaken for one that was tried once."""
    async with play() as script:
        await script.start(ORDER)
        with pytest.raises(AssertionError, match="attempt of RegisterOrderCommand is 1, not 2"):
            await script.expect(RegisterOrderCommand, attempt=2)


async def test_another_key_than_the_sagas_is_told(
    temporal: Client, participants: Participants
) -> None:
    """A command must come under the key of its step."""
    async with forgetful(temporal, participants, "forgetful-1") as script:
        await script.start("a-run-id/ProcessPayment")
        with pytest.raises(
            AssertionError, match="is 'a-run-id/ProcessPayment', not 'forgetful-1/ProcessPayment'"
        ):
            await script.expect(ProcessPaymentCommand)


async def test_a_command_after_the_story_is_told(play: Play) -> None:
    """A test that ends too early does not pass."""
    async with play() as script:
        await script.start(ORDER)
        await obey(script, RegisterOrderCommand)
        with pytest.raises(AssertionError, match="expected the saga to end"):
            await script.completed()


async def test_an_end_before_the_story_is_over_is_told(play: Play) -> None:
    """A saga that closes does not send what the test waits for."""
    async with play() as script:
        await script.start(ORDER, workflow_type="NoSuchSaga")
        with pytest.raises(AssertionError, match="the saga failed: ApplicationError"):
            await script.expect(RegisterOrderCommand)


async def test_the_other_end_is_told(play: Play) -> None:
    """Failed is not completed, and completed is not failed."""
    async with play() as script:
        await script.start({})
        await take_back(script, CancelOrderCommand)
        with pytest.raises(AssertionError, match="expected that the saga completes"):
            await script.completed()
    async with play() as script:
        await script.start(ORDER)
        await obey(
            script,
            RegisterOrderCommand,
            ProcessPaymentCommand,
            DecreaseStockCommand,
            ConfirmOrderCommand,
        )
        with pytest.raises(AssertionError, match="expected that the saga fails"):
            await script.failed()


async def test_nothing_is_told_after_a_while(play: Play) -> None:
    """A command that never comes is an error that shows where the history stands, and no hanging test."""
    async with play() as script:
        await script.start(ORDER)
        await script.expect(RegisterOrderCommand)
        script.patience = timedelta(milliseconds=50)
        with pytest.raises(
            AssertionError, match=r"waited 0.05 s for ProcessPaymentCommand; the history ends with"
        ):
            await script.expect(ProcessPaymentCommand)


async def test_an_answer_without_a_command_is_told(play: Play) -> None:
    """Nothing can be answered twice, or before it came."""
    async with play() as script:
        await script.start(ORDER)
        register = await script.expect(RegisterOrderCommand)
        script.answer(yes(register))
        with pytest.raises(AssertionError, match="no command is held"):
            script.answer(yes(register))


async def test_a_saga_that_does_not_replay_is_told(
    temporal: Client, participants: Participants
) -> None:
    """A workflow that takes another way the second time does not pass, whatever it answered the first time."""
    async with forgetful(temporal, participants, "forgetful-2") as script:
        await script.start("forgetful-2/ProcessPayment")
        await script.expect(ProcessPaymentCommand)
        script.answer(PaymentCompletedEvent(order_id="7", currency="GBP", amount_minor=1530))
        with pytest.raises(AssertionError, match="its own history does not replay"):
            await script.completed()


async def test_a_workflow_task_that_failed_on_the_way_is_told(
    temporal: Client, participants: Participants
) -> None:
    """A saga that was wedged and healed does not pass as one that never was."""
    async with forgetful(temporal, participants, "forgetful-3") as script:
        await script.start("forgetful-3/ProcessPayment")
        await script.expect(ProcessPaymentCommand)
        script.answer({"nonsense": True})
        async for event in script.handle.fetch_history_events(wait_new_event=True):
            if event.HasField("workflow_task_failed_event_attributes"):
                break
        await script.handle.terminate()
        with pytest.raises(
            AssertionError, match=r"workflow tasks failed: .*Failed decoding arguments"
        ):
            await script.failed()


async def test_scripts_hear_only_their_own_saga(play: Play) -> None:
    """Many sagas at once on the same task queues: each script is told its own, in order."""
    stories = [completed, out_of_stock, payment_refused] * 3
    async with asyncio.TaskGroup() as group:
        for story in stories:
            group.create_task(_told(play(), story))


async def _told(script: Script, story: Callable[[Script], Awaitable[None]]) -> None:
    async with script:
        await story(script)
