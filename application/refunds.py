"""What became of the money of an order that failed. Pure functions."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import JsonValue

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
    return _by_answer(refund.answer, refund.answered_at)


def _by_answer(answer: Mapping[str, JsonValue], at: datetime) -> Refund:
    """Return what went back, or was held and released, as the payment service told."""
    currency = str(answer["currency"])
    when = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if amount_minor := int(str(answer["refunded_minor"])):
        message = f"{money(amount_minor, currency)} went back to the customer at {when}"
        return Refund(amount_minor=amount_minor, currency=currency, at=at, message=message)
    if held_minor := int(str(answer.get("released_minor", 0))):
        amount = money(held_minor, currency)
        message = f"nothing had been charged; {amount} held on the card were released at {when}"
        return Refund(amount_minor=0, currency=currency, at=at, message=message)
    return _nothing_charged(currency)


def _nothing_charged(currency: str | None) -> Refund:
    return Refund(amount_minor=0, currency=currency, at=None, message="nothing had been charged")
