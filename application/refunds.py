"""What became of the money of an order that failed. Pure functions."""

from collections.abc import Sequence
from datetime import datetime

from contracts.money import money
from contracts.record import Compensation, OrderRecord
from contracts.states import SagaState, StateMove
from contracts.steps import PAYMENT
from contracts.views import Refund
from temporal_saga.moment import Moment


def told_by_run(
    moments: Sequence[Moment], compensations: Sequence[Compensation], currency: str | None
) -> Refund:
    """Return what a failed saga's story tells."""
    if word := _word(compensations, currency):
        return word
    for moment in reversed(moments):
        if (moment.kind, moment.name) == ("event", "PaymentRefundedEvent"):
            return _given_back(
                int(moment.detail["refunded_minor"]), str(moment.detail["currency"]), moment.at
            )
    return _nothing_charged(currency)


def told_by_record(record: OrderRecord, moves: Sequence[StateMove]) -> Refund | None:
    """Return the refund by the record alone, once Temporal has forgotten the saga.

    None when the order did not fail.
    """
    if record.state is not SagaState.FAILED:
        return None
    if word := _word(record.compensations, record.currency):
        return word
    closed_at = record.closed_at
    if closed_at is None or not any(
        compensation.step == PAYMENT.name for compensation in record.compensations
    ):
        return _nothing_charged(record.currency)
    was_charged = any(move.state is SagaState.PAYMENT_COMPLETED for move in moves)
    if was_charged and record.total_minor is not None and record.currency is not None:
        return _given_back(record.total_minor, record.currency, closed_at, by="by ")
    message = (
        "whatever had been charged was given back to the customer by "
        f"{closed_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    return Refund(amount_minor=None, currency=record.currency, at=closed_at, message=message)


def _given_back(amount_minor: int, currency: str, at: datetime, by: str = "at ") -> Refund:
    if amount_minor == 0:
        return _nothing_charged(currency)
    message = (
        f"{money(amount_minor, currency)} went back to the customer {by}{at:%Y-%m-%d %H:%M:%S} UTC"
    )
    return Refund(amount_minor=amount_minor, currency=currency, at=at, message=message)


def _nothing_charged(currency: str | None) -> Refund:
    return Refund(amount_minor=0, currency=currency, at=None, message="nothing had been charged")


def _word(compensations: Sequence[Compensation], currency: str | None) -> Refund | None:
    """Return that a person put it right by hand, if one did."""
    for compensation in compensations:
        if compensation.step == PAYMENT.name and (settlement := compensation.settled):
            message = (
                f"{settlement.by} settled the refund by hand: {settlement.reason} "
                f"({settlement.evidence})"
            )
            return Refund(amount_minor=None, currency=currency, at=settlement.at, message=message)
    return None
