"""The decisions that one order's saga took, for the order's record."""

from contracts.acts import Act, TakenDecision, TakenDecisions

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

    def carry_over(self) -> TakenDecisions:
        """Return what the saga's next run needs to know."""
        return TakenDecisions(decisions=self.decisions, left_out=self.left_out)

    def go_on_from(self, before: TakenDecisions) -> None:
        """Go on from where the run before had come."""
        self._decisions = list(before.decisions)
        self.left_out = before.left_out
