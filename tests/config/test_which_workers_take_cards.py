"""Which workers can take payments by card."""

import pytest

from cards import why_no_cards
from config import Settings
from contracts.steps import PARTICIPANTS
from orchestrator import local_steps


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


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, set()),
        ({"payment": "cards"}, set()),
        (
            {"local_activities": "on"},
            {"RegisterOrder", "ProcessPayment", "DecreaseStock", "CapturePayment", "ConfirmOrder"},
        ),
        (
            {"local_activities": "on", "payment": "cards"},
            {"RegisterOrder", "DecreaseStock", "ConfirmOrder"},
        ),
    ],
)
def test_no_payment_by_card_is_tried_locally(settings: dict[str, str], steps: set[str]) -> None:
    """A local try ends after 2 s, and a card provider may take 8."""
    assert set(local_steps(PARTICIPANTS, Settings.model_validate(settings))) == steps
