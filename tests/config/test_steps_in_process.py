"""Which steps the sagas try in the orchestrator's own process."""

import pytest

from config import Settings
from contracts.steps import PARTICIPANTS, STEPS
from orchestrator import local_steps

ALL = {step.name for step in STEPS}


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, set()),
        ({"payment": "cards"}, set()),
        ({"local_activities": "on"}, ALL),
        (
            {"local_activities": "on", "payment": "cards"},
            ALL - {"ProcessPayment", "CapturePayment"},
        ),
    ],
)
def test_no_payment_by_card_is_tried_locally(settings: dict[str, str], steps: set[str]) -> None:
    """A local try ends after 2 s, and a card provider may take 8."""
    assert set(local_steps(PARTICIPANTS, Settings.model_validate(settings))) == steps
