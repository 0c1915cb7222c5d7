"""Who is called before a review expires, and what list and view say of it."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from application.expiring_reviews import ExpiringReviews, need_of
from application.listed_order import provisional_entry, standing_of
from application.needs import Need
from application.order_view import view_of_run
from contracts.states import SagaState
from participants.order.reviews import ReviewReads, ReviewTime
from tests.application.order_runs import LINKS, run

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


class OnRecord(ReviewReads):
    """The reviews of a database, made by hand; notes which orders were read."""

    def __init__(self, **ends: timedelta) -> None:
        super().__init__(sa.create_engine("sqlite://"))
        self.queries: list[list[str]] = []
        self._ends = ends

    def times(self, order_ids: Collection[str]) -> dict[str, ReviewTime]:
        """Note the orders, and answer for those that were given."""
        self.queries.append(list(order_ids))
        return {
            order_id: ReviewTime(24 * HOUR, NOW + self._ends[order_id])
            for order_id in order_ids
            if order_id in self._ends
        }


@pytest.mark.parametrize(
    ("length", "left", "is_due"),
    [
        (24 * HOUR, 2 * HOUR + timedelta(seconds=1), False),
        (24 * HOUR, 2 * HOUR, True),
        (24 * HOUR, -HOUR, True),  # its worker was away: it may still be approved
        (HOUR, HOUR / 2 + timedelta(seconds=1), False),
        (HOUR, HOUR / 2, True),
    ],
)
def test_a_review_is_due_before_its_end(length: timedelta, left: timedelta, is_due: bool) -> None:
    """By the warning, and of a short review for its second half."""
    need = need_of(ReviewTime(length, NOW + left), 2 * HOUR, NOW)
    assert (need is not None) is is_due
    if need is not None:
        assert need.since == NOW + left - min(2 * HOUR, length / 2)
        assert f"{NOW + left:%Y-%m-%d %H:%M:%S} UTC: approve or reject it" in need.message


async def test_how_long_an_order_waits_is_read_once() -> None:
    """While it awaits review; nothing is read where nobody wants to be called."""
    reads = OnRecord(due=HOUR, later=5 * HOUR)
    reviews = ExpiringReviews(reads, 2 * HOUR)
    for _ in range(2):
        assert set(await reviews.needs(["due", "later", "unknown"])) == {"due"}
    assert reads.queries == [["due", "later", "unknown"]]
    await reviews.needs(["new", "due"])
    await reviews.needs(["later", "due"])
    assert reads.queries[1:] == [["new"], ["later"]]
    need = await reviews.need("due", SagaState.AWAITING_REVIEW)
    assert need is not None
    assert need.cause == "REVIEW_EXPIRING"
    assert await reviews.need("later", SagaState.AWAITING_REVIEW) is None
    assert await reviews.need("due", SagaState.PENDING) is None
    never = ExpiringReviews(reads, timedelta())
    assert await never.needs(["due"]) == {}
    assert await never.need("due", SagaState.AWAITING_REVIEW) is None


def test_list_and_view_show_it_while_the_order_awaits_review() -> None:
    """An order that was approved meanwhile does not need anybody."""
    need = need_of(ReviewTime(HOUR, NOW), HOUR, NOW)
    assert need is not None
    in_review = run("AWAITING_REVIEW")
    entry = provisional_entry("7", in_review)
    assert standing_of(entry, in_review, Need(need, None)).attention == need
    approved_run = run("PENDING")
    assert standing_of(entry, approved_run, Need(need, None)).attention is None
    view = view_of_run("7", in_review, LINKS, expiring=need)
    assert (view.needs_attention, view.attention) == (True, need)
