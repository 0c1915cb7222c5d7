"""Whether a person lets an order through."""

from typing import Any

from contracts.acts import Act, Review
from contracts.decisions import Decision
from contracts.text import ON_RECORD


class OrderReview:
    """The review of one order; its saga's next run goes on from it."""

    def __init__(self) -> None:
        """Begin with no verdict; whether one is needed is not known yet."""
        self.progress = Review()

    def carry_over(self) -> dict[str, Any]:
        """Return as JSON what the saga's next run needs to know."""
        return self.progress.model_dump(mode="json")

    def go_on_from(self, carry_over: dict[str, Any]) -> None:
        """Go on from where the run before had come."""
        self.progress = Review.model_validate(carry_over, context=ON_RECORD)

    def decide(self, verdict: Act, decision: Decision) -> None:
        """Take a verdict."""
        self.progress = Review(verdict=verdict, decision=decision)

    def end(self) -> None:
        """Take no verdict any more."""
        self.progress = self.progress.model_copy(update={"is_over": True})
