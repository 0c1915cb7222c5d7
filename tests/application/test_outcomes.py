"""What became of the orders that closed lately: charted by minutes, hours and days."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from application import outcomes
from application.outcomes import ClosedOrders
from contracts.overview import LatelyClosed, Span
from contracts.states import SagaState
from participants.order.outcomes import Counts, OutcomeReads, Unit
from participants.order.service import OrderService
from participants.order.tables import ORDERS
from tests.commands import START, confirm, register

NOW = datetime.now(UTC)


class CountedReads(OutcomeReads):
    """Notes which times were read."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self.queries: list[tuple[datetime, datetime]] = []

    def counts(
        self, first: datetime, end: datetime, unit: Unit, owner: str | None = None
    ) -> dict[datetime, Counts]:
        """Note the time, and count."""
        self.queries.append((first, end))
        return super().counts(first, end, unit, owner)


@pytest.fixture
def engine(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> sa.Engine:
    """Give a database with orders that closed now, three and forty days ago."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    for number, age in enumerate((timedelta(), timedelta(days=3), timedelta(days=40))):
        close(OrderService.open(engine), engine, str(number), NOW - age)
    return engine


def close(orders: OrderService, engine: sa.Engine, order_id: str, at: datetime) -> None:
    """Have an order complete at a time."""
    orders.register(register(order_id, start=START))
    orders.confirm(confirm(order_id))
    with engine.begin() as connection:
        row = sa.update(ORDERS).where(ORDERS.c.order_id == order_id)
        connection.execute(row.values(closed_at=at, placed_at=at - timedelta(seconds=2)))


def completions(lately: LatelyClosed) -> list[int]:
    return [each.completions for each in lately.outcomes]


@pytest.mark.parametrize(
    ("span", "parts", "width", "total"),
    [
        (Span.HOUR, 60, timedelta(minutes=1), 1),
        (Span.DAY, 24, timedelta(hours=1), 1),
        (Span.MONTH, 30, timedelta(days=1), 2),
    ],
)
async def test_a_span_ends_now(
    engine: sa.Engine, span: Span, parts: int, width: timedelta, total: int
) -> None:
    """Its parts follow each other, the last one is not over, and times without orders are there."""
    lately = await ClosedOrders(OutcomeReads(engine)).read(span)
    times = [each.at for each in lately.outcomes]
    assert times == [times[0] + width * part for part in range(parts)]
    assert times[-1] <= lately.as_of < times[-1] + width
    assert sum(completions(lately)) == total
    assert lately.time_to_close[SagaState.COMPLETED].count == total


async def test_what_is_over_is_counted_once(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One query reads a day at most, and the next look only what may have changed."""
    monkeypatch.setattr(outcomes, "FRESH_SECONDS", 0)
    reads = CountedReads(engine)
    closed_orders = ClosedOrders(reads)
    first = await closed_orders.read(Span.MONTH)
    assert all(end - begin <= timedelta(days=1) for begin, end in reads.queries)
    assert len(reads.queries) == 30
    close(OrderService(engine), engine, "new", datetime.now(UTC))
    reads.queries.clear()
    second = await closed_orders.read(Span.MONTH)
    assert 1 <= len(reads.queries) <= 3  # today, and yesterday where it ended a moment ago
    assert sum(completions(second)) == sum(completions(first)) + 1
    monkeypatch.setattr(closed_orders, "_forget_at", 0.0)
    reads.queries.clear()
    assert completions(await closed_orders.read(Span.MONTH)) == completions(second)
    assert len(reads.queries) == 30


async def test_whoever_asks_at_one_time_is_answered_by_one_look(engine: sa.Engine) -> None:
    """A customer's own orders are counted for them alone."""
    reads = CountedReads(engine)
    closed_orders = ClosedOrders(reads)
    await asyncio.gather(*(closed_orders.read(Span.DAY) for _ in range(20)))
    assert len(reads.queries) == 1
    own = await closed_orders.read(Span.DAY, "13047")
    assert sum(completions(own)) == 0
    assert own.time_to_close == {}
    assert len(reads.queries) == 2
