"""The provider's books, read page by page through its lists, which are right at once."""

import time
from collections.abc import Iterator
from typing import Any

import stripe

from operations.audit.invariants import CannotRead
from operations.reconcile.join import ProviderPayment, ProviderRefund
from participants.payment.card_api import CardApi
from participants.payment.card_payment import ORDER_ID, SAGA_STEP

PAGE = 100
"""The most objects that Stripe puts into one answer."""

ANSWER_SECONDS = 30
PAUSES_SECONDS = (1, 2, 4, 8)
"""Before a page is asked for again that was one request too many, or got no answer."""

PASSING = (stripe.RateLimitError, stripe.APIConnectionError, stripe.APIError)


class ProviderBooks:
    """What the provider has, newest first; only asks."""

    def __init__(self, api: CardApi) -> None:
        """Ask about the account of `api`."""
        self._calls = api.calls(ANSWER_SECONDS)

    def payments(self) -> Iterator[ProviderPayment]:
        """Yield every payment.

        Raises:
            CannotRead: there is no answer.
        """
        for payment in _all(self._calls.payment_intents):
            yield ProviderPayment(
                id=payment.id,
                order_id=_metadata(payment).get(ORDER_ID),
                currency=payment.currency.upper(),
                held_minor=payment.amount_capturable,
                captured_minor=payment.amount_received,
            )

    def refunds(self) -> Iterator[ProviderRefund]:
        """Yield every refund that gave money back, or will.

        Raises:
            CannotRead: there is no answer.
        """
        for refund in _all(self._calls.refunds):
            if refund.status not in ("failed", "canceled"):
                metadata = _metadata(refund)
                yield ProviderRefund(
                    id=refund.id,
                    payment=refund.payment_intent,
                    amount_minor=refund.amount,
                    created_at=refund.created,
                    reason=refund.reason,
                    by_whom=metadata.get("by"),
                    is_ours=SAGA_STEP in metadata,
                )


def _metadata(stripe_object: Any) -> dict[str, str]:
    metadata = stripe_object.metadata
    return dict(metadata.to_dict()) if metadata else {}


def _all(service: Any) -> Iterator[Any]:
    """Yield what a list has.

    What is made meanwhile stands before the first page, so no place is lost by it.
    """
    parameters = {"limit": PAGE}
    while True:
        page = _page(service, parameters)
        yield from page.data
        if not page.has_more:
            return
        parameters["starting_after"] = page.data[-1].id


def _page(service: Any, parameters: dict[str, Any]) -> Any:
    try:
        for pause in PAUSES_SECONDS:
            try:
                return service.list(parameters)
            except PASSING:
                time.sleep(pause)
        return service.list(parameters)
    except stripe.StripeError as error:
        raise CannotRead(f"the card provider gives no answer: {_why(error)}") from error


def _why(error: stripe.StripeError) -> str:
    """Return an error in one line, of one on the way there what was wrong with that."""
    line = " ".join(str(error.user_message or error).split())
    return line.rpartition("Network error: ")[2]
