"""What each peer sends to order, payment and stock: the commands that our own saga sends them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.ids import saga_id
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.placing import PlaceOrder
from contracts.record import Failure
from contracts.states import SagaState, StateMove
from contracts.stock import DecreaseStockCommand, RestoreStockCommand, StockLine

MOVES = (
    (SagaState.PENDING, "start"),
    (SagaState.PAYMENT_COMPLETED, "PaymentCompletedEvent"),
    (SagaState.COMPLETED, "StockDecreasedEvent"),
)
"""What the order service gets of a completed order, which it writes row by row."""

MOVES_BACK = ((SagaState.PENDING, "start"), (SagaState.ROLLING_BACK, "a step failed"))


def register(order: PlaceOrder, at: datetime) -> RegisterOrderCommand:
    """Open the order's record."""
    return RegisterOrderCommand(**_identity(order, "RegisterOrder"), placed_at=at, order=order)


def cancel(order: PlaceOrder, at: datetime, reason: str) -> CancelOrderCommand:
    """Close the order's record as CANCELLED."""
    return CancelOrderCommand(
        **_identity(order, "RegisterOrder/compensation"),
        placed_at=at,
        order=order,
        order_fingerprint=order.fingerprint(),
        failure=Failure(reason="OTHER", message=reason[:2_000]),
        compensations=(),
        moves=_moves(MOVES_BACK, at),
    )


def charge(order: PlaceOrder) -> ProcessPaymentCommand:
    """Take the price from the customer's wallet."""
    return ProcessPaymentCommand(**_identity(order, "ProcessPayment"), **_price(order))


def refund(order: PlaceOrder) -> RefundPaymentCommand:
    """Give the price back."""
    return RefundPaymentCommand(**_identity(order, "ProcessPayment/compensation"), **_price(order))


def take(order: PlaceOrder) -> DecreaseStockCommand:
    """Take the lines from stock."""
    return DecreaseStockCommand(**_identity(order, "DecreaseStock"), lines=_lines(order))


def put_back(order: PlaceOrder) -> RestoreStockCommand:
    """Put the lines back into stock."""
    return RestoreStockCommand(
        **_identity(order, "DecreaseStock/compensation"), lines=_lines(order)
    )


def confirm(order: PlaceOrder, at: datetime) -> ConfirmOrderCommand:
    """Close the order's record as CONFIRMED."""
    return ConfirmOrderCommand(**_identity(order, "ConfirmOrder"), moves=_moves(MOVES, at))


def _identity(order: PlaceOrder, step: str) -> dict[str, Any]:
    assert order.order_id is not None, "the bench names its orders"
    return {
        "order_id": order.order_id,
        "idempotency_key": f"{saga_id(order.order_id)}/{step}",
    }


def _moves(moves: Sequence[tuple[SagaState, str]], at: datetime) -> tuple[StateMove, ...]:
    return tuple(StateMove(state=state, cause=cause, at=at) for state, cause in moves)


def _price(order: PlaceOrder) -> dict[str, Any]:
    return {
        "customer_id": order.customer_id,
        "currency": order.currency,
        "amount_minor": order.total_minor,
    }


def _lines(order: PlaceOrder) -> tuple[StockLine, ...]:
    return tuple(StockLine(sku=line.sku, quantity=line.quantity) for line in order.lines)
