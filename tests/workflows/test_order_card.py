"""Orders paid by card: the wait for a customer whose bank asks, and the capture past the pivot."""

import asyncio

from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import (
    CapturePaymentCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    PaymentCompletedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from contracts.stubs import PAYMENT_ANSWERED
from temporal_saga.testing import Script
from tests.workflows.orders import (
    AFTER_PAYMENT,
    DECISION,
    ORDER,
    decline,
    in_state,
    obey,
    take_back,
    yes,
)

ANSWER_SECONDS = 600
TRIES = 20
"""More than one question has in its time."""
AT_ONCE = 5
"""In seconds: sooner than the saga asks by itself."""


async def begin_wait(script: Script, **fields: object) -> ProcessPaymentCommand:
    """The customer's bank asks them first."""
    await script.start(ORDER | fields)
    await obey(script, RegisterOrderCommand)
    command = await script.expect(ProcessPaymentCommand)
    script.answer(asks(command))
    await script.recorded()
    await in_state(script, "AWAITING_CUSTOMER")
    return command


def asks(command: ProcessPaymentCommand) -> PaymentActionRequiredEvent:
    """Return that the customer must answer their bank."""
    return PaymentActionRequiredEvent(
        order_id=command.order_id, url="https://bank.example/7", answer_seconds=ANSWER_SECONDS
    )


def holds(command: ProcessPaymentCommand) -> PaymentCompletedEvent:
    """Return that the money is held on the card."""
    fields = command.model_dump(include={"order_id", "currency", "amount_minor"})
    return PaymentCompletedEvent(**fields, reference="pi_7")


async def test_a_customer_who_answers_has_paid_and_is_charged_past_the_pivot(
    script: Script,
) -> None:
    """Told of it the saga asks at once, by the same command; what is held is captured last."""
    first = await begin_wait(script)
    await script.handle.signal(PAYMENT_ANSWERED)
    again = await script.expect(ProcessPaymentCommand)
    assert again == first
    script.answer(holds(again))
    await obey(script, *AFTER_PAYMENT)
    capture = await script.expect(CapturePaymentCommand)
    assert (capture.reference, capture.amount_minor) == ("pi_7", first.amount_minor)
    script.answer(
        PaymentCapturedEvent(
            order_id=capture.order_id, currency="GBP", captured_minor=capture.amount_minor
        )
    )
    confirm = await script.expect(ConfirmOrderCommand)
    states = [move.state for move in confirm.moves]
    assert states == ["PENDING", "AWAITING_CUSTOMER", "PAYMENT_COMPLETED", "COMPLETED"]
    script.answer(yes(confirm))
    await script.completed()


async def test_a_bank_that_says_no_after_asking_is_a_refusal(skipping_script: Script) -> None:
    """Nobody told the saga: it asks by itself. There is no payment to take back."""
    await begin_wait(skipping_script)
    again = await skipping_script.expect(ProcessPaymentCommand)
    skipping_script.answer(decline(again, "AUTHENTICATION_FAILED"))
    await take_back(skipping_script, CancelOrderCommand)
    failure = (await skipping_script.failed()).details[0]
    assert (failure["reason"], failure["step"]) == ("AUTHENTICATION_FAILED", "ProcessPayment")


async def test_a_customer_who_does_not_answer_in_time(skipping_script: Script) -> None:
    """The saga asks ever more seldom, and at the end takes back what may be pending."""
    await begin_wait(skipping_script)
    for _ in range(13):  # after 5, 10, 20, 40 s, each minute, and at the very end
        skipping_script.answer(asks(await skipping_script.expect(ProcessPaymentCommand)))
    await take_back(skipping_script, RefundPaymentCommand, CancelOrderCommand)
    failure = (await skipping_script.failed()).details[0]
    assert (failure["reason"], failure["message"]) == (
        "AUTHENTICATION_EXPIRED",
        "the customer did not answer their bank within 10 minutes",
    )


async def test_a_deadline_that_passes_while_the_provider_is_asked_again_fails_the_order(
    script: Script,
) -> None:
    """Whatever limits a later worker has: the history alone says that the deadline was it."""
    await begin_wait(script, deadline_seconds=4)
    await script.handle.signal(PAYMENT_ANSWERED)
    await script.expect(ProcessPaymentCommand)
    script.ignore()
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert (failure["reason"], failure["step"]) == ("DEADLINE_EXCEEDED", "ProcessPayment")


async def test_an_order_is_cancelled_while_it_waits_for_its_customer(script: Script) -> None:
    """The payment is taken back, so that the customer's answer finds it closed."""
    await begin_wait(script)
    await script.handle.execute_update("request_cancel", DECISION)
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"


async def test_an_answer_that_comes_while_it_is_asked_is_asked_about_at_once(
    script: Script,
) -> None:
    """The question under way may have been answered before the customer was."""
    await begin_wait(script)
    await script.handle.signal(PAYMENT_ANSWERED)
    again = await script.expect(ProcessPaymentCommand)
    await script.handle.signal(PAYMENT_ANSWERED)
    script.answer(asks(again))
    async with asyncio.timeout(AT_ONCE):  # by itself it asks after 10 s
        last = await script.expect(ProcessPaymentCommand)
    script.answer(decline(last, "AUTHENTICATION_FAILED"))
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def test_a_provider_that_is_away_while_the_customer_is_at_the_bank_fails_nothing(
    skipping_script: Script,
) -> None:
    """The tries of one question are over after a minute; the customer has ten."""
    script = skipping_script
    await begin_wait(script)
    tries = 0
    async for command in script.commands(ProcessPaymentCommand):
        tries += 1
        if tries > TRIES:
            script.answer(decline(command, "AUTHENTICATION_FAILED"), to=command)
            break
        script.fail(RuntimeError("the provider is away"), to=command)
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "AUTHENTICATION_FAILED"
