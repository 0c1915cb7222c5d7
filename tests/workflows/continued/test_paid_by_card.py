"""A paid order that goes on in another run after its customer's time is over."""

import asyncio
from datetime import timedelta

import pytest

from contracts.order import ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import (
    CapturePaymentCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    ProcessPaymentCommand,
)
from contracts.stubs import PAYMENT_ANSWERED
from temporal_saga.testing import Script
from tests.workflows.continued import floods
from tests.workflows.continued.floods import away, flood_into_next_run
from tests.workflows.operators import until_stuck
from tests.workflows.orders import AFTER_PAYMENT, ORDER, in_state, obey, yes
from tests.workflows.test_order_card import holds

ANSWER_TIME = timedelta(seconds=4)


async def test_what_was_paid_in_time_stays_paid_in_the_next_run(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run's clock says that the customer is late; the run before had the answer."""
    monkeypatch.setattr(floods, "yes", capture)
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    command = await script.expect(ProcessPaymentCommand)
    seconds = int(ANSWER_TIME.total_seconds())
    script.answer(
        PaymentActionRequiredEvent(
            order_id=command.order_id, url="https://bank.example/7", answer_seconds=seconds
        )
    )
    await script.recorded()
    await in_state(script, "AWAITING_CUSTOMER")
    began = asyncio.get_running_loop().time()
    await script.handle.signal(PAYMENT_ANSWERED)
    script.answer(holds(await script.expect(ProcessPaymentCommand)))
    await obey(script, *AFTER_PAYMENT)
    async with away(script, CapturePaymentCommand):
        await until_stuck(script)
        await asyncio.sleep(max(began + seconds - asyncio.get_running_loop().time(), 0))
        await flood_into_next_run(script)
    script.answer(yes(await script.expect(ConfirmOrderCommand)))
    await script.completed()


def capture(command: CapturePaymentCommand) -> PaymentCapturedEvent:
    """Return that the money was taken."""
    return PaymentCapturedEvent(
        order_id=command.order_id, currency=command.currency, captured_minor=command.amount_minor
    )
