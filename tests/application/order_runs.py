"""Runs of order sagas as Temporal would show them, made by hand; and records of orders."""

from datetime import UTC, datetime, timedelta
from typing import Any

from application.run import Run
from contracts.acts import TakenDecisions
from contracts.placing import OrderLine
from contracts.record import Compensation, OrderRecord
from contracts.states import OrderStatus, SagaState, StateMove
from contracts.views import FailureView, Links
from participants.order.reads import RecordedOrder
from temporal_saga.call_state import Progress, Settlement
from temporal_saga.failure import Failure
from temporal_saga.memo import RetriableState, SagaMemo
from temporal_saga.moment import Kind, Moment

STARTED = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
CLOSED_AT = STARTED + timedelta(seconds=2)
LINKS = Links(
    self="/orders/7",
    events="/orders/7/events",
    temporal="http://localhost:8233/namespaces/default/workflows/order-7",
)
GIVEN = {
    "customer_id": "17850",
    "currency": "GBP",
    "lines": [{"sku": "85123A", "quantity": 6, "unit_price_minor": 255}],
}
BY_OTTO = {"by": "otto", "reason": "paid by hand", "evidence": "transfer 4711"}


def at(kind: Kind, name: str, **detail: Any) -> Moment:
    """Return a moment that is about no command."""
    return Moment(STARTED, kind, name, detail=detail)


def moment_sent(
    command: str, participant: str, attempt: int | None = None, number: int | None = None
) -> Moment:
    """Return the moment when a command was sent, with the number of the try under way."""
    return Moment(STARTED, "command", command, participant, command, attempt, command_event=number)


def moment_answered(
    command: str,
    participant: str,
    event: str,
    attempt: int = 1,
    number: int | None = None,
    **detail: Any,
) -> Moment:
    """Return the moment when a command was answered, after so many tries."""
    return Moment(STARTED, "event", event, participant, command, attempt, detail, number)


def moment_failed(
    command: str, participant: str, attempt: int = 10, number: int | None = None
) -> Moment:
    """Return the moment when a round of tries ended without an answer."""
    error = {"error": "away"}
    return Moment(
        STARTED, "note", f"{command} failed", participant, command, attempt, error, number
    )


def retriable(step: str, command: str, progress: str = "WAITING", **more: Any) -> RetriableState:
    """Return what a saga's memo says of a compensation, or of another retriable command."""
    return RetriableState(step, command, Progress(progress), **more)


def settlement(attempts: int | None = None) -> Settlement:
    """Return otto's word that a step was put right by hand."""
    return Settlement(
        BY_OTTO["by"], BY_OTTO["reason"], BY_OTTO["evidence"], at=CLOSED_AT, attempts=attempts
    )


REGISTERED = (
    at("state", "PENDING"),
    moment_sent("RegisterOrderCommand", "order"),
    moment_answered("RegisterOrderCommand", "order", "OrderRegisteredEvent"),
)
PAID = (
    *REGISTERED,
    moment_sent("ProcessPaymentCommand", "payment"),
    moment_answered(
        "ProcessPaymentCommand", "payment", "PaymentCompletedEvent", attempt=2, amount_minor=1530
    ),
    at("state", "PAYMENT_COMPLETED"),
)
SHORT: dict[str, Any] = {
    "reason": "OUT_OF_STOCK",
    "message": "85123A: 6 asked, 2 left",
    "details": {"left": 2},
}
REFUSED = (
    *PAID,
    moment_sent("DecreaseStockCommand", "stock"),
    moment_answered("DecreaseStockCommand", "stock", "StockDecreaseFailedEvent", **SHORT),
    at("state", "ROLLING_BACK"),
)
TAKEN_BACK = (
    moment_sent("RefundPaymentCommand", "payment"),
    moment_answered(
        "RefundPaymentCommand",
        "payment",
        "PaymentRefundedEvent",
        attempt=3,
        currency="GBP",
        refunded_minor=1530,
    ),
    moment_sent("CancelOrderCommand", "order"),
    moment_answered("CancelOrderCommand", "order", "OrderCancelledEvent"),
)
OUT_OF_STOCK = FailureView(step="DecreaseStock", event="StockDecreaseFailedEvent", **SHORT)
FAILURE = Failure(step="DecreaseStock", event="StockDecreaseFailedEvent", **SHORT)
REFUND = retriable("ProcessPayment", "RefundPayment")
CANCEL = retriable("RegisterOrder", "CancelOrder")
ROLLS_BACK = SagaMemo(failure=FAILURE, retriables=(REFUND, CANCEL))


def run(state: str, *moments: Moment, is_stuck: bool = False, memo: SagaMemo | None = None) -> Run:
    """Return an open run that shows `state`, and needs a person if it is `stuck`."""
    attributes = {"SagaState": state, "CustomerId": "17850", "NeedsAttention": is_stuck}
    return Run(STARTED, None, attributes, moments, GIVEN, memo or SagaMemo())


def failed_run(*moments: Moment, memo: SagaMemo = ROLLS_BACK, start_input: Any = GIVEN) -> Run:
    """Return a run that has closed as FAILED."""
    attributes = {"SagaState": "FAILED", "CustomerId": "17850", "NeedsAttention": False}
    return Run(STARTED, CLOSED_AT, attributes, (*moments, at("state", "FAILED")), start_input, memo)


MOVES = (
    StateMove(state=SagaState.PENDING, cause="start", at=STARTED),
    StateMove(state=SagaState.FAILED, cause="OrderCancelledEvent", at=CLOSED_AT),
)
RECORD = OrderRecord(
    order_id="7",
    state=SagaState.FAILED,
    status=OrderStatus.CANCELLED,
    customer_id="17850",
    currency="GBP",
    total_minor=1530,
    lines=(OrderLine(sku="85123A", quantity=6, unit_price_minor=255),),
    placed_at=STARTED,
    closed_at=CLOSED_AT,
    failure=OUT_OF_STOCK,
    compensations=(
        Compensation(
            step="ProcessPayment",
            command="RefundPaymentCommand",
            state="DONE",
            answer={"currency": "GBP", "refunded_minor": 1530},
            answered_at=STARTED,
        ),
        Compensation(step="RegisterOrder", command="CancelOrderCommand", state="DONE"),
    ),
)
RECORDED = RecordedOrder(RECORD, RECORD.order_id, MOVES, TakenDecisions(decisions=(), left_out=0))
