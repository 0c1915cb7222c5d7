"""The states of an order's saga and the only moves between them."""

from datetime import datetime
from enum import StrEnum

from contracts.base import Contract


class SagaState(StrEnum):
    """Where a saga stands; the value of the search attribute `SagaState`."""

    PENDING = "PENDING"
    AWAITING_REVIEW = "AWAITING_REVIEW"
    PAYMENT_COMPLETED = "PAYMENT_COMPLETED"
    COMPLETED = "COMPLETED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLBACK_STUCK = "ROLLBACK_STUCK"
    FAILED = "FAILED"


LEGAL_MOVES: dict[SagaState | None, frozenset[SagaState]] = {
    None: frozenset({SagaState.PENDING}),
    SagaState.PENDING: frozenset({SagaState.AWAITING_REVIEW, SagaState.PAYMENT_COMPLETED, SagaState.ROLLING_BACK}),
    SagaState.AWAITING_REVIEW: frozenset({SagaState.PENDING, SagaState.ROLLING_BACK}),
    SagaState.PAYMENT_COMPLETED: frozenset({SagaState.COMPLETED, SagaState.ROLLING_BACK}),
    SagaState.ROLLING_BACK: frozenset({SagaState.ROLLBACK_STUCK, SagaState.FAILED}),
    SagaState.ROLLBACK_STUCK: frozenset({SagaState.ROLLING_BACK}),
    SagaState.COMPLETED: frozenset(),
    SagaState.FAILED: frozenset(),
}

CLOSED = frozenset({SagaState.COMPLETED, SagaState.FAILED})
"""States that a saga never leaves."""


class StateMove(Contract):
    """One move of a saga: the state it entered, why, and when (UTC)."""

    state: SagaState
    cause: str
    at: datetime


class OrderStatus(StrEnum):
    """How the order service's own record stands."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
