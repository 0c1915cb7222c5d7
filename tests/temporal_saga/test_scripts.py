"""The script itself.

A test that passes has seen what it says, or the error says what came instead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner

from examples.trip_record import CancelTripCommand, ConfirmTripCommand
from examples.trip_steps import (
    CancelFlightCommand,
    Done,
    RefundPaymentCommand,
    SendTicketCommand,
    TakePaymentCommand,
)
from temporal_saga.testing import Script
from temporal_saga.testing.participants import Participants
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trips import (
    BOOKINGS_BACK,
    DECLINED,
    STORIES,
    all_succeed,
    begin_paying,
    pass_the_pivot,
    take_back,
    yes,
)

FORGETFUL: dict[str, bool] = {}


@workflow.defn(name="Forgetful")
class Forgetful:
    """Sends one command under a key of its own, and keeps in a global that it was here before."""

    @workflow.run
    async def run(self, key: str) -> str:
        """Pay, and on a replay sleep first."""
        workflow_id = workflow.info().workflow_id
        if FORGETFUL.get(workflow_id):
            await workflow.sleep(1)
        command = TakePaymentCommand(idempotency_key=key, traveller="ada", amount_minor=1530)
        await workflow.execute_activity(
            "TakePayment",
            command,
            result_type=Done,
            task_queue="payments",
            start_to_close_timeout=timedelta(seconds=5),
        )
        FORGETFUL[workflow_id] = True
        return "paid"


def forgetful(client: Client, participants: Participants, saga_id: str) -> Script:
    """Prepare a workflow that breaks every rule, outside of the sandbox that would catch it."""
    return Script(
        client,
        participants,
        Forgetful,
        saga_id=saga_id,
        workflow_type="Forgetful",
        runner=UnsandboxedWorkflowRunner(),
    )


async def test_another_command_than_expected_is_named(play: Play) -> None:
    """The error names what was expected, what came, and what had happened before."""
    async with play() as script:
        await begin_paying(script)
        script.answer(Done(reference="4711"))
        with pytest.raises(AssertionError, match="expected RefundPaymentCommand") as error:
            await script.expect_compensation(RefundPaymentCommand, of=TakePaymentCommand)
    assert "TakePaymentCommand came to payments, try 1\n  Send" in str(error.value)


async def test_another_field_than_expected_is_named(play: Play) -> None:
    """The error names the field, and both values."""
    async with play() as script:
        await begin_paying(script)
        script.fail(RuntimeError("away"))
        with pytest.raises(
            AssertionError, match="amount_minor of TakePaymentCommand is 99900, not 1000"
        ):
            await script.expect(TakePaymentCommand, attempt=2, amount_minor=1000)


async def test_another_attempt_than_expected_is_named(play: Play) -> None:
    """A step that was tried twice is not mistaken for one that was tried once."""
    async with play() as script:
        await begin_paying(script)
        script.fail(RuntimeError("away"))
        with pytest.raises(AssertionError, match="attempt of TakePaymentCommand is 2, not 1"):
            await script.expect(TakePaymentCommand)


async def test_another_key_than_the_sagas_is_named(temporal: Client, travel: Participants) -> None:
    """A command must come under the key of its step."""
    async with forgetful(temporal, travel, "forgetful-1") as script:
        await script.start("a-run-id/TakePayment")
        with pytest.raises(
            AssertionError, match="is 'a-run-id/TakePayment', not 'forgetful-1/TakePayment'"
        ):
            await script.expect(TakePaymentCommand)


async def test_a_command_after_the_story_is_named(play: Play) -> None:
    """A test that ends too early does not pass."""
    async with play() as script:
        await begin_paying(script)
        script.answer(Done(reference="4711"))
        with pytest.raises(AssertionError, match="expected the saga to end"):
            await script.completed()


async def test_an_end_before_the_story_is_over_is_named(play: Play) -> None:
    """A saga that closes does not send what the test waits for."""
    async with play() as script:
        await begin_paying(script)
        script.fail(DECLINED)
        await take_back(script, *BOOKINGS_BACK, CancelTripCommand)
        with pytest.raises(AssertionError, match="the saga failed: ApplicationError"):
            await script.expect(SendTicketCommand)


async def test_the_other_end_is_named(play: Play) -> None:
    """Failed is not completed, and completed is not failed."""
    async with play() as script:
        await begin_paying(script)
        script.fail(DECLINED)
        await take_back(script, *BOOKINGS_BACK, CancelTripCommand)
        with pytest.raises(AssertionError, match="expected that the saga completes"):
            await script.completed()
    async with play() as script:
        all_succeed(script, *await pass_the_pivot(script))
        script.answer(yes(await script.expect(ConfirmTripCommand)))
        with pytest.raises(AssertionError, match="expected that the saga fails"):
            await script.failed()


async def test_nothing_is_an_error_after_a_while(play: Play) -> None:
    """A command that never comes is an error that shows where the history stands."""
    async with play() as script:
        await begin_paying(script)
        script.patience = timedelta(milliseconds=50)
        with pytest.raises(
            AssertionError, match=r"waited 0.05 s for SendTicketCommand; the history ends with"
        ):
            await script.expect(SendTicketCommand)


async def test_a_wait_of_the_tests_own_ends_with_its_patience(play: Play) -> None:
    """And with the same error; what comes in time is returned."""
    async with play() as script:
        await begin_paying(script)
        assert await script.within_patience(asyncio.sleep(0, "rain"), "rain") == "rain"
        script.patience = timedelta(milliseconds=50)
        with pytest.raises(AssertionError, match=r"waited 0.05 s for snow"):
            await script.within_patience(asyncio.Event().wait(), "snow")


async def test_an_answer_without_a_command_is_an_error(play: Play) -> None:
    """Nothing can be answered twice, or before it came."""
    async with play() as script:
        with pytest.raises(AssertionError, match="no command is held"):
            script.answer(Done(reference="4711"))
        payment = await begin_paying(script)
        script.answer(yes(payment))
        with pytest.raises(AssertionError, match="no command is held"):
            script.answer(yes(payment))


async def test_a_compensation_of_another_step_is_an_error(play: Play) -> None:
    """A compensation must come under the key of the step that it takes back."""
    async with play() as script:
        await begin_paying(script)
        script.fail(DECLINED)
        await take_back(script, *BOOKINGS_BACK[:-1])
        with pytest.raises(AssertionError, match="idempotency_key of CancelFlightCommand is"):
            await script.expect_compensation(CancelFlightCommand, of=TakePaymentCommand)


async def test_a_saga_that_does_not_replay_is_an_error(
    temporal: Client, travel: Participants
) -> None:
    """A workflow that takes another way the second time does not pass, whatever it answered."""
    async with forgetful(temporal, travel, "forgetful-2") as script:
        await script.start("forgetful-2/TakePayment")
        await script.expect(TakePaymentCommand)
        script.answer(Done(reference="4711"))
        with pytest.raises(AssertionError, match="its own history does not replay"):
            await script.completed()


async def test_a_workflow_task_that_failed_on_the_way_is_an_error(
    temporal: Client, travel: Participants
) -> None:
    """A saga that was wedged and healed does not pass as one that never was."""
    async with forgetful(temporal, travel, "forgetful-3") as script:
        await script.start("forgetful-3/TakePayment")
        await script.expect(TakePaymentCommand)
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
    """Many sagas at once on the same task queues: each script gets its own, in order."""
    async with asyncio.TaskGroup() as group:
        for story in STORIES:
            group.create_task(_run(play(patience=timedelta(minutes=1)), story))


async def _run(script: Script, story: Callable[[Script], Awaitable[None]]) -> None:
    async with script:
        await story(script)
