"""An order, the usual answers of its participants, and the stories told in several places."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError

from contracts import stubs
from contracts.base import Command, Event
from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderRegisteredEvent,
    RegisterOrderCommand,
)
from contracts.payment import (
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from contracts.states import OrderStatus
from contracts.steps import STEPS
from contracts.stock import (
    DecreaseStockCommand,
    RestoreStockCommand,
    StockDecreaseFailedEvent,
    StockRestoredEvent,
)
from temporal_saga.testing import Script
from tests.workflows.operators import SETTLE

ORDER: dict[str, Any] = {
    "customer_id": "17850",
    "currency": "GBP",
    "lines": [{"sku": "85123A", "quantity": 6, "unit_price_minor": 255}],
}
TOTAL_MINOR = 1530
REFUSED = ApplicationError("no", type="PaymentFailedEvent", non_retryable=True)
PUT_RIGHT = {"by": "otto", "reason": "record put right", "evidence": "ticket 12"}
DECISION = {"by": "anna", "reason": "changed her mind"}

SHOWN_FROM_THE_START = TypedSearchAttributes(
    [
        SearchAttributePair(stubs.SAGA_STATE, "PENDING"),
        SearchAttributePair(stubs.CUSTOMER_ID, "17850"),
        SearchAttributePair(stubs.ORDER_TOTAL_MINOR, TOTAL_MINOR),
        SearchAttributePair(stubs.NEEDS_ATTENTION, value=False),
    ]
)

BEFORE_PIVOT = tuple(step.forward.command_type for step in STEPS if not step.after_pivot)
"""The commands that can be taken back, in the order of the steps."""

AFTER_REGISTRATION = BEFORE_PIVOT[BEFORE_PIVOT.index(RegisterOrderCommand) + 1 :]
AFTER_PAYMENT = BEFORE_PIVOT[BEFORE_PIVOT.index(ProcessPaymentCommand) + 1 :]
"""Those that are still to come before the pivot."""

TAKES_BACK = {
    step.compensation.command_type: step.forward.command_type for step in STEPS if step.compensation
}
"""By the type of a compensation's command: the type of the command whose effect it takes back."""

ROLLBACK = tuple(reversed(TAKES_BACK))
"""Their compensations, in the order in which a rollback sends them."""

ROLLBACK_FROM = {command: ROLLBACK[ROLLBACK.index(back) :] for back, command in TAKES_BACK.items()}
"""By the last command that was sent: what a rollback sends."""

EVENTS: dict[type[Command], Callable[..., Event]] = {
    activity.command_type: activity.event_type for step in STEPS for activity in step.activities
}
"""By the type of a command: the event that says that it took effect."""


def yes(command: Command) -> Event:
    """Return what a participant answers when all is well."""
    order_id = command.order_id
    match command:
        case ProcessPaymentCommand():
            return PaymentCompletedEvent(
                order_id=order_id, currency=command.currency, amount_minor=command.amount_minor
            )
        case RefundPaymentCommand():
            return PaymentRefundedEvent(
                order_id=order_id, currency=command.currency, refunded_minor=command.amount_minor
            )
        case RestoreStockCommand():
            return StockRestoredEvent(order_id=order_id, restored=True)
        case _:
            return EVENTS[type(command)](order_id=order_id)


async def obey(script: Script, *commands: type[Command]) -> None:
    """Expect these steps in this order, and let the participants take them."""
    for kind in commands:
        script.answer(yes(await script.expect(kind)))


async def take_back(script: Script, *commands: type[Command]) -> None:
    """Expect these compensations in this order, and let the participants carry them out."""
    for kind in commands:
        script.answer(yes(await script.expect_compensation(kind, of=TAKES_BACK[kind])))


def decline(
    command: ProcessPaymentCommand, reason: Any = "INSUFFICIENT_FUNDS"
) -> PaymentFailedEvent:
    """Return the payment service's no."""
    return PaymentFailedEvent(
        order_id=command.order_id, reason=reason, message=f"declined: {reason}"
    )


def short(command: DecreaseStockCommand, reason: Any = "OUT_OF_STOCK") -> StockDecreaseFailedEvent:
    """Return the stock service's no."""
    details = {"lines": [{"sku": "85123A", "asked": 6, "available": 2}]}
    return StockDecreaseFailedEvent(
        order_id=command.order_id, reason=reason, message="85123A: 6 asked, 2 left", details=details
    )


async def deadline_passes(script: Script, seconds: float) -> None:
    """Wait until so long after a saga was started."""
    start = (await script.handle.describe()).start_time
    await asyncio.sleep(seconds - (datetime.now(UTC) - start).total_seconds() + 0.05)


async def cancelled_while_it_is_paid(script: Script) -> None:
    """The customer cancels during the payment, which succeeds; the story goes on from here."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(payment))


async def completed(script: Script, **options: Any) -> None:
    """Everybody says yes."""
    await script.start(ORDER, **options)
    await obey(
        script,
        *BEFORE_PIVOT,
        ConfirmOrderCommand,
    )
    await script.completed()


async def completed_over_http(script: Script) -> None:
    """The same, started as the HTTP front door does it."""
    await completed(
        script,
        search_attributes=SHOWN_FROM_THE_START,
        memo={"fingerprint": "f", "request_key": "shop-4711"},
    )


async def payment_refused(script: Script) -> None:
    """The wallet is too small."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    script.answer(decline(await script.expect(ProcessPaymentCommand)))
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def out_of_stock(script: Script) -> None:
    """The order is paid, and the shelf is empty."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    script.answer(short(await script.expect(DecreaseStockCommand)))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    await script.failed()


async def cancelled_by_signal(script: Script) -> None:
    """The customer cancels while the payment is under way."""
    await cancelled_while_it_is_paid(script)
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    await script.failed()


async def cancelled_by_temporal(script: Script) -> None:
    """Somebody uses Temporal's own cancel during the payment, and again in the rollback."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.cancel()
    script.answer(yes(payment))
    refund = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    await script.handle.cancel()
    script.answer(yes(refund))
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def invalid_start(script: Script) -> None:
    """The start gives no currency."""
    await script.start({name: value for name, value in ORDER.items() if name != "currency"})
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def begin_review(script: Script, seconds: int = 86_400) -> None:
    """The order is so large that a person must approve it before it is paid."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, review_seconds=seconds))
    await script.recorded()
    await in_state(script, "AWAITING_REVIEW")


async def approved(script: Script) -> None:
    """A person lets it through."""
    await begin_review(script)
    await script.handle.execute_update("request_approve", DECISION)
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()


async def rejected(script: Script) -> None:
    """A person does not."""
    await begin_review(script)
    await script.handle.signal("reject", DECISION)
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def review_expired(script: Script) -> None:
    """Nobody looks at it in time."""
    await begin_review(script, seconds=1)
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def settled(script: Script) -> None:
    """The refund does not get through, and a person does it by hand."""
    await refund_refused(script)
    await script.handle.execute_update("request_settle_step", SETTLE)
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def stuck_and_retried(script: Script) -> None:
    """The refund gets through as soon as a person has it tried."""
    await refund_refused(script)
    await script.handle.signal(
        "retry_step", {"step": "ProcessPayment", "by": "otto", "reason": "the provider is back"}
    )
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    await script.failed()


async def confirm_stuck_and_settled(script: Script) -> None:
    """The order service takes no confirmation until a person has put its record right.

    It hears of that.
    """
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    await script.expect(ConfirmOrderCommand)
    script.fail(REFUSED)
    await script.recorded()
    await script.handle.query(
        "status"
    )  # answered when the saga has heard it: only what is stuck can be settled
    await script.handle.execute_update("request_settle_step", PUT_RIGHT | {"step": "ConfirmOrder"})
    await obey(script, ConfirmOrderCommand)
    await script.completed()


async def cancel_stuck_and_settled(script: Script) -> None:
    """The order is cancelled while its payment is under way.

    The order service does not take that until it is put right.
    """
    await cancelled_while_it_is_paid(script)
    await take_back(script, RefundPaymentCommand)
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.fail(REFUSED)
    await script.recorded()
    await script.handle.query(
        "status"
    )  # answered when the saga has heard it: only what is stuck can be settled
    await script.handle.signal("settle_step", PUT_RIGHT | {"step": "RegisterOrder"})
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def in_state(script: Script, state: str) -> None:
    """Wait until the saga shows this state."""
    async for event in script.handle.fetch_history_events(wait_new_event=True):
        upsert = event.upsert_workflow_search_attributes_event_attributes
        fields = upsert.search_attributes.indexed_fields
        if "SagaState" in fields and fields["SagaState"].data == f'"{state}"'.encode():
            return


async def refund_refused(script: Script) -> None:
    """The customer cancels while the payment is under way, and its refund is refused.

    The story goes on from here.
    """
    await cancelled_while_it_is_paid(script)
    await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    script.fail(REFUSED)
    await script.recorded()
    await script.handle.query(
        "status"
    )  # answered when the saga has heard it: only what is stuck can be settled


async def step_unavailable(script: Script) -> None:
    """The stock service takes the command, and fails for good without saying what it did."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    await script.expect(DecreaseStockCommand)
    script.fail(ApplicationError("the disk is gone", type="Broken", non_retryable=True))
    await take_back(script, RestoreStockCommand, RefundPaymentCommand, CancelOrderCommand)
    await script.failed()


async def found_on_record(script: Script, times: int = 1) -> None:
    """The order service is asked so often, and says that it has the order already, open."""
    for _ in range(times):
        register = await script.expect(RegisterOrderCommand)
        script.answer(OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.PENDING))


async def earlier_run_found(script: Script) -> None:
    """The first step gets no answer; asked again, the order was on record.

    What another run did is taken back.
    """
    await script.start(ORDER)
    await script.expect(RegisterOrderCommand)
    script.fail(ApplicationError("the disk is gone", type="Broken", non_retryable=True))
    await found_on_record(script)
    await take_back(script, *ROLLBACK)
    await script.failed()


STORIES: tuple[Callable[[Script], Awaitable[None]], ...] = (
    completed,
    completed_over_http,
    payment_refused,
    out_of_stock,
    cancelled_by_signal,
    cancelled_by_temporal,
    invalid_start,
    step_unavailable,
    approved,
    rejected,
    review_expired,
    settled,
    stuck_and_retried,
    confirm_stuck_and_settled,
    cancel_stuck_and_settled,
    earlier_run_found,
)
