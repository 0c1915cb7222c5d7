"""The one file that reads the errors of the card provider's library: a refusal, or an outage.

A decline leaves a payment, which is in the error; so does a call that came too late for the
payment's state. Those are answers. Of anything else the outcome is in doubt, and asking again, at
first by a look-up, finds it.
"""

import random
from collections.abc import Mapping
from typing import Any

import stripe

from contracts.payment import PaymentFailedEvent
from participants.payment.card_payment import CardPayment

ALREADY_REFUNDED = "charge_already_refunded"

RATE_LIMIT_SECONDS = 1.0
"""After so long, and as much more by chance, the provider is asked again that had too much to do.
"""

REASONS = {
    "insufficient_funds": "INSUFFICIENT_FUNDS",
    "expired_card": "CARD_EXPIRED",
    "authentication_required": "AUTHENTICATION_FAILED",
    "payment_intent_authentication_failure": "AUTHENTICATION_FAILED",
    "amount_too_small": "AMOUNT_NOT_PAYABLE",
    "amount_too_large": "AMOUNT_NOT_PAYABLE",
}
"""By the provider's code: why a payment fails; for any other code of a card, CARD_DECLINED."""

MISSING = {"customer": "UNKNOWN_CUSTOMER", "payment_method": "CARD_DECLINED"}
"""By the parameter that names nothing at the provider."""

WHAT_IS_PAID = ("amount", "currency")
"""The parameters that the provider finds wrong, each time anew, in what it does not take."""


class ProviderAway(Exception):
    """the card provider gave no answer that can be used: the command is to be sent again.

    `retry_in_seconds` is when, at the earliest; None to leave it to whoever sends it.
    """

    def __init__(self, message: str, retry_in_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_in_seconds = retry_in_seconds


class NotPayable(Exception):
    """The provider makes no payment of this at all; `error` is what its API says."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error.get("message"))
        self.error = error


def payment_in(error: stripe.StripeError) -> CardPayment:
    """Return the payment as it stands, of which the provider's error tells.

    Raises:
        NotPayable: there is none, nor will there be.
        ProviderAway: nobody knows.
    """
    details = _details(error)
    if isinstance(error, stripe.CardError | stripe.InvalidRequestError):
        if "payment_intent" in details:
            return CardPayment.of(details["payment_intent"])
        if _reason(details) is not None:
            raise NotPayable(details) from error
    raise away(error) from error


def away(error: stripe.StripeError) -> ProviderAway:
    """Return that the provider did not answer, or cannot now."""
    message = f"the card provider gave no answer: {type(error).__name__}: {error}"
    if isinstance(error, stripe.RateLimitError):
        pause = RATE_LIMIT_SECONDS * (1 + random.random())  # noqa: S311  # no secret
        return ProviderAway(message, pause)
    return ProviderAway(message)


def is_refunded(error: stripe.StripeError) -> bool:
    """Tell whether a refund was refused as all of it had been given back."""
    return error.code == ALREADY_REFUNDED


def refusal(order_id: str, decline: Mapping[str, Any]) -> PaymentFailedEvent:
    """Return why a payment fails: for people by our reasons, for staff by the provider's words."""
    codes = {name: decline[name] for name in ("code", "decline_code") if decline.get(name)}
    return PaymentFailedEvent(
        order_id=order_id,
        reason=_reason(decline) or "CARD_DECLINED",
        message=f"the card provider says: {decline.get('message', 'the card was declined')}",
        details=codes,
    )


def _details(error: stripe.StripeError) -> Mapping[str, Any]:
    body = error.json_body
    details = body.get("error") if isinstance(body, dict) else None
    return details if isinstance(details, dict) else {}


def _reason(error: Mapping[str, Any]) -> Any:
    """Return our reason for what the provider refuses; None where it is no refusal."""
    for code in (error.get("decline_code"), error.get("code")):
        if code in REASONS:
            return REASONS[code]
    if error.get("type") == "invalid_request_error" and error.get("param") in WHAT_IS_PAID:
        return "AMOUNT_NOT_PAYABLE"
    if error.get("code") == "resource_missing":
        return MISSING.get(str(error.get("param")))
    return "CARD_DECLINED" if error.get("type") == "card_error" else None
