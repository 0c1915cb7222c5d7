"""What a person may tell a running saga."""

from typing import Annotated

from pydantic import Field

from contracts.base import Contract
from contracts.text import Name, Words

MOST_ATTEMPTS = 10**9


class Decision(Contract):
    """Who decided, and why."""

    by: Name
    reason: Words


class Evidence(Decision):
    """Who resolved a stuck step by hand, why, and what shows it: e.g. a bank transfer's number."""

    evidence: Words


class StepDecision(Decision):
    """A decision about the stuck step that it names."""

    step: Name


class StepEvidence(Evidence, StepDecision):
    """The settlement of the stuck step that it names.

    `attempts` is how many tries the server had begun by then. People leave it out; the API fills it
    in, as the settlement cuts off the round under way, and no history event holds its number.
    """

    attempts: Annotated[int, Field(strict=True, ge=0, le=MOST_ATTEMPTS)] | None = None


ACTS: dict[str, type[Decision]] = {
    "cancel": Decision,
    "approve": Decision,
    "reject": Decision,
    "retry_step": StepDecision,
    "settle_step": StepEvidence,
}
"""What is sent with each act. Its signal carries this name, its update `request_{name}`."""


def act_of(message: str) -> str:
    """Return the act that a signal or an update of this name asks for."""
    return message.removeprefix("request_")
