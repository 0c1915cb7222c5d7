"""The order saga as a table: each step, who takes it, what it is told and what takes it back."""

from typing import NamedTuple


class Step(NamedTuple):
    """One row: the step's name, its participant's task queue, its command, its compensation and its refusal."""

    name: str
    participant: str
    command: str
    compensation: str | None
    refusal: str | None


STEPS = (
    Step(
        "RegisterOrder", "order", "RegisterOrderCommand", "CancelOrderCommand", "OrderRejectedEvent"
    ),
    Step(
        "ProcessPayment",
        "payment",
        "ProcessPaymentCommand",
        "RefundPaymentCommand",
        "PaymentFailedEvent",
    ),
    Step(
        "DecreaseStock",
        "stock",
        "DecreaseStockCommand",
        "RestoreStockCommand",
        "StockDecreaseFailedEvent",
    ),
    Step("ConfirmOrder", "order", "ConfirmOrderCommand", None, None),
)

REFUSALS = frozenset(step.refusal for step in STEPS if step.refusal is not None)
"""The types of the events by which a participant says no."""
