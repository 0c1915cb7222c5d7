"""What the order service promises of its events.

One for each end of an order, in its own transaction, and no reader behind a cursor skips any.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from contracts.events import EventType, OrderEvent
from contracts.states import FailureReason
from participants.order import outbox
from participants.order.event_reads import read
from participants.order.service import OrderService
from participants.order.tables import EVENTS, METADATA
from temporal_saga.database import create_tables
from tests.commands import OTHER_ORDER, OUT_OF_STOCK, cancel, confirm, register, settled_confirm
from tests.concurrency import at_once
from tests.postgresql import PostgreSQL

FOR_EVER = timedelta(days=10_000)


def events_of(engine: sa.Engine, after: int = 0, owner: str | None = None) -> list[OrderEvent]:
    """Return all that is published by now behind a position."""
    outbox.publish(engine)
    return list(read(engine, after, 100, owner).events)


def prune(engine: sa.Engine, retention: timedelta = timedelta(0)) -> int:
    return outbox.prune(engine, datetime.now(UTC), retention)


def test_each_end_of_an_order_is_one_event_with_what_others_need(
    orders: OrderService, engine: sa.Engine
) -> None:
    """Confirmed or cancelled, once however often it is asked for; an open order is no event."""
    for order_id in "123":
        orders.register(register(order_id))
    orders.confirm(confirm("1"))
    orders.confirm(confirm("1"))
    orders.confirm(settled_confirm("1"))
    orders.cancel(cancel("2"))
    orders.cancel(cancel("2"))
    orders.cancel(cancel("4", OTHER_ORDER))
    orders.cancel(cancel("3", OTHER_ORDER))  # refused: the id is another's
    events = events_of(engine)
    assert [(event.position, event.type, event.data.order_id) for event in events] == [
        (1, EventType.COMPLETED, "1"),
        (2, EventType.FAILED, "2"),
        (3, EventType.FAILED, "4"),
    ]
    record = orders.find("1")
    assert record is not None
    first, second, foreign = events
    assert first.timestamp == record.closed_at
    data = first.data
    assert data.model_dump(include=set(type(data).model_fields) & set(dict(record))) == {
        name: getattr(record, name)
        for name in (
            *("order_id", "customer_id", "currency", "total_minor", "placed_at", "again_of"),
        )
    }
    assert (data.reason, data.customer_message) == (None, None)
    assert second.data.reason == OUT_OF_STOCK.reason
    assert "in stock" in (second.data.customer_message or "")
    assert len({event.id for event in events}) == 3
    assert events_of(engine, owner=OTHER_ORDER.customer_id) == [foreign]


def test_an_order_that_was_placed_again_names_the_failed_one(
    orders: OrderService, engine: sa.Engine
) -> None:
    """Whoever follows the failed one's id learns what became of it."""
    orders.cancel(cancel("7"))
    orders.register(register("7-again").model_copy(update={"again_of": "7"}))
    orders.confirm(confirm("7-again"))
    links = [(event.data.order_id, event.data.again_of) for event in events_of(engine)]
    assert links == [("7", None), ("7-again", "7")]


def test_a_reason_of_another_release_is_other(orders: OrderService, engine: sa.Engine) -> None:
    """An event stays readable whatever a participant refused with."""
    failure = OUT_OF_STOCK.model_copy(update={"reason": "NEVER_HEARD"})
    orders.cancel(cancel("7").model_copy(update={"failure": failure}))
    [event] = events_of(engine)
    assert event.data.reason is FailureReason.OTHER


def test_a_reset_that_takes_a_completed_order_back_is_told(
    orders: OrderService, engine: sa.Engine
) -> None:
    """Whoever was told that it is completed is told that it is not."""
    orders.register(register("7"))
    orders.confirm(confirm("7"))
    events_of(engine)
    orders.cancel(cancel("7"))
    assert [event.type for event in events_of(engine)] == [EventType.COMPLETED, EventType.FAILED]


def test_an_order_that_was_not_closed_is_no_event(orders: OrderService, engine: sa.Engine) -> None:
    """The event is in the order's own transaction: both are there, or neither."""
    orders.register(register("7"))
    with engine.begin() as connection:
        EVENTS.drop(connection)
    with pytest.raises(sa.exc.DBAPIError):
        orders.confirm(confirm("7"))
    record = orders.find("7")
    assert record is not None
    assert record.closed_at is None
    create_tables(engine, METADATA)
    orders.confirm(confirm("7"))
    assert len(events_of(engine)) == 1


def test_a_page_goes_on_where_the_last_ended(orders: OrderService, engine: sa.Engine) -> None:
    """Pages have every event once, and can be read again from the start."""
    for number in range(7):
        orders.cancel(cancel(str(number)))
    outbox.publish(engine)
    positions: list[int] = []
    while page := read(engine, positions[-1] if positions else 0, 3).events:
        positions += [event.position for event in page]
    assert positions == list(range(1, 8))
    assert [event.position for event in events_of(engine)] == positions


def test_what_commits_late_is_not_skipped(
    postgresql: PostgreSQL, open_engine: Callable[[str], sa.Engine]
) -> None:
    """Of two concurrent transactions the earlier event commits last, and comes behind the other.

    With a number from the insert, a reader that had seen the later one would never see it.
    """
    engine = open_engine(postgresql.create_database())
    orders = OrderService.open(engine)
    orders.register(register("late"))
    late = engine.connect()
    began = late.begin()
    outbox.add(late, EventType.COMPLETED, "late", datetime.now(UTC))
    orders.cancel(cancel("early"))
    assert [event.data.order_id for event in events_of(engine)] == ["early"]
    began.commit()
    late.close()
    assert [event.data.order_id for event in events_of(engine, after=1)] == ["late"]


def test_publishers_and_writers_at_once_leave_no_gap(
    orders: OrderService, engine: sa.Engine
) -> None:
    """A reader that follows while many close and publish sees each event once, in order."""
    count = 24
    positions: list[int] = []

    def follow() -> None:
        give_up = time.monotonic() + 60
        while len(positions) < count:
            assert time.monotonic() < give_up
            outbox.publish(engine)
            positions.extend(
                event.position
                for event in read(engine, positions[-1] if positions else 0, 5).events
            )

    def close(numbers: range) -> None:
        for number in numbers:
            orders.cancel(cancel(str(number)))
            outbox.publish(engine)

    acts: list[Callable[[], None]] = [partial(close, range(n, count, 3)) for n in range(3)]
    at_once([follow, *acts])
    assert positions == list(range(1, count + 1))


def test_old_events_go_and_their_positions_are_not_given_again(
    orders: OrderService, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A little at a time; a reader can tell that it missed some."""
    monkeypatch.setattr(outbox, "MOST_PRUNED", 2)
    for number in range(3):
        orders.cancel(cancel(str(number)))
    outbox.publish(engine)
    assert prune(engine, FOR_EVER) == 0
    assert [prune(engine) for _ in range(3)] == [2, 1, 0]
    orders.cancel(cancel("new"))
    outbox.publish(engine)
    page = read(engine, 0, 100)
    assert (
        [event.position for event in page.events],
        page.last_position,
        page.pruned_position,
    ) == ([4], 4, 3)
    orders.cancel(cancel("unpublished"))
    assert prune(engine) == 1  # what was never published stays
    assert [event.data.order_id for event in events_of(engine)] == ["unpublished"]
