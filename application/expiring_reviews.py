"""Reviews that end soon: a person is called before the order fails for want of one."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from application.threads import on_thread
from contracts.states import SagaState
from contracts.views import Attention, AttentionCause
from participants.order.reviews import ReviewReads, ReviewTime


class ExpiringReviews:
    """Knows which of the orders that await review are due.

    How long an order waits is on record and never changes: it is read once while it is awaited.
    """

    def __init__(self, reads: ReviewReads, warning: timedelta) -> None:
        """Read from `reads`; call for an order so long before its review ends.

        Of a short review, for its second half.
        """
        self._reads = reads
        self._warning = warning
        self._times: dict[str, ReviewTime | None] = {}

    async def needs(self, order_ids: Collection[str]) -> dict[str, Attention]:
        """Return why these orders need a person, those that await review now, as far as they do.

        Raises:
            Exception: the order service's database does not answer.
        """
        if not self._warning:
            return {}
        new = [order_id for order_id in order_ids if order_id not in self._times]
        new_times = await on_thread(self._reads.times, new) if new else {}
        times = self._times | {order_id: new_times.get(order_id) for order_id in new}
        self._times = {order_id: times[order_id] for order_id in order_ids}
        now = datetime.now(UTC)
        needs = {
            order_id: need_of(time, self._warning, now)
            for order_id, time in self._times.items()
            if time is not None
        }
        return {order_id: need for order_id, need in needs.items() if need is not None}

    async def need(self, order_id: str, state: SagaState) -> Attention | None:
        """Return why one order needs a person, if it awaits review and that ends soon.

        Raises:
            Exception: as in `needs`.
        """
        if state is not SagaState.AWAITING_REVIEW or not self._warning:
            return None
        times = await on_thread(self._reads.times, [order_id])
        time = times.get(order_id)
        return time and need_of(time, self._warning, datetime.now(UTC))


def need_of(time: ReviewTime, warning: timedelta, now: datetime) -> Attention | None:
    """Return that a review ends soon, and what helps; None while there is time."""
    since = time.ends_at - min(warning, time.length / 2)
    if now < since:
        return None
    message = (
        f"its review ends at {time.ends_at:%Y-%m-%d %H:%M:%S} UTC: approve or reject it before; "
        "then it fails with REVIEW_EXPIRED, and nothing is charged"
    )
    return Attention(cause=AttentionCause.REVIEW_EXPIRING, since=since, message=message)
