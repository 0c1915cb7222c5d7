from contracts.order import CancelOrderCommand, OrderRegisteredEvent, OrderRejectedEvent, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.states import OrderStatus
from contracts.stock import RestoreStockCommand
from temporal_saga.testing import Script
from tests.workflow.stories import ORDER, declined, take_back


async def test_a_run_that_finds_its_order_registered_takes_everything_back(script: Script) -> None:
    """What an earlier run did is unknown, so its steps are compensated too, though this one was refused at the first of them."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.PENDING))
    script.answer(declined(await script.expect(ProcessPaymentCommand)))
    await take_back(script, RestoreStockCommand, RefundPaymentCommand, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "INSUFFICIENT_FUNDS"


async def test_a_run_that_does_not_own_its_order_takes_nothing_back(script: Script) -> None:
    """A saga whose id belongs to another order must not refund that one, reset or not."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRejectedEvent(order_id=register.order_id, reason="ORDER_ID_REUSED", message="it is somebody else's"))
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "ORDER_ID_REUSED"
