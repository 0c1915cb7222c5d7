"""Until when orders wait for a person's approval: as it was answered when they were registered."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from contracts.ids import saga_id
from contracts.order import OrderRegisteredEvent
from participants.order.tables import FENCE
from temporal_saga.database import reading
from temporal_saga.keys import step_key

REGISTRATION = "RegisterOrder"
"""The step whose answer says how long an order waits."""

KEYS_AT_ONCE = 1_000


class ReviewTime(NamedTuple):
    """How long an order waits for a person, and when that is over, at the earliest.

    The saga waits from when it hears the answer, which is later than it was given: by moments, and
    by more where the saga's worker was away or the saga was reset.
    """

    length: timedelta
    ends_at: datetime


class ReviewReads:
    """What can be asked of orders that wait for a person's approval."""

    def __init__(self, engine: sa.Engine) -> None:
        """Read from the order service's database behind `engine`."""
        self._engine = engine

    def times(self, order_ids: Collection[str]) -> dict[str, ReviewTime]:
        """Return how long these orders wait; those that need no review are left out."""
        order_of = {step_key(saga_id(order_id), REGISTRATION): order_id for order_id in order_ids}
        keys = list(order_of)
        with reading(self._engine) as connection:
            rows = [
                row
                for first in range(0, len(keys), KEYS_AT_ONCE)
                for row in connection.execute(_answers(keys[first : first + KEYS_AT_ONCE]))
            ]
        times: dict[str, ReviewTime] = {}
        for row in rows:
            seconds = OrderRegisteredEvent.model_validate_json(row.answer).review_seconds
            if seconds is not None:
                length = timedelta(seconds=seconds)
                times[order_of[row.key]] = ReviewTime(length, row.at + length)
        return times


def _answers(keys: Collection[str]) -> sa.Select[tuple[str, str, datetime]]:
    is_answer = FENCE.c.key.in_(keys) & (FENCE.c.outcome == "APPLIED")
    return sa.select(FENCE.c.key, FENCE.c.answer, FENCE.c.at).where(is_answer)
