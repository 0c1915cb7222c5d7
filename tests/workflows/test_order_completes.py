from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from contracts.ids import order_id_of
from contracts.order import (
    ConfirmOrderCommand,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
    RegisterOrderCommand,
)
from contracts.payment import PaymentCompletedEvent, ProcessPaymentCommand
from contracts.placing import PlaceOrder
from contracts.stock import DecreaseStockCommand, StockDecreasedEvent, StockLine
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.orders import (
    AFTER_REGISTRATION,
    BEFORE_PIVOT,
    ORDER,
    TOTAL_MINOR,
    completed,
    obey,
    out_of_stock,
    yes,
)

POLICY = Policy()


async def test_an_order_that_everybody_accepts_is_registered_paid_taken_from_stock_and_confirmed(
    script: Script,
) -> None:
    """Four commands, each asked once and in this order, lead to COMPLETED."""
    order_id = order_id_of(script.saga_id)
    await script.start(ORDER)

    await script.expect(
        RegisterOrderCommand,
        order_id=order_id,
        order=PlaceOrder.model_validate(ORDER),
        request_key=None,
    )
    script.answer(OrderRegisteredEvent(order_id=order_id))

    await script.expect(
        ProcessPaymentCommand,
        order_id=order_id,
        customer_id="17850",
        currency="GBP",
        amount_minor=TOTAL_MINOR,
    )
    script.answer(
        PaymentCompletedEvent(order_id=order_id, currency="GBP", amount_minor=TOTAL_MINOR)
    )

    await script.expect(
        DecreaseStockCommand, order_id=order_id, lines=(StockLine(sku="85123A", quantity=6),)
    )
    script.answer(StockDecreasedEvent(order_id=order_id))

    confirm = await script.expect(ConfirmOrderCommand, order_id=order_id)
    script.answer(OrderConfirmedEvent(order_id=order_id))

    assert await script.completed() == {"order_id": order_id, "state": "COMPLETED"}
    assert [(move.state, move.cause) for move in confirm.moves] == [
        ("PENDING", "start"),
        ("PAYMENT_COMPLETED", "PaymentCompletedEvent"),
        ("COMPLETED", "StockDecreasedEvent"),
    ]


async def test_the_request_key_of_the_memo_reaches_the_order_service(script: Script) -> None:
    """What the HTTP front door leaves in the memo is registered with the order."""
    await script.start(ORDER, memo={"request_key": "shop-4711"})
    register = await script.expect(RegisterOrderCommand, request_key="shop-4711")
    script.answer(yes(register))
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()


async def test_an_order_may_name_itself(script: Script) -> None:
    """An `order_id` in the start that agrees with the workflow id is no contradiction."""
    await script.start(ORDER | {"order_id": order_id_of(script.saga_id)})
    await obey(script, *BEFORE_PIVOT, ConfirmOrderCommand)
    await script.completed()


async def test_a_confirm_that_fails_is_tried_until_it_is_done(script: Script) -> None:
    """After the pivot only patience: the order stays COMPLETED and is confirmed in the end."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    await script.expect(ConfirmOrderCommand)
    script.fail(RuntimeError("the order service is down"))
    script.answer(yes(await script.expect(ConfirmOrderCommand, attempt=2)))
    await script.completed()


async def test_a_confirm_that_is_refused_is_asked_again(skipping_script: Script) -> None:
    """Even an error that Temporal may not retry does not end the asking."""
    script = skipping_script
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    await script.expect(ConfirmOrderCommand)
    script.fail(
        ApplicationError("no such order here", type="OrderRejectedEvent", non_retryable=True)
    )
    await obey(script, ConfirmOrderCommand)
    assert (await script.completed())["state"] == "COMPLETED"


async def test_each_command_carries_the_limits_of_the_policy(script: Script) -> None:
    """A forward step is bounded.

    Of what must happen the first round is, after which it counts as stuck.
    """
    await out_of_stock(script)
    limits = _limits(script)
    forward = (POLICY.forward_step.total_seconds(), POLICY.start_to_close.total_seconds())
    endless = (POLICY.stuck_after.total_seconds(), POLICY.start_to_close.total_seconds())
    assert limits == {
        "RegisterOrder": forward,
        "ProcessPayment": forward,
        "DecreaseStock": forward,
        "RefundPayment": endless,
        "CancelOrder": endless,
    }


async def test_a_worker_can_be_given_other_limits(play: Play) -> None:
    """What the settings say reaches the saga through the sandbox."""
    async with play(
        policy=Policy(start_to_close=timedelta(seconds=3), forward_step=timedelta(seconds=7))
    ) as script:
        await completed(script)
        assert _limits(script)["ProcessPayment"] == (7.0, 3.0)


def _limits(script: Script) -> dict[str, tuple[float, float]]:
    """Return each activity's schedule-to-close and start-to-close in seconds, 0 for none."""
    assert script.history is not None
    attributes = [
        event.activity_task_scheduled_event_attributes
        for event in script.history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    return {
        s.activity_type.name: (
            _seconds(s.schedule_to_close_timeout),
            _seconds(s.start_to_close_timeout),
        )
        for s in attributes
    }


def _seconds(duration: Duration) -> float:
    return duration.ToTimedelta().total_seconds()
