"""The order service's events, as its front doors read and keep them."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from participants.order import event_reads, outbox
from participants.order.event_reads import EventPage


class OrderEvents:
    """The events of one order database."""

    def __init__(self, engine: sa.Engine) -> None:
        """Keep the events of the database behind `engine`, which has its tables."""
        self._engine = engine

    def page(self, after: int, limit: int, owner: str | None = None) -> EventPage:
        """Publish what is committed, and return the events behind a position, the oldest first.

        Args:
            after: 0 for the oldest that there is.
            limit: so many at most.
            owner: the customer whose orders alone they shall be about.
        """
        outbox.publish(self._engine)
        return event_reads.read(self._engine, after, limit, owner)

    def keep(self, retention: timedelta) -> int:
        """Publish what is committed, and delete what is older than the retention, a little of each.

        Return how many events are deleted.
        """
        outbox.publish(self._engine)
        return outbox.prune(self._engine, datetime.now(UTC), retention)
