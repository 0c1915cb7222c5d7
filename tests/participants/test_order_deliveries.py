"""What the order service promises of deliveries: one sender at a time, nothing lost between two."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from contracts.events import EventType
from participants.order import outbox
from participants.order.deliveries import Backlog, Batch, Deliveries
from participants.order.service import OrderService
from participants.order.tables import EVENTS, WEBHOOK_RECEIVERS, WEBHOOK_RETRIES
from tests.commands import cancel, confirm, register
from tests.concurrency import at_once

ALL = tuple(EventType)
NOW = 0.0
LATER = 3_600.0


@pytest.fixture
def sender(orders: OrderService, engine: sa.Engine) -> Deliveries:
    """Give a sender that knows the receiver `shop`; one order ended before that."""
    orders.cancel(cancel("before"))
    sender = Deliveries(engine, "one")
    sender.add("shop")
    return sender


def take(
    sender: Deliveries, most: int = 4, types: tuple[EventType, ...] = ALL, secret: str = "secret"
) -> Batch:
    """Take what is to be sent, which must be allowed."""
    batch = sender.take("shop", secret, types, most)
    assert batch is not None
    return batch


def ids(batch: Batch) -> list[str]:
    return [delivery.event.data.order_id for delivery in batch.deliveries]


def lapse(engine: sa.Engine) -> None:
    """Let every lease run out, as it does when its sender is dead."""
    with engine.begin() as connection:
        past = datetime.now(UTC) - timedelta(hours=1)
        connection.execute(sa.update(WEBHOOK_RECEIVERS).values(held_until=past))


def test_a_new_receiver_is_sent_what_happens_from_now_on(
    sender: Deliveries, orders: OrderService
) -> None:
    """Each event once, in order, and only of the types that it asked for."""
    assert ids(take(sender)) == []
    orders.cancel(cancel("1"))
    orders.register(register("2"))
    orders.confirm(confirm("2"))
    orders.cancel(cancel("3"))
    only_failed = (EventType.FAILED,)
    batch = take(sender, 2, only_failed)
    assert ids(batch) == ["1", "3"]
    assert sender.record("shop", batch.through, [2, 4], {})
    sender.add("shop")  # as each start of a sender does
    assert take(sender, 2, only_failed) == Batch((), 4, 4)


def test_what_waits_for_a_receiver_is_known(
    sender: Deliveries, orders: OrderService, engine: sa.Engine
) -> None:
    """What it did not take, and what is new to it of its types; how old, and whether it is off."""
    assert sender.backlog("shop", "secret", ALL) == Backlog(0, timedelta(0), is_off=False)
    assert sender.backlog("unknown", "secret", ALL) == Backlog(0, timedelta(0), is_off=False)
    orders.cancel(cancel("1"))
    batch = take(sender)
    assert sender.record("shop", batch.through, [], {2: LATER})
    orders.cancel(cancel("2"))
    orders.register(register("3"))
    orders.confirm(confirm("3"))
    outbox.publish(engine)
    hour = timedelta(hours=1)
    with engine.begin() as connection:
        first = sa.update(EVENTS).where(EVENTS.c.position == 2)
        connection.execute(first.values(at=datetime.now(UTC) - hour))
    backlog = sender.backlog("shop", "secret", ALL)
    assert (backlog.events, backlog.is_off) == (3, False)
    assert hour <= backlog.oldest < 2 * hour
    assert sender.backlog("shop", "secret", (EventType.FAILED,)).events == 2
    sender.turn_off("shop", "secret")
    assert sender.backlog("shop", "secret", ALL).is_off
    assert not sender.backlog("shop", "another", ALL).is_off
    batch = take(sender, secret="another")
    assert sender.record("shop", batch.through, [2, 3, 4], {})
    assert sender.backlog("shop", "secret", ALL).events == 0


def test_what_was_taken_and_not_recorded_is_taken_again(
    sender: Deliveries, orders: OrderService, engine: sa.Engine
) -> None:
    """A sender that dies loses nothing; a second one waits for its lease, and takes the same."""
    orders.cancel(cancel("1"))
    batch = take(sender)
    second = Deliveries(engine, "two")
    assert second.take("shop", "secret", ALL, 4) is None
    lapse(engine)
    assert take(second) == batch
    assert not sender.record("shop", batch.through, [2], {})  # it came too late
    assert sender.take("shop", "secret", ALL, 4) is None
    assert take(second) == batch
    assert second.record("shop", batch.through, [2], {})
    second.release("shop")
    assert ids(take(sender)) == []


@pytest.mark.usefixtures("sender")
def test_of_many_senders_one_has_a_receiver(engine: sa.Engine) -> None:
    """However they cross."""
    lapse(engine)
    senders = [Deliveries(engine, f"sender {number}") for number in range(6)]
    takes: list[Callable[[], Batch | None]] = [
        partial(one.take, "shop", "secret", ALL, 4) for one in senders
    ]
    assert sum(batch is not None for batch in at_once(takes)) == 1


def test_what_was_not_taken_comes_again_and_stops_nothing_else(
    sender: Deliveries, orders: OrderService
) -> None:
    """It is due by its own time, with how often it was tried; new events are sent meanwhile."""
    for number in range(1, 4):
        orders.cancel(cancel(str(number)))
    batch = take(sender)
    assert ids(batch) == ["1", "2", "3"]
    sender.record("shop", batch.through, [3], {2: NOW, 4: LATER})
    orders.cancel(cancel("new"))
    batch = take(sender)
    assert [(delivery.event.data.order_id, delivery.tries) for delivery in batch.deliveries] == [
        ("1", 1),
        ("new", 0),
    ]
    sender.record("shop", batch.through, [5], {2: NOW})
    [again] = take(sender).deliveries
    assert (again.event.position, again.tries) == (2, 2)
    sender.record("shop", batch.through, [2], {})
    assert ids(take(sender)) == []


def test_once_a_receiver_is_back_all_that_waits_is_due(
    sender: Deliveries, orders: OrderService
) -> None:
    """However long it was away, and would have been waited for; but for what failed just now."""
    for number in range(3):
        orders.cancel(cancel(str(number)))
    through = take(sender).through
    sender.record("shop", through, [], {2: LATER, 3: LATER, 4: NOW})
    assert ids(take(sender)) == ["2"]
    sender.record("shop", through, [4], {3: LATER}, is_back=True)
    assert ids(take(sender)) == ["0"]


def test_new_events_have_half_of_each_batch(sender: Deliveries, orders: OrderService) -> None:
    """However much is to be sent again, and the other way round."""
    for number in range(6):
        orders.cancel(cancel(str(number)))
    batch = take(sender, 3)
    sender.record("shop", batch.through, [], {one.event.position: NOW for one in batch.deliveries})
    assert [one.tries for one in take(sender, 4).deliveries] == [1, 1, 0, 0]


def test_what_a_newer_release_wrote_stops_nothing(
    sender: Deliveries, orders: OrderService, engine: sa.Engine
) -> None:
    """After a way back to this release: types are left to the newer one, a cause is left out."""
    for number in range(3):
        orders.cancel(cancel(str(number)))
    sender.record("shop", take(sender).through, [], {2: NOW, 3: NOW, 4: NOW})
    with engine.begin() as connection:
        newer = sa.update(EVENTS).where(EVENTS.c.position < 4)
        connection.execute(newer.values(type="order.of_tomorrow", detail={"reason": 7}))
        call = sa.update(EVENTS).where(EVENTS.c.position == 4)
        detail = {"cause": "OF_TOMORROW", "message": "retry it", "times": 1}
        connection.execute(call.values(type=EventType.NEEDS_ATTENTION, detail=detail))
    [delivery] = take(sender, 2).deliveries
    data = delivery.event.data
    assert (data.order_id, data.cause, data.message) == ("2", None, "retry it")


def test_who_is_off_is_sent_nothing_until_its_secret_is_new(
    sender: Deliveries, orders: OrderService
) -> None:
    """Then it is sent what it has not had, and how long it did not take it counts anew."""
    for number in range(2):
        orders.cancel(cancel(str(number)))
    batch = take(sender, 1)
    sender.record("shop", batch.through, [], {2: NOW})
    sender.turn_off("shop", "secret")
    assert sender.take("shop", "secret", ALL, 4) is None
    batch = take(sender, secret="new secret")
    assert ids(batch) == ["0", "1"]
    assert [one.age for one in batch.deliveries] == [None, None]
    sender.record("shop", batch.through, [], {2: NOW, 3: NOW})
    batch = take(sender, secret="new secret")
    assert [one.age is None for one in batch.deliveries] == [False, False]


def test_what_was_deleted_before_it_was_sent_is_missing(
    sender: Deliveries, orders: OrderService, engine: sa.Engine
) -> None:
    """The receiver was off for longer than events are kept; it is counted once."""
    for number in range(3):
        orders.cancel(cancel(str(number)))
    outbox.publish(engine)
    outbox.prune(engine, datetime.now(UTC), timedelta(0))
    batch = take(sender)
    assert (batch.deliveries, batch.missing) == ((), 3)
    sender.record("shop", batch.through, [], {})
    assert take(sender) == Batch((), 4, 4)


def test_what_is_pruned_is_not_sent_again(
    sender: Deliveries,
    orders: OrderService,
    engine: sa.Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No row is left for an event that is deleted, and the log says so."""
    orders.cancel(cancel("1"))
    batch = take(sender)
    sender.record("shop", batch.through, [], {2: NOW})
    outbox.prune(engine, datetime.now(UTC), timedelta(0))
    assert ids(take(sender)) == []
    with engine.connect() as connection:
        assert connection.execute(sa.select(WEBHOOK_RETRIES)).all() == []
    assert "1 webhooks were not taken" in caplog.text
