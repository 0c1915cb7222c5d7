"""The states of an order's saga and the only moves between them."""

from datetime import datetime
from enum import StrEnum

from contracts.base import Contract


class SagaState(StrEnum):
    """Where a saga stands; the value of the search attribute `SagaState`."""

    PENDING = "PENDING"
    """The order is being registered or paid."""
    AWAITING_REVIEW = "AWAITING_REVIEW"
    """A person must approve or reject it before it is paid."""
    AWAITING_CUSTOMER = "AWAITING_CUSTOMER"
    """The customer must answer their bank before it is paid."""
    PAYMENT_COMPLETED = "PAYMENT_COMPLETED"
    """It is paid; the steps up to the pivot are left."""
    COMPLETED = "COMPLETED"
    """It is past the pivot, and goes forward only."""
    ROLLING_BACK = "ROLLING_BACK"
    """Its compensations run, in reverse."""
    ROLLBACK_STUCK = "ROLLBACK_STUCK"
    """A compensation keeps failing; its retries go on, and a person is called."""
    FAILED = "FAILED"
    """Everything it did is compensated, or settled by hand."""


LEGAL_MOVES: dict[SagaState | None, frozenset[SagaState]] = {
    None: frozenset({SagaState.PENDING}),
    SagaState.PENDING: frozenset(
        {
            SagaState.AWAITING_REVIEW,
            SagaState.AWAITING_CUSTOMER,
            SagaState.PAYMENT_COMPLETED,
            SagaState.ROLLING_BACK,
        }
    ),
    SagaState.AWAITING_REVIEW: frozenset({SagaState.PENDING, SagaState.ROLLING_BACK}),
    SagaState.AWAITING_CUSTOMER: frozenset({SagaState.PAYMENT_COMPLETED, SagaState.ROLLING_BACK}),
    SagaState.PAYMENT_COMPLETED: frozenset({SagaState.COMPLETED, SagaState.ROLLING_BACK}),
    SagaState.ROLLING_BACK: frozenset({SagaState.ROLLBACK_STUCK, SagaState.FAILED}),
    SagaState.ROLLBACK_STUCK: frozenset({SagaState.ROLLING_BACK}),
    SagaState.COMPLETED: frozenset(),
    SagaState.FAILED: frozenset(),
}


class StateMove(Contract):
    """One move of a saga: the state it entered, why, and when (UTC)."""

    state: SagaState
    cause: str
    at: datetime


class OrderStatus(StrEnum):
    """How the order service's own record stands."""

    PENDING = "PENDING"
    """Its saga has not closed it: others see a semantic lock."""
    CONFIRMED = "CONFIRMED"
    """Its saga completed."""
    CANCELLED = "CANCELLED"
    """Its saga failed, and compensated what it did."""


STATUS = {SagaState.COMPLETED: OrderStatus.CONFIRMED, SagaState.FAILED: OrderStatus.CANCELLED}
"""By state that a saga ends in: how it closes the order's record."""

CLOSED = frozenset(STATUS)
"""States that a saga never leaves."""


class FailureReason(StrEnum):
    """Why an order failed. docs/API.md has what each means to a customer, and whether to try again.

    * `ORDER_ID_REUSED`: the order id belongs to another order.
    * `INSUFFICIENT_FUNDS`: the wallet or the card holds less than the order costs.
    * `UNKNOWN_CUSTOMER`: the customer has no wallet, or no card.
    * `CURRENCY_MISMATCH`: the wallet is in another currency than the order.
    * `CARD_DECLINED`: the customer's bank declined.
    * `CARD_EXPIRED`: the card has expired.
    * `AUTHENTICATION_FAILED`: the customer could not, or would not, confirm the payment.
    * `AUTHENTICATION_EXPIRED`: the customer did not confirm the payment in time.
    * `AMOUNT_NOT_PAYABLE`: cards cannot pay so little, or so much.
    * `OUT_OF_STOCK`: of at least one line there is less than was ordered.
    * `UNKNOWN_SKU`: at least one line names no product of the shop.
    * `CANCELLED`: somebody cancelled the order before it was completed.
    * `REJECTED`: a person looked at the order and said no.
    * `REVIEW_EXPIRED`: no person approved the order in time.
    * `DEADLINE_EXCEEDED`: the order was not completed within its `deadline_seconds`.
    * `STEP_UNAVAILABLE`: a service gave no usable answer in time.
    * `INVALID_ORDER`: what the saga was started with is no order.
    * `TERMINATED`: the saga was ended from outside.
    * `ALREADY_COMPENSATED`: the order was started again after it had been taken back.
    * `OTHER`: a reason that this release does not know; `details.reason` has it.
    """

    ORDER_ID_REUSED = "ORDER_ID_REUSED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    CARD_DECLINED = "CARD_DECLINED"
    CARD_EXPIRED = "CARD_EXPIRED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    AUTHENTICATION_EXPIRED = "AUTHENTICATION_EXPIRED"
    AMOUNT_NOT_PAYABLE = "AMOUNT_NOT_PAYABLE"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    UNKNOWN_SKU = "UNKNOWN_SKU"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    REVIEW_EXPIRED = "REVIEW_EXPIRED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    STEP_UNAVAILABLE = "STEP_UNAVAILABLE"
    INVALID_ORDER = "INVALID_ORDER"
    TERMINATED = "TERMINATED"
    ALREADY_COMPENSATED = "ALREADY_COMPENSATED"
    OTHER = "OTHER"
