"""Which workers can take payments by card."""

import pytest

from cards import why_no_cards
from config import Settings


@pytest.mark.parametrize(
    ("settings", "roles", "missing"),
    [
        ({}, ["payment"], None),
        ({"payment": "cards"}, ["payment"], "CARD_API_KEY"),
        ({"payment": "cards"}, ["orchestrator", "stock"], None),
        ({"payment": "cards", "card_api_key": "sk_test_shop"}, ["payment"], "CARD_RETURN_URL"),
        (
            {"payment": "cards", "card_api_key": "k", "card_return_url": "https://shop.example/"},
            ["payment"],
            None,
        ),
    ],
)
def test_a_worker_of_payments_by_card_needs_an_account(
    settings: dict[str, str], roles: list[str], missing: str | None
) -> None:
    """And a page to lead customers back to: it says so before it starts.

    Other workers need to know nothing of cards.
    """
    why = why_no_cards(roles, Settings.model_validate(settings))
    assert (why is None) == (missing is None)
    assert why is None or f"needs {missing}, " in why
