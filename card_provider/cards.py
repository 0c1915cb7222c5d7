"""The cards that can be paid with: Stripe's test payment methods, and how each behaves."""

from typing import NamedTuple

from card_provider.errors import Body, missing


class Decline(NamedTuple):
    """Why a card's bank says no: Stripe's `code`, its `decline_code`, and its sentence."""

    code: str
    decline_code: str | None
    message: str

    @property
    def error(self) -> Body:
        """The fields of a `card_error`."""
        fields: Body = {"type": "card_error", "code": self.code, "message": self.message}
        return fields | ({"decline_code": self.decline_code} if self.decline_code else {})


class Card(NamedTuple):
    """How a card behaves: whether its bank asks the customer first, and what it then says.

    And whether it takes money back.
    """

    asks_customer: bool = False
    decline: Decline | None = None
    takes_refunds: bool = True


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
INSUFFICIENT_FUNDS = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds."
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_FAILURE = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided payment method has failed authentication.",
)

_PLAIN = ("visa", "visa_debit", "mastercard", "mastercard_debit", "amex", "discover", "jcb", "us")
_DECLINES = {
    "chargeDeclined": GENERIC,
    "chargeDeclinedInsufficientFunds": INSUFFICIENT_FUNDS,
    "chargeDeclinedLostCard": Decline("card_declined", "lost_card", GENERIC.message),
    "chargeDeclinedStolenCard": Decline("card_declined", "stolen_card", GENERIC.message),
    "chargeDeclinedFraudulent": Decline("card_declined", "fraudulent", GENERIC.message),
    "chargeDeclinedVelocityLimitExceeded": Decline(
        "card_declined",
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently.",
    ),
    "chargeDeclinedExpiredCard": Decline("expired_card", None, "Your card has expired."),
    "chargeDeclinedIncorrectCvc": Decline(
        "incorrect_cvc", None, "Your card's security code is incorrect."
    ),
    "chargeDeclinedProcessingError": Decline(
        "processing_error", None, "An error occurred while processing your card. Try again later."
    ),
}
CARDS = (
    {f"pm_card_{name}": Card() for name in _PLAIN}
    | {f"pm_card_{name}": Card(decline=decline) for name, decline in _DECLINES.items()}
    | {f"pm_card_visa_{name}": Card(decline=decline) for name, decline in _DECLINES.items()}
    | {
        "pm_card_refundFail": Card(takes_refunds=False),
        "pm_card_authenticationRequired": Card(asks_customer=True),
        "pm_card_threeDSecure2Required": Card(asks_customer=True),
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
            asks_customer=True, decline=INSUFFICIENT_FUNDS
        ),
        "pm_card_threeDSecureRequiredChargeDeclined": Card(asks_customer=True, decline=GENERIC),
    }
)
"""By the id of Stripe's test payment method."""


def card_of(payment_method: str) -> Card:
    """Return the card of a payment method.

    Raises:
        ApiError: there is none of this id.
    """
    if payment_method not in CARDS:
        raise missing("PaymentMethod", payment_method, "payment_method")
    return CARDS[payment_method]
