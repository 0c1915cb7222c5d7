"""What the order saga sends to whom: one function per command.

Each stands beside the one that takes it back.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from contracts import stubs
from contracts.money import money
from contracts.order import OrderRegisteredEvent, RegisterOrderCommand
from contracts.payment import (
    CapturePaymentCommand,
    PaymentCapturedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from contracts.placing import PlaceOrder
from contracts.prose import count
from contracts.states import OrderStatus
from contracts.steps import OPENING, PARTICIPANT_OF, name_of
from contracts.stock import DecreaseStockCommand, RestoreStockCommand, StockLine
from temporal_saga.branch import Branch
from temporal_saga.call import Call, Keyed
from temporal_saga.record import Closing, EarlierRun, Opening
from workflows.record import Record

C = TypeVar("C")
T = TypeVar("T")


def opening(record: Record) -> Opening[RegisterOrderCommand, OrderRegisteredEvent]:
    """Open the order's record, and learn how an earlier run stands there."""
    return Opening(register_order(record), _earlier_run)


def closing(record: Record) -> Closing | None:
    """Close the order's record; what names no order has none."""
    if record.order_id is None:
        return None
    return Closing(OPENING.name, confirm_order(record), cancel_order(record))


def payment(record: Record) -> Branch:
    """Charge the customer."""
    return Branch(process_payment(*record.id_and_order), refund_payment(*record.id_and_order))


def stock(record: Record) -> Branch:
    """Take the lines from stock."""
    return Branch(decrease_stock(*record.id_and_order), restore_stock(*record.id_and_order))


def register_order(record: Record) -> Call[RegisterOrderCommand, OrderRegisteredEvent]:
    """Open the order's record."""
    order_id, order = record.id_and_order
    command = partial(
        RegisterOrderCommand,
        order_id=order_id,
        placed_at=record.placed_at,
        order=order,
        request_key=record.request_key,
        again_of=record.again_of,
    )
    return _call(stubs.register_order, command, f"Register the order of {order.customer_id}")


def confirm_order(record: Record) -> Call[Any, Any]:
    """Close the order's record as CONFIRMED."""
    return _call(
        stubs.confirm_order, record.confirm_command, "Confirm the order", closes_record=True
    )


def cancel_order(record: Record) -> Call[Any, Any]:
    """Close the order's record as CANCELLED, with why."""
    summary = "Cancel the order, with the reason"
    return _call(stubs.cancel_order, record.cancel_command, summary, closes_record=True)


def process_payment(order_id: str, order: PlaceOrder) -> Call[Any, Any]:
    """Charge the customer the total of all lines."""
    command = partial(ProcessPaymentCommand, order_id=order_id, **_payment(order))
    amount = money(order.total_minor, order.currency)
    return _call(stubs.process_payment, command, f"Charge {order.customer_id} {amount}")


def refund_payment(order_id: str, order: PlaceOrder) -> Call[Any, Any]:
    """Give the customer back what was charged."""
    command = partial(RefundPaymentCommand, order_id=order_id, **_payment(order))
    amount = money(order.total_minor, order.currency)
    return _call(stubs.refund_payment, command, f"Refund {order.customer_id} {amount}")


def capture_payment(
    record: Record, reference: str
) -> Call[CapturePaymentCommand, PaymentCapturedEvent]:
    """Take the money that a card holds for the order; past the pivot nothing takes it back."""
    order_id, order = record.id_and_order
    command = partial(
        CapturePaymentCommand,
        order_id=order_id,
        reference=reference,
        currency=order.currency,
        amount_minor=order.total_minor,
    )
    amount = money(order.total_minor, order.currency)
    return _call(stubs.capture_payment, command, f"Capture {amount} of {order.customer_id}")


def decrease_stock(order_id: str, order: PlaceOrder) -> Call[Any, Any]:
    """Take every line from stock."""
    command = partial(DecreaseStockCommand, order_id=order_id, lines=_stock(order))
    return _call(stubs.decrease_stock, command, f"Take {count(order)} from stock")


def restore_stock(order_id: str, order: PlaceOrder) -> Call[Any, Any]:
    """Put every line back."""
    command = partial(RestoreStockCommand, order_id=order_id, lines=_stock(order))
    return _call(stubs.restore_stock, command, f"Put {count(order)} back into stock")


def _call(
    stub: Callable[[C], T], command: Keyed[C], summary: str, *, closes_record: bool = False
) -> Call[C, T]:
    """Return the call of an activity of the participant that the table of steps names for it."""
    return Call(PARTICIPANT_OF[name_of(stub)], stub, command, summary, closes_record=closes_record)


def _earlier_run(event: OrderRegisteredEvent) -> EarlierRun:
    if event.known is None:
        return EarlierRun.NONE
    is_confirmed = event.known is OrderStatus.CONFIRMED
    return EarlierRun.COMPLETED if is_confirmed else EarlierRun.OPEN


def _payment(order: PlaceOrder) -> dict[str, Any]:
    return {
        "customer_id": order.customer_id,
        "currency": order.currency,
        "amount_minor": order.total_minor,
    }


def _stock(order: PlaceOrder) -> tuple[StockLine, ...]:
    return tuple(StockLine(sku=line.sku, quantity=line.quantity) for line in order.lines)
