import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.base import Command
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.testing import Script
from tests.workflow.stories import ORDER, deadline_exceeded, deadline_passes, obey, take_back, yes

STEPS = (RegisterOrderCommand, ProcessPaymentCommand, DecreaseStockCommand)
UNDOING = {
    RegisterOrderCommand: (CancelOrderCommand,),
    ProcessPaymentCommand: (RefundPaymentCommand, CancelOrderCommand),
    DecreaseStockCommand: (RestoreStockCommand, RefundPaymentCommand, CancelOrderCommand),
}


async def go_back(script: Script, step: type[Command]) -> None:
    """Take back a step of unknown outcome and all before it; of the first one it is found out first what came of it."""
    if step is RegisterOrderCommand:
        await obey(script, RegisterOrderCommand)
    await take_back(script, *UNDOING[step])


each_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)


@each_step
async def test_a_participant_that_fails_and_recovers_is_asked_again_in_one_story(script: Script, step: type[Command]) -> None:
    """An outage is retried under the same key, and the order completes as if nothing had happened."""
    await script.start(ORDER)
    await obey(script, *STEPS[: STEPS.index(step)])
    await script.expect(step)
    script.fail(RuntimeError("the database is away"))
    script.answer(yes(await script.expect(step, attempt=2)))
    await obey(script, *STEPS[STEPS.index(step) + 1 :], ConfirmOrderCommand)
    await script.completed()


@each_step
async def test_a_step_without_an_answer_in_time_is_taken_back(script: Script, step: type[Command]) -> None:
    """Past its limit a step's outcome is unknown, and unknown is compensated, before all that was done earlier."""
    await script.start(ORDER | {"deadline_seconds": 1 + STEPS.index(step)})
    await obey(script, *STEPS[: STEPS.index(step)])
    await script.expect(step)
    script.ignore()
    await go_back(script, step)
    error = await script.failed()
    assert (error.details[0]["step"], error.details[0]["reason"]) == (step.__name__.removesuffix("Command"), "DEADLINE_EXCEEDED")
    assert error.category == ApplicationErrorCategory.UNSPECIFIED, "an outage is nothing benign"


@each_step
async def test_a_step_that_fails_for_good_without_refusing_is_taken_back(script: Script, step: type[Command]) -> None:
    """An error that is no refusal says nothing of what was done, even when it must not be retried."""
    await script.start(ORDER)
    await obey(script, *STEPS[: STEPS.index(step)])
    await script.expect(step)
    script.fail(ApplicationError("the key was used for something else", type="KeyReused", non_retryable=True))
    await go_back(script, step)
    failure = (await script.failed()).details[0]
    assert failure["reason"] == "STEP_UNAVAILABLE"
    assert "the key was used for something else" in failure["details"]["error"]


async def test_a_step_that_ends_in_time_is_taken_back_when_the_deadline_passed_meanwhile(script: Script) -> None:
    """The deadline is looked at between steps: the payment stands, then the order is over time and it is refunded."""
    await deadline_exceeded(script)


async def test_the_deadline_is_looked_at_before_the_pivot(script: Script) -> None:
    """An order that is over time when its stock is taken does not complete: everything is taken back."""
    await script.start(ORDER | {"deadline_seconds": 3})
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    stock = await script.expect(DecreaseStockCommand)
    async with script.orchestrator_away():
        script.answer(yes(stock))
        await script.recorded()
        await deadline_passes(script, 3)
    await take_back(script, RestoreStockCommand, RefundPaymentCommand, CancelOrderCommand)
    error = await script.failed()
    assert (error.details[0]["step"], error.details[0]["reason"]) == (None, "DEADLINE_EXCEEDED")
    assert error.category == ApplicationErrorCategory.UNSPECIFIED


async def test_an_order_that_is_over_time_before_its_first_step_is_only_cancelled(script: Script) -> None:
    """The order service alone hears of it."""
    async with script.orchestrator_away():
        await script.start(ORDER | {"deadline_seconds": 1})
        await deadline_passes(script, 1)
    await obey(script, RegisterOrderCommand)
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "DEADLINE_EXCEEDED"


@each_step
async def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(script: Script, step: type[Command]) -> None:
    """A participant that answers nonsense may have done what it was told: the step is taken back."""
    await script.start(ORDER)
    await obey(script, *STEPS[: STEPS.index(step)])
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
async def test_an_answer_without_words_is_no_event(skipping_script: Script, answer: bytes | None) -> None:
    """Nothing, and bytes, pass for whatever a converter is asked for; they are no word that money was taken or given back."""
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


@pytest.mark.parametrize("told", [{}, {"details": None}, {"details": "short"}, {"reason": None}], ids=str)
async def test_a_refusal_that_is_no_refusal_of_ours_still_rolls_back(script: Script, told: dict[str, object]) -> None:
    """The type of the error says that the participant refused; whatever else it brings, or leaves out, wedges nothing."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.fail(ApplicationError("no money", told, type="PaymentFailedEvent", non_retryable=True))
    await take_back(script, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert (failure["event"], failure["message"]) == ("PaymentFailedEvent", "no money")


async def test_a_compensation_with_an_answer_that_cannot_be_read_is_asked_again(skipping_script: Script) -> None:
    """Only an event of its own is a participant's word that something was taken back."""
    script = skipping_script
    await script.start({"lines": []})
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer({"event": 7})
    await take_back(script, CancelOrderCommand)
    await script.failed()
