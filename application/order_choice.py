"""Which orders an act on many means, of all that a filter finds."""

from collections.abc import Collection
from dataclasses import dataclass

from application.run import Run
from contracts.record import OrderEntry
from participants.order.filters import reason_of


@dataclass(frozen=True)
class Narrowing:
    """What an act leaves out of what a filter finds.

    Args:
        stuck_at: all but orders that are stuck at this step; None leaves none out by it.
        without_reasons: orders that failed for one of these.
    """

    stuck_at: str | None = None
    without_reasons: Collection[str] = ()

    def keeps(self, entry: OrderEntry, run: Run | None) -> bool:
        """Tell whether an order is meant, by its record and its saga's run."""
        if entry.failure is not None and reason_of(entry.failure) in self.without_reasons:
            return False
        stuck_steps = [retriable.step for retriable in run.stuck_retriables] if run else []
        return self.stuck_at is None or self.stuck_at in stuck_steps


EVERY_ONE = Narrowing()
