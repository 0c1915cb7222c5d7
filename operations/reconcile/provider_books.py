"""The provider's books, read page by page through its lists, which are right at once."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe

from config import Settings
from config.values import is_loopback
from operations.reconcile.join import ProviderPayment, ProviderRefund

ANSWER_SECONDS = 30
RETRIES = 4
"""Of one request to a provider that gives no answer, with pauses of up to 5 s."""

PAGE = 100
"""The most objects that Stripe puts into one answer."""

PAUSES_SECONDS = (1, 2, 4, 8, 16)
"""Before a page is asked for again that was one request too many."""


class CannotAsk(Exception):
    """The provider gives no answer, or not to us; the message says why."""


def provider_client(settings: Settings) -> stripe.StripeClient:
    """Return a client of the account that the settings name; it waits for who is away for long."""
    session = requests.Session()
    url = settings.card_api_url
    session.trust_env = not is_loopback(urlsplit(url).hostname or "")  # no proxy leads to ourselves
    return stripe.StripeClient(
        settings.card_api_key.get_secret_value(),
        base_addresses={"api": url} if url else {},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=ANSWER_SECONDS, session=session),
    )


class ProviderBooks:
    """What the provider has, newest first; only asks."""

    def __init__(self, client: stripe.StripeClient) -> None:
        """Ask through a client, whose own retries wait for a provider that is away."""
        self._client = client.v1

    def payments(self) -> Iterator[ProviderPayment]:
        """Yield every payment.

        Raises:
            CannotAsk: there is no answer.
        """
        for payment in _all(self._client.payment_intents):
            yield ProviderPayment(
                id=payment.id,
                order_id=_metadata(payment).get("order_id"),
                currency=payment.currency.upper(),
                status=payment.status,
                held_minor=payment.amount_capturable,
                captured_minor=payment.amount_received,
            )

    def refunds(self) -> Iterator[ProviderRefund]:
        """Yield every refund that gave money back, or will.

        Raises:
            CannotAsk: there is no answer.
        """
        for refund in _all(self._client.refunds):
            if refund.status not in ("failed", "canceled"):
                metadata = _metadata(refund)
                yield ProviderRefund(
                    id=refund.id,
                    payment=refund.payment_intent,
                    amount_minor=refund.amount,
                    created=refund.created,
                    reason=refund.reason,
                    by_whom=metadata.get("by"),
                    is_ours="saga_step" in metadata,
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
            except stripe.RateLimitError:
                time.sleep(pause)
        return service.list(parameters)
    except stripe.StripeError as error:
        raise CannotAsk(f"the card provider gives no answer: {_why(error)}") from error


def _why(error: stripe.StripeError) -> str:
    return " ".join(str(error.user_message or error).split())
