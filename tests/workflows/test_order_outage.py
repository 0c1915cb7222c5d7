import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.base import Command
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from temporal_saga.testing import Script
from tests.workflows.orders import (
    AFTER_REGISTRATION,
    BEFORE_PIVOT,
    ORDER,
    ROLLBACK_FROM,
    deadline_passes,
    obey,
    take_back,
    yes,
)


async def go_back(script: Script, step: type[Command]) -> None:
    """Take back a step of unknown outcome and all before it.

    Of the first one it is found out first what came of it.
    """
    if step is RegisterOrderCommand:
        await obey(script, RegisterOrderCommand)
    await take_back(script, *ROLLBACK_FROM[step])


each_step = pytest.mark.parametrize("step", BEFORE_PIVOT, ids=lambda step: step.__name__)


@each_step
async def test_a_participant_that_fails_and_recovers_is_asked_again_in_one_story(
    script: Script, step: type[Command]
) -> None:
    """An outage is retried under the same key; the order completes as if nothing happened."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    await script.expect(step)
    script.fail(RuntimeError("the database is away"))
    script.answer(yes(await script.expect(step, attempt=2)))
    await obey(script, *BEFORE_PIVOT[BEFORE_PIVOT.index(step) + 1 :], ConfirmOrderCommand)
    await script.completed()


@each_step
async def test_a_step_without_an_answer_in_time_is_taken_back(
    script: Script, step: type[Command]
) -> None:
    """Past its limit a step's outcome is unknown, and unknown is compensated.

    It is taken back before all that was done earlier.
    """
    await script.start(ORDER | {"deadline_seconds": 1 + BEFORE_PIVOT.index(step)})
    await obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    await script.expect(step)
    script.ignore()
    await go_back(script, step)
    error = await script.failed()
    assert (error.details[0]["step"], error.details[0]["reason"]) == (
        step.__name__.removesuffix("Command"),
        "DEADLINE_EXCEEDED",
    )
    assert error.category == ApplicationErrorCategory.UNSPECIFIED, "an outage is nothing benign"


@each_step
async def test_a_step_that_fails_for_good_without_refusing_is_taken_back(
    script: Script, step: type[Command]
) -> None:
    """An error that is no refusal says nothing of what was done, even a non-retryable one."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    await script.expect(step)
    script.fail(
        ApplicationError(
            "the key was used for something else", type="KeyReused", non_retryable=True
        )
    )
    await go_back(script, step)
    failure = (await script.failed()).details[0]
    assert failure["reason"] == "STEP_UNAVAILABLE"
    assert "the key was used for something else" in failure["details"]["error"]


@each_step
async def test_a_step_that_ended_in_time_stands_though_nobody_was_there_until_the_deadline_passed(
    script: Script, step: type[Command]
) -> None:
    """The orchestrator's absence breaks no deadline: the order passes its pivot and completes."""
    await script.start(ORDER | {"deadline_seconds": 2})
    await obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    command = await script.expect(step)
    async with script.orchestrator_away():
        script.answer(yes(command))
        await script.recorded()
        await deadline_passes(script, 2)
    await obey(script, *BEFORE_PIVOT[BEFORE_PIVOT.index(step) + 1 :], ConfirmOrderCommand)
    await script.completed()


async def test_the_deadline_counts_from_when_the_order_is_first_taken_up(script: Script) -> None:
    """Nobody was there when it was placed, nor for long after: it has all its time all the same."""
    async with script.orchestrator_away():
        await script.start(ORDER | {"deadline_seconds": 1})
        await deadline_passes(script, 1)
    await obey(script, *BEFORE_PIVOT, ConfirmOrderCommand)
    await script.completed()


async def test_a_step_whose_time_ran_out_while_nobody_was_there_is_asked_once_more(
    script: Script,
) -> None:
    """All was away, and the payment service is back when we are; it is the same command."""
    await script.start(ORDER | {"deadline_seconds": 1})
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.ignore()
    async with script.orchestrator_away():
        await deadline_passes(script, 3.5)
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()


async def test_after_being_away_too_a_step_without_an_answer_is_taken_back(script: Script) -> None:
    """It is asked once more and not for ever: here the participant fails for good."""
    await script.start(ORDER | {"deadline_seconds": 1})
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.ignore()
    async with script.orchestrator_away():
        await deadline_passes(script, 3.5)
    await script.expect(ProcessPaymentCommand)
    script.fail(ApplicationError("the disk is gone", type="Broken", non_retryable=True))
    await go_back(script, ProcessPaymentCommand)
    failure = (await script.failed()).details[0]
    assert (failure["step"], failure["reason"]) == ("ProcessPayment", "DEADLINE_EXCEEDED")


@each_step
async def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(
    script: Script, step: type[Command]
) -> None:
    """A participant that answers nonsense may have done its work: the step is taken back."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    await script.expect(step)
    script.answer({"event": 7})
    await go_back(script, step)
    assert (await script.failed()).details[0]["reason"] == "STEP_UNAVAILABLE"


async def test_an_answer_in_an_unknown_encoding_is_an_unknown_outcome(script: Script) -> None:
    """Bytes that no converter reads wedge nothing."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.answer(RawValue(Payload(metadata={"encoding": b"binary/klingon"}, data=b"\x00\xff")))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "STEP_UNAVAILABLE"


@pytest.mark.parametrize("answer", [None, b"done"], ids=str)
async def test_an_answer_without_words_is_no_event(
    skipping_script: Script, answer: bytes | None
) -> None:
    """Nothing, and bytes, pass for whatever a converter is asked for.

    They are no word that money was taken or given back.
    """
    script = skipping_script
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.answer(answer)
    await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    script.answer(answer)
    await take_back(script, RefundPaymentCommand)
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer(answer)
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "STEP_UNAVAILABLE"


@pytest.mark.parametrize(
    "details", [{}, {"details": None}, {"details": "short"}, {"reason": None}], ids=str
)
async def test_a_refusal_that_is_no_refusal_of_ours_still_rolls_back(
    script: Script, details: dict[str, object]
) -> None:
    """The type of the error says that the participant refused.

    Whatever else it brings, or leaves out, wedges nothing.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.fail(
        ApplicationError("no money", details, type="PaymentFailedEvent", non_retryable=True)
    )
    await take_back(script, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert (failure["event"], failure["message"]) == ("PaymentFailedEvent", "no money")


async def test_a_compensation_with_an_answer_that_cannot_be_read_is_asked_again(
    skipping_script: Script,
) -> None:
    """Only an event of its own is a participant's word that something was taken back."""
    script = skipping_script
    await script.start({"lines": []})
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer({"event": 7})
    await take_back(script, CancelOrderCommand)
    await script.failed()
