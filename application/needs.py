"""Which orders need a person, as one look found them."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

from application.run import Run
from contracts.states import SagaState
from contracts.views import Attention, AttentionCause
from temporal_saga.memo import RetriableState

AGE_SHOWN_SECONDS = 20
"""What was found longer ago than this is told with its age."""


@dataclass(frozen=True)
class Need:
    """An order's need of a person, and the last run of its saga, if one is known."""

    attention: Attention
    run: Run | None

    @property
    def state(self) -> SagaState:
        """The state that the order's saga showed last, as far as that is known."""
        if self.attention.cause is AttentionCause.REVIEW_EXPIRING:
            return SagaState.AWAITING_REVIEW
        return self.run.state if self.run else SagaState.PENDING

    @property
    def stuck_retriable(self) -> RetriableState | None:
        """What keeps failing, of several the first; None where that is not why, or not known."""
        is_stuck = self.attention.cause is AttentionCause.STUCK
        retriables = self.run.stuck_retriables if self.run and is_stuck else []
        return next(iter(retriables), None)


@dataclass(frozen=True)
class Needs:
    """What one look found.

    Args:
        by_order: the needs by the orders that have them.
        counts: how many there are, by cause.
        at: when that was, in UTC.
        looked_at: when the look began, by the clock that never goes back.
        complete: whether these are all that there are.
    """

    by_order: Mapping[str, Need]
    counts: Mapping[AttentionCause, int]
    at: datetime
    looked_at: float
    complete: bool = True

    def among(self, order_ids: Collection[str]) -> "Needs":
        """Return what was found of these orders alone."""
        by_order = {
            order_id: need for order_id, need in self.by_order.items() if order_id in order_ids
        }
        return replace(self, by_order=by_order, counts=count_causes(by_order))

    @property
    def count(self) -> int:
        """How many orders need a person."""
        return sum(self.counts.values())

    @property
    def since(self) -> datetime | None:
        """The longest that one has needed a person, as far as that is known."""
        times = [need.attention.since for need in self.by_order.values() if need.attention.since]
        return min(times, default=None)

    @property
    def age_seconds(self) -> float:
        """How long ago that was."""
        return monotonic() - self.looked_at

    def left_open(self, state: SagaState) -> dict[str, Need]:
        """Return the orders on which nobody works, and whose sagas showed this state last."""
        return {
            order_id: need
            for order_id, need in self.by_order.items()
            if need.attention.cause is AttentionCause.LEFT_OPEN and need.state is state
        }

    def warning(self) -> str | None:
        """Return in words that this was found a while ago, if it was."""
        if self.age_seconds <= AGE_SHOWN_SECONDS:
            return None
        return (
            "Temporal is slow to answer: "
            f"what needs attention is as it was {self.age_seconds:.0f} s ago"
        )


def count_causes(by_order: Mapping[str, Need]) -> dict[AttentionCause, int]:
    """Return how many needs there are of each cause."""
    causes = Counter(need.attention.cause for need in by_order.values())
    return {cause: causes[cause] for cause in AttentionCause}
