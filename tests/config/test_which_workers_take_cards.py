"""Which workers can take payments by card."""

import pytest

from cards import why_no_cards
from config import Settings


@pytest.mark.parametrize(
    ("settings", "roles", "can_start"),
    [
        ({}, ["payment"], True),
        ({"payment": "cards"}, ["payment"], False),
        ({"payment": "cards"}, ["orchestrator", "stock"], True),
        ({"payment": "cards", "card_api_key": "sk_test_shop"}, ["payment"], True),
    ],
)
def test_a_worker_of_payments_by_card_needs_an_account(
    settings: dict[str, str], roles: list[str], *, can_start: bool
) -> None:
    """It says so before it starts; other workers need to know nothing of cards."""
    why = why_no_cards(roles, Settings.model_validate(settings))
    assert (why is None) == can_start
    assert why is None or "CARD_API_KEY" in why
