"""How orders ended lately, as the order service counts it; and until when they await review."""

from collections.abc import Mapping
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from contracts.record import Failure
from contracts.states import OrderStatus
from participants.order import outcomes, reviews
from participants.order.outcomes import TimesToClose, Unit
from participants.order.reviews import ReviewTime
from participants.order.service import OrderService
from participants.order.tables import FENCE, ORDERS
from temporal_saga.database import reading
from tests.commands import ORDER, cancel, confirm, register

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
COMPLETED = OrderStatus.CONFIRMED
FAILED = OrderStatus.CANCELLED


def close(  # noqa: PLR0913  # what a test does not care about has defaults
    orders: OrderService,
    engine: sa.Engine,
    order_id: str,
    at: datetime,
    *,
    reason: str | None = None,
    seconds: float = 1,
    customer_id: str = "17850",
) -> None:
    """Have an order close at a time, so many seconds after it was placed."""
    order = ORDER.model_copy(update={"customer_id": customer_id})
    orders.register(register(order_id, order))
    if reason is None:
        orders.confirm(confirm(order_id))
    else:
        failure = Failure(reason=reason, message="no")
        orders.cancel(cancel(order_id, order, failure=failure))
    with engine.begin() as connection:
        times = {"placed_at": at - timedelta(seconds=seconds), "closed_at": at}
        row = sa.update(ORDERS).where(ORDERS.c.order_id == order_id)
        connection.execute(row.values(**times))


def test_what_closed_is_counted_by_time_and_reason(orders: OrderService, engine: sa.Engine) -> None:
    """From the first instant of a time on, and before its end; a customer's own alone."""
    tick = timedelta(microseconds=1)
    close(orders, engine, "before", NOON - tick)
    close(orders, engine, "first", NOON)
    close(orders, engine, "poor", NOON + timedelta(minutes=1), reason="INSUFFICIENT_FUNDS")
    close(orders, engine, "other", NOON + timedelta(minutes=59), customer_id="13047")
    close(orders, engine, "last", NOON + timedelta(hours=1) - tick)
    close(orders, engine, "after", NOON + timedelta(hours=1))
    orders.register(register("open"))
    reads = orders.outcomes
    hour = (NOON, NOON + timedelta(hours=1))
    completion = (COMPLETED, None)
    refusal = (FAILED, "INSUFFICIENT_FUNDS")
    assert reads.counts(*hour, Unit.MINUTE) == {
        NOON: {completion: 1},
        NOON + timedelta(minutes=1): {refusal: 1},
        NOON + timedelta(minutes=59): {completion: 2},
    }
    assert reads.counts(*hour, Unit.HOUR) == {NOON: {completion: 3, refusal: 1}}
    assert reads.counts(*hour, Unit.HOUR, "13047") == {NOON: {completion: 1}}
    midnight = NOON.replace(hour=0)
    day = reads.counts(midnight, midnight + timedelta(days=1), Unit.DAY)
    assert day == {midnight: {completion: 5, refusal: 1}}


def test_how_long_orders_took_is_exact(
    orders: OrderService, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By nearest rank, of those that completed and of those that failed; of many the last ones."""
    for number in range(1, 21):
        close(orders, engine, f"c{number}", NOON + timedelta(minutes=number), seconds=number)
    close(orders, engine, "f", NOON + timedelta(minutes=21), reason="OUT_OF_STOCK", seconds=0.25)
    close(orders, engine, "early", NOON - timedelta(minutes=1), seconds=900, customer_id="13047")
    times = orders.outcomes.times(NOON)
    assert seconds_of(times) == {COMPLETED: (20, 10, 19), FAILED: (1, 0.25, 0.25)}
    own = orders.outcomes.times(NOON - timedelta(hours=1), "13047")
    assert seconds_of(own) == {COMPLETED: (1, 900, 900)}
    assert orders.outcomes.times(NOON + timedelta(hours=1)) == {}
    monkeypatch.setattr(outcomes, "MOST_TIMED", 5)
    assert seconds_of(orders.outcomes.times(NOON)) == {
        COMPLETED: (4, 18, 20),
        FAILED: (1, 0.25, 0.25),
    }


def seconds_of(times: Mapping[OrderStatus, TimesToClose]) -> dict[OrderStatus, tuple[float, ...]]:
    return {
        status: tuple(round(value, 3) for value in astuple(each)) for status, each in times.items()
    }


def test_what_closed_lately_is_found_in_an_index(orders: OrderService, engine: sa.Engine) -> None:
    """Of a table that is large nothing else is read, but for the orders that failed."""
    close(orders, engine, "one", NOON)
    end = NOON + timedelta(days=1)
    for query in (outcomes.counts(NOON, end, Unit.DAY, None), outcomes.times(NOON, None)):
        how = plan(engine, query)
        assert "orders_by_closed" in how
        assert not any(scan in how for scan in ("SCAN orders", "Seq Scan on orders"))


def plan(engine: sa.Engine, query: sa.Select[tuple[object]]) -> str:
    """Return how the database would answer, if its table were large."""
    with reading(engine) as connection:
        is_postgresql = connection.dialect.name == "postgresql"
        if is_postgresql:
            connection.exec_driver_sql("SET enable_seqscan = off")
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN" if is_postgresql else "EXPLAIN QUERY PLAN"
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {text}"))


def test_how_long_an_order_awaits_review_is_on_record(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was answered, whatever the setting is now; of others nothing is told."""
    monkeypatch.setattr(reviews, "KEYS_AT_ONCE", 2)
    threshold = ORDER.total_minor
    OrderService.open(engine).register(register("free"))
    strict = OrderService.open(engine, review_threshold_minor=threshold, review_seconds=600)
    strict.register(register("seven"))
    OrderService.open(engine, review_threshold_minor=threshold).register(register("seven"))
    with reading(engine) as connection:
        key = sa.select(FENCE.c.at).where(FENCE.c.key == "order-seven/RegisterOrder")
        at = connection.execute(key).scalar_one()
    times = strict.reviews.times(["free", "seven", "nobody", "x", "y"])
    length = timedelta(minutes=10)
    assert times == {"seven": ReviewTime(length, at + length)}
    assert strict.reviews.times([]) == {}
