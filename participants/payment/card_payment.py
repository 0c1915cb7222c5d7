"""A payment as the card provider shows it: what we read of Stripe's PaymentIntent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

SAGA_STEP = "saga_step"
ORDER_ID = "order_id"
"""Keys of a payment's metadata: the idempotency key of the command that made it, and its order."""


@dataclass(frozen=True)
class CardPayment:
    """One payment at the provider.

    Args:
        reference: the provider's id of it.
        status: of Stripe's PaymentIntent.
        amount_minor: what it is for.
        held_minor: what is held on the card, and can be captured.
        captured_minor: what was taken.
        was_authorised: whether the customer's bank agreed to it, also if it was released since.
        decline: why the bank did not agree, the last time it was asked; empty where it did.
        page: where the customer is to answer their bank; None where they need not.
        saga_step: the key of the command that made it; None where no command of ours did.
    """

    reference: str
    status: str
    amount_minor: int
    held_minor: int
    captured_minor: int
    was_authorised: bool
    decline: Mapping[str, Any]
    page: str | None
    saga_step: str | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read a PaymentIntent as JSON has it."""
        decline = body.get("last_payment_error") or {}
        action = body.get("next_action") or {}
        return cls(
            reference=body["id"],
            status=body["status"],
            amount_minor=body["amount"],
            held_minor=body["amount_capturable"],
            captured_minor=body["amount_received"],
            was_authorised=bool(body["latest_charge"]) and not decline,
            decline=decline,
            page=(action.get("redirect_to_url") or {}).get("url"),
            saga_step=body["metadata"].get(SAGA_STEP),
        )
