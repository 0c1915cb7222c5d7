"""What a worker of payments takes cards with, where customers pay with cards."""

from collections.abc import Sequence

import sqlalchemy as sa

from config import Settings
from contracts import stubs
from participants.payment.means import MeansOfPayment
from temporal_saga.intents import CALL_SECONDS

CALLS_OF_A_TRY = 0.8
"""Of the time of one try of a command, so much is the card provider's."""


def cards(engine: sa.Engine, settings: Settings) -> MeansOfPayment | None:
    """Return what takes payments by card; None where customers pay from wallets."""
    if settings.payment == "wallets":
        return None
    # Not above: Stripe's library costs a third of a second of CPU, and 25 MB.
    from participants.payment.card_api import CardApi  # noqa: PLC0415
    from participants.payment.cards import Cards  # noqa: PLC0415

    return Cards(
        engine,
        CardApi(settings.card_api_key.get_secret_value(), settings.card_api_url),
        return_url=settings.card_return_url,
        answer_seconds=settings.card_answer_seconds,
        call_seconds=min(CALL_SECONDS, CALLS_OF_A_TRY * settings.start_to_close_seconds),
    )


def why_no_cards(roles: Sequence[str], settings: Settings) -> str | None:
    """Return why these roles cannot take payments by card; None when they can, or need not."""
    is_needed = settings.payment == "cards" and stubs.PAYMENT_QUEUE in roles
    if not is_needed:
        return None
    if not settings.card_api_key.get_secret_value():
        return "PAYMENT=cards needs CARD_API_KEY, the secret key of an account at the card provider"
    if not settings.card_return_url:  # without one a bank that asks its customer names no page
        return "PAYMENT=cards needs CARD_RETURN_URL, where a bank sends customers who answered it"
    return None
