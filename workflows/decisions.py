"""The decisions that one order's saga took, for the order's record."""

from typing import Any

from contracts.acts import Act, TakenDecision

MOST_DECISIONS = 100


class DecisionLog:
    """Keeps every decision in order; of very many it leaves out retries first, the oldest first."""

    def __init__(self) -> None:
        """Begin with none."""
        self._decisions: list[TakenDecision] = []
        self.left_out = 0

    @property
    def decisions(self) -> tuple[TakenDecision, ...]:
        """Those that are kept, `MOST_DECISIONS` at most."""
        return tuple(self._decisions)

    def add(self, decision: TakenDecision) -> None:
        """Keep one more."""
        self._decisions.append(decision)
        if len(self._decisions) > MOST_DECISIONS:
            retries = (n for n, earlier in enumerate(self._decisions) if earlier.act is Act.RETRY)
            del self._decisions[next(retries, 0)]
            self.left_out += 1

    def carry_over(self) -> dict[str, Any]:
        """Return as JSON what the saga's next run needs to know."""
        decisions = [decision.model_dump(mode="json") for decision in self._decisions]
        return {"decisions": decisions, "left_out": self.left_out}

    def go_on_from(self, carry_over: dict[str, Any]) -> None:
        """Go on from where the run before had come."""
        self._decisions = [TakenDecision.model_validate(one) for one in carry_over["decisions"]]
        self.left_out = carry_over["left_out"]
