"""Whether a person lets an order through."""

from typing import Any, Literal

from contracts.decisions import Decision
from contracts.text import ON_RECORD

Verdict = Literal["approve", "reject"]


class Review:
    """Takes one verdict: the first, from the saga's start until the review is over."""

    def __init__(self) -> None:
        """Begin with no verdict; whether one is needed is not known yet."""
        self.verdict: Verdict | None = None
        self.decision: Decision | None = None
        self._over: str | None = None

    def carry_over(self) -> dict[str, Any]:
        """Return as JSON what the saga's next run needs to know."""
        return {
            "verdict": self.verdict,
            "decision": self.decision and self.decision.model_dump(),
            "over": self._over,
        }

    def go_on_from(self, carry_over: dict[str, Any]) -> None:
        """Go on from where the run before had come."""
        self.verdict = carry_over["verdict"]
        decision = carry_over["decision"]
        self.decision = decision and Decision.model_validate(decision, context=ON_RECORD)
        self._over = carry_over["over"]

    def refusal(self) -> str | None:
        """Return why no verdict is taken now, or None when one is."""
        if self.verdict is not None and self.decision is not None:
            return f"{self.decision.by} decided already: {self.verdict}, {self.decision.reason}"
        return self._over

    def decide(self, verdict: Verdict, decision: Decision) -> None:
        """Take a verdict, unless there is a `refusal`."""
        if self.refusal() is None:
            self.verdict = verdict
            self.decision = decision

    def end(self, why: str) -> None:
        """Take no verdict any more; the first reason stays."""
        self._over = self._over or why
