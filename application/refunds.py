"""What became of the money of an order that failed. Pure functions."""

from collections.abc import Iterable
from datetime import datetime

from contracts.money import money
from contracts.record import Compensation
from contracts.states import SagaState
from contracts.steps import PAYMENT
from contracts.views import Refund


def refund_of(
    state: SagaState, compensations: Iterable[Compensation], currency: str | None
) -> Refund | None:
    """Return what the compensation of the payment says; None when the order did not fail."""
    if state is not SagaState.FAILED:
        return None
    refund = next((one for one in compensations if one.step == PAYMENT.name), None)
    if refund is None:
        return _nothing_charged(currency)
    if (settlement := refund.settled) is not None:
        why = f"{settlement.reason} ({settlement.evidence})"
        message = f"{settlement.by} settled the refund by hand: {why}"
        return Refund(amount_minor=None, currency=currency, at=settlement.at, message=message)
    if refund.answer is None or refund.answered_at is None:
        message = "whatever had been charged was given back to the customer"
        return Refund(amount_minor=None, currency=currency, at=None, message=message)
    amount_minor = int(str(refund.answer["refunded_minor"]))
    released_minor = int(str(refund.answer.get("released_minor", 0)))
    if released_minor and not amount_minor:
        currency = str(refund.answer["currency"])
        return _only_held(released_minor, currency, refund.answered_at)
    return _given_back(amount_minor, str(refund.answer["currency"]), refund.answered_at)


def _given_back(amount_minor: int, currency: str, at: datetime) -> Refund:
    if amount_minor == 0:
        return _nothing_charged(currency)
    amount = money(amount_minor, currency)
    message = f"{amount} went back to the customer at {at:%Y-%m-%d %H:%M:%S} UTC"
    return Refund(amount_minor=amount_minor, currency=currency, at=at, message=message)


def _only_held(held_minor: int, currency: str, at: datetime) -> Refund:
    amount = money(held_minor, currency)
    message = f"nothing had been charged; {amount} held on the card were released at "
    message += f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Refund(amount_minor=0, currency=currency, at=at, message=message)


def _nothing_charged(currency: str | None) -> Refund:
    return Refund(amount_minor=0, currency=currency, at=None, message="nothing had been charged")
