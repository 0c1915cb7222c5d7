import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.ids import order_id_of
from contracts.order import CancelOrderCommand, OrderRejectedEvent, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.placing import PlaceOrder
from contracts.stock import DecreaseStockCommand, StockLine
from temporal_saga.testing import Script
from tests.workflows.orders import ORDER, TOTAL_MINOR, decline, obey, short, take_back, yes


async def test_an_order_id_that_is_taken_is_refused_and_only_cancelled(script: Script) -> None:
    """The order service says ORDER_ID_REUSED: nobody is charged.

    Cancel, which always runs, is all there is to undo.
    """
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(
        OrderRejectedEvent(
            order_id=register.order_id, reason="ORDER_ID_REUSED", message="it is another's"
        )
    )
    await take_back(script, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert (failure["step"], failure["event"], failure["reason"]) == (
        "RegisterOrder",
        "OrderRejectedEvent",
        "ORDER_ID_REUSED",
    )


@pytest.mark.parametrize("reason", ["INSUFFICIENT_FUNDS", "UNKNOWN_CUSTOMER", "CURRENCY_MISMATCH"])
async def test_a_payment_that_is_declined_is_not_refunded(script: Script, reason: str) -> None:
    """The payment service refused, so no money moved: a cancel, and no refund is asked for."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    script.answer(decline(await script.expect(ProcessPaymentCommand), reason))
    await take_back(script, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert (failure["step"], failure["event"], failure["reason"]) == (
        "ProcessPayment",
        "PaymentFailedEvent",
        reason,
    )


@pytest.mark.parametrize("reason", ["OUT_OF_STOCK", "UNKNOWN_SKU"])
async def test_stock_that_cannot_be_taken_is_not_put_back_but_the_payment_is_refunded(
    script: Script, reason: str
) -> None:
    """The stock service refused, so nothing left the shelf.

    The payment is taken back, then the order is cancelled.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    script.answer(
        short(
            await script.expect(DecreaseStockCommand, lines=(StockLine(sku="85123A", quantity=6),)),
            reason,
        )
    )
    refund = await script.expect_compensation(
        RefundPaymentCommand, of=ProcessPaymentCommand, amount_minor=TOTAL_MINOR
    )
    assert (refund.customer_id, refund.currency) == ("17850", "GBP")
    script.answer(yes(refund))
    await take_back(script, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert (failure["step"], failure["event"], failure["reason"]) == (
        "DecreaseStock",
        "StockDecreaseFailedEvent",
        reason,
    )


async def test_the_closing_command_carries_the_whole_story(script: Script) -> None:
    """The order service can answer "why" for ever.

    Cancel brings the order, the failure, what was taken back, and the moves.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    script.answer(short(await script.expect(DecreaseStockCommand)))
    await take_back(script, RefundPaymentCommand)
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer(yes(cancel))
    await script.failed()

    order = PlaceOrder.model_validate(ORDER)
    assert cancel.order_fingerprint == order.fingerprint()
    assert (cancel.order.customer_id, cancel.order.lines) == (order.customer_id, order.lines)
    assert cancel.failure.model_dump() == {
        "step": "DecreaseStock",
        "event": "StockDecreaseFailedEvent",
        "reason": "OUT_OF_STOCK",
        "message": "85123A: 6 asked, 2 left",
        "details": {"lines": [{"sku": "85123A", "asked": 6, "available": 2}]},
    }
    assert [(c.step, c.command, c.state) for c in cancel.compensations] == [
        ("ProcessPayment", "RefundPaymentCommand", "DONE"),
        ("RegisterOrder", "CancelOrderCommand", "DONE"),
    ]
    assert [(move.state, move.cause) for move in cancel.moves] == [
        ("PENDING", "start"),
        ("PAYMENT_COMPLETED", "PaymentCompletedEvent"),
        ("ROLLING_BACK", "StockDecreaseFailedEvent"),
    ]


async def test_a_refused_order_fails_as_business_as_usual(script: Script) -> None:
    """The workflow closes as Failed, red with its reason, but benign: nobody has to be woken up."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    script.answer(decline(await script.expect(ProcessPaymentCommand)))
    await take_back(script, CancelOrderCommand)
    error = await script.failed()
    assert (error.type, error.message) == (
        "OrderFailed",
        "INSUFFICIENT_FUNDS: declined: INSUFFICIENT_FUNDS",
    )
    assert error.category == ApplicationErrorCategory.BENIGN
    assert order_id_of(script.saga_id) not in error.message


async def test_a_refusal_larger_than_temporal_takes_still_rolls_back(script: Script) -> None:
    """A reason too long for a search attribute, and details of a megabyte, end no saga.

    They are cut, and the money goes back.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    await script.expect(DecreaseStockCommand)
    answer = {"reason": "x" * 2_100, "message": "y" * 500_000, "details": {"z": "z" * 300_000}}
    script.fail(ApplicationError("no", answer, type="StockDecreaseFailedEvent", non_retryable=True))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert (failure["reason"], failure["details"], len(failure["message"])) == (
        "StockDecreaseFailedEvent",
        {},
        2_002,
    )


async def test_an_error_larger_than_temporal_takes_still_rolls_back(script: Script) -> None:
    """The last error of a step that failed for good is told in so many words as fit."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.fail(ApplicationError("e" * 1_100_000, type="Broken", non_retryable=True))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    failure = (await script.failed()).details[0]
    assert failure["message"] == (
        "the payment service gave no usable answer: Broken, which is not among the saga's refusals"
    )
    assert (failure["details"]["participant"], len(failure["details"]["error"])) == (
        "payment",
        2_002,
    )
