"""Events of the card provider that the API is to hear of."""

ANSWERS = frozenset(
    {
        "payment_intent.amount_capturable_updated",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
    }
)
"""Their types: what may follow when a customer has answered their bank."""
