"""What the order service promises of calls for a person: once each, and again while nobody came."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from contracts.events import EventType, OrderEvent
from contracts.views import AttentionCause
from participants.order.calls import Call, Calls
from participants.order.events import OrderEvents
from participants.order.service import OrderService
from participants.order.tables import CALLS
from tests.commands import ORDER, register
from tests.concurrency import at_once

HOURS = (timedelta(hours=1), timedelta(hours=4))


def needing(*order_ids: str, cause: str = "STUCK") -> Mapping[str, Mapping[str, object]]:
    """Return that orders need a person."""
    need = {"cause": cause, "message": "retry it", "since": "2026-01-05T09:30:00Z"}
    return dict.fromkeys(order_ids, need)


@pytest.fixture
def calls(orders: OrderService, engine: sa.Engine) -> Calls:
    """Give the calls of a database with the orders 1 and 2."""
    for order_id in "12":
        orders.register(register(order_id))
    return Calls(engine, HOURS)


def look(calls: Calls, needs: Mapping[str, Mapping[str, object]]) -> list[Call]:
    """Make the calls for what needs a person just now."""
    return calls.make(needs, datetime.now(UTC))


def times(some: list[Call]) -> list[tuple[str, int]]:
    return [(call.order_id, call.times) for call in some]


def let_pass(engine: sa.Engine, pause: timedelta) -> None:
    """Let so much time pass for every call."""
    with engine.begin() as connection:
        for row in connection.execute(sa.select(CALLS)).all():
            call = sa.update(CALLS).where(CALLS.c.order_id == row.order_id)
            connection.execute(call.values(next_at=row.next_at - pause))


def events(engine: sa.Engine, owner: str | None = None) -> list[OrderEvent]:
    return list(OrderEvents(engine).page(0, 100, owner).events)


def test_a_person_is_called_once_and_again_after_the_set_times(
    calls: Calls, engine: sa.Engine
) -> None:
    """However often one looks; each call is an event, which the order's customer is not told."""
    assert times(look(calls, needing("1"))) == [("1", 1)]
    assert times(look(calls, needing("1", "2"))) == [("2", 1)]
    assert look(calls, needing("1", "2")) == []
    for pause, time in ((HOURS[0], 2), (HOURS[1], 3), (HOURS[1], 4)):
        let_pass(engine, pause - timedelta(minutes=1))
        assert look(calls, needing("1", "2")) == []
        let_pass(engine, timedelta(minutes=1))
        assert times(look(calls, needing("1", "2"))) == [("1", time), ("2", time)]
    call_events = events(engine)
    assert len(call_events) == len({event.id for event in call_events}) == 8
    assert {event.type for event in call_events} == {EventType.NEEDS_ATTENTION}
    data = call_events[-1].data
    assert (data.cause, data.message, data.times) == (AttentionCause.STUCK, "retry it", 4)
    assert (data.customer_id, data.since) == (
        ORDER.customer_id,
        datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
    )
    assert events(engine, ORDER.customer_id) == []


def test_an_order_that_needs_a_person_anew_is_called_for_anew(
    calls: Calls, engine: sa.Engine
) -> None:
    """It was put right meanwhile, or the cause is another one."""
    assert times(look(calls, needing("1"))) == [("1", 1)]
    assert look(calls, {}) == []
    assert times(look(calls, needing("1"))) == [("1", 1)]
    assert times(look(calls, needing("1", cause="LEFT_OPEN"))) == [("1", 1)]
    assert len({event.id for event in events(engine)}) == 3


def test_an_old_or_partial_look_ends_no_call(calls: Calls, engine: sa.Engine) -> None:
    """Of two APIs one may have looked before the order needed a person, or not at all orders."""
    began_at = datetime.now(UTC)
    assert times(look(calls, needing("1"))) == [("1", 1)]
    other = Calls(engine, HOURS)
    assert other.make({}, began_at) == []
    assert other.make(needing("1", cause="WEDGED"), began_at) == []
    assert other.make({}, datetime.now(UTC), is_complete=False) == []
    assert look(calls, needing("1")) == []
    assert len(events(engine)) == 1


@pytest.mark.usefixtures("orders")
def test_one_call_is_made_where_no_time_is_set(engine: sa.Engine) -> None:
    """Whoever wants no reminder gets none; an order that is not on record yet is called for."""
    calls = Calls(engine, ())
    assert len(look(calls, needing("unknown"))) == 1
    let_pass(engine, timedelta(days=10_000))
    assert look(calls, needing("unknown")) == []
    [event] = events(engine)
    assert (event.data.order_id, event.data.placed_at) == ("unknown", None)


def test_of_many_who_look_at_once_one_calls(calls: Calls, engine: sa.Engine) -> None:
    """For each order, the first time and again."""
    others = [Calls(engine, HOURS) for _ in range(5)]
    for time in (1, 2):
        looks: list[Callable[[], list[Call]]] = [
            partial(look, one, needing("1", "2")) for one in (calls, *others)
        ]
        pairs = [call for result in at_once(looks) for call in times(result)]
        assert sorted(pairs) == [("1", time), ("2", time)]
        let_pass(engine, HOURS[0])
