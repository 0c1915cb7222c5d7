"""What is to be sent to each receiver of webhooks, who sends it, and what became of it.

One sender at a time has a receiver, by a lease. It takes a few events, sends them, and records what
became of them in one transaction with how far it has come. So nothing is lost when it dies between
the two: whoever has the lease next sends the same events again, under the same ids.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from contracts.events import EventType, OrderEvent
from participants.order import event_reads, outbox
from participants.order.tables import EVENT_LOG, EVENTS, WEBHOOK_RECEIVERS, WEBHOOK_RETRIES
from temporal_saga.database import insert_into, insert_new, reading

LEASE = timedelta(seconds=30)
RENEWED_BEFORE = timedelta(seconds=20)
"""A lease with less left than this is renewed first: events are sent and recorded within it."""

MOST_COUNTED = 10_000

RECEIVERS = WEBHOOK_RECEIVERS.c
RETRIES = WEBHOOK_RETRIES.c


class Delivery(NamedTuple):
    """An event to be sent, how often that was tried in vain, and how long ago for the first time.

    A receiver that was off begins anew: then that is None, as before the first try.
    """

    event: OrderEvent
    tries: int
    age: timedelta | None = None


class Batch(NamedTuple):
    """What is to be sent now; with it, all up to the position `through` has been tried.

    Of what it is sent for the first time, it was `missing` so many events, which are deleted: it
    was off for longer than they are kept.
    """

    deliveries: tuple[Delivery, ...]
    after: int
    through: int
    missing: int = 0


class Backlog(NamedTuple):
    """What waits to be sent to a receiver: how many events, of which the oldest is so old.

    Of very many, `MOST_COUNTED` of those that it did not take, and of those that are new to it. A
    receiver that is off is sent none until it has another secret.
    """

    events: int
    oldest: timedelta
    is_off: bool


class Deliveries:
    """The deliveries of one order database, for the sender that is called `holder`."""

    def __init__(self, engine: sa.Engine, holder: str) -> None:
        """Send from the database behind `engine`, which has its tables."""
        self._engine = engine
        self._holder = holder

    def add(self, receiver: str) -> None:
        """Note a receiver: a new one is sent what happens from now on."""
        outbox.publish(self._engine)
        with self._engine.begin() as connection:
            last = connection.scalar(sa.select(EVENT_LOG.c.last_position)) or 0
            insert_new(connection, WEBHOOK_RECEIVERS, {"receiver": receiver, "position": last})

    def take(
        self, receiver: str, secret: str, types: Collection[EventType], most: int
    ) -> Batch | None:
        """Return what is to be sent to a receiver now, at most so many.

        None when another sender has it, or it is off for the secret of this digest.
        """
        outbox.publish(self._engine)
        if not self._hold(receiver, secret):
            return None
        with reading(self._engine) as connection:
            after = connection.scalar(sa.select(RECEIVERS.position).where(_is(receiver))) or 0
            now = _now(connection)
            event = sa.select(EVENTS.c.position).where(EVENTS.c.position == RETRIES.position)
            due = sa.select(WEBHOOK_RETRIES).where(
                RETRIES.receiver == receiver,
                RETRIES.due_at <= now,
                event.where(event_reads.IS_KNOWN).exists(),  # others take no place in a batch
            )
            oldest = due.order_by(RETRIES.due_at).limit(most // 2)
            rows = {row.position: row for row in connection.execute(oldest)}
            again = [
                Delivery(event, row.tries, row.first_at and now - row.first_at)
                for event in event_reads.at(connection, rows)
                if (row := rows[event.position])
            ]
        page = event_reads.read(self._engine, after, most - len(again), types=types)
        is_full = len(page.events) == most - len(again)
        through = page.events[-1].position if is_full else max(after, page.last_position)
        new = (Delivery(event, 0) for event in page.events)
        return Batch((*again, *new), after, through, max(0, page.pruned_position - after))

    def record(
        self,
        receiver: str,
        through: int,
        over: Sequence[int],
        pauses: Mapping[int, float],
        *,
        is_back: bool = False,
    ) -> bool:
        """Record what became of a batch; False when another has the lease by now.

        Args:
            receiver: to whom it was sent.
            through: as the batch says.
            over: positions that were taken, or are given up.
            pauses: by position of each other one, how many seconds until it is sent again.
            is_back: the receiver had been away, so all that it did not take before is due now.
        """
        with self._engine.begin() as connection:
            mine = sa.update(WEBHOOK_RECEIVERS).where(
                _is(receiver), RECEIVERS.holder == self._holder
            )
            if connection.execute(mine.values(position=through)).rowcount != 1:
                return False
            now = _now(connection)
            which = (RETRIES.receiver == receiver, RETRIES.position.in_(over))
            connection.execute(sa.delete(WEBHOOK_RETRIES).where(*which))
            if is_back:
                waiting = sa.update(WEBHOOK_RETRIES).where(RETRIES.receiver == receiver)
                connection.execute(waiting.values(due_at=now))
            rows = [
                {
                    "receiver": receiver,
                    "position": position,
                    "tries": 1,
                    "due_at": now + timedelta(seconds=seconds),
                    "first_at": now,
                }
                for position, seconds in pauses.items()
            ]
            if rows:
                new = insert_into(WEBHOOK_RETRIES, connection.dialect.name)
                later = {
                    "tries": RETRIES.tries + 1,
                    "due_at": new.excluded.due_at,
                    "first_at": sa.func.coalesce(RETRIES.first_at, new.excluded.first_at),
                }
                key = ["receiver", "position"]
                connection.execute(new.on_conflict_do_update(index_elements=key, set_=later), rows)
            return True

    def backlog(self, receiver: str, secret: str, types: Collection[EventType]) -> Backlog:
        """Return what waits to be sent to a receiver, whoever sends it."""
        again = sa.select(EVENTS.c.at).join(WEBHOOK_RETRIES, RETRIES.position == EVENTS.c.position)
        with reading(self._engine) as connection:
            row = connection.execute(
                sa.select(WEBHOOK_RECEIVERS).where(_is(receiver))
            ).one_or_none()
            if row is None:
                return Backlog(0, timedelta(0), is_off=False)
            new = sa.select(EVENTS.c.at).where(EVENTS.c.position > row.position)
            parts = [
                again.where(RETRIES.receiver == receiver, event_reads.IS_KNOWN),
                new.where(EVENTS.c.type.in_(types)),
            ]
            some = [
                part.order_by(EVENTS.c.position).limit(MOST_COUNTED).subquery() for part in parts
            ]
            figures = [
                connection.execute(sa.select(sa.func.count(), sa.func.min(one.c.at))).one()
                for one in some
            ]
            now = _now(connection)
        count = sum(part_count for part_count, _ in figures)
        oldest = min((at for _, at in figures if at is not None), default=now)
        return Backlog(count, now - oldest, is_off=row.off_for == secret)

    def turn_off(self, receiver: str, secret: str) -> None:
        """Send a receiver nothing more until its secret is another one than that of this digest.

        How long it did not take an event counts anew from then on.
        """
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(WEBHOOK_RECEIVERS).where(_is(receiver)).values(off_for=secret)
            )
            waiting = sa.update(WEBHOOK_RETRIES).where(RETRIES.receiver == receiver)
            connection.execute(waiting.values(first_at=None))

    def release(self, receiver: str) -> None:
        """Let another sender have a receiver at once."""
        with self._engine.begin() as connection:
            mine = sa.update(WEBHOOK_RECEIVERS).where(
                _is(receiver), RECEIVERS.holder == self._holder
            )
            connection.execute(mine.values(holder=None, held_until=None))

    def _hold(self, receiver: str, secret: str) -> bool:
        """Have the lease of a receiver for long enough, by the database's own clock."""
        query = sa.select(WEBHOOK_RECEIVERS).where(_is(receiver))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            now = _now(connection)
        if row is None or row.off_for == secret:
            return False
        is_held = row.held_until is not None and row.held_until > now
        if is_held and row.holder != self._holder:
            return False
        if is_held and row.held_until > now + RENEWED_BEFORE:
            return True
        with self._engine.begin() as connection:
            now = _now(connection)
            is_free = (
                RECEIVERS.holder.is_(None)
                | (RECEIVERS.holder == self._holder)
                | (RECEIVERS.held_until <= now)
            )
            lease = sa.update(WEBHOOK_RECEIVERS).where(_is(receiver), is_free)
            values = {"holder": self._holder, "held_until": now + LEASE}
            return connection.execute(lease.values(**values)).rowcount == 1


def _is(receiver: str) -> sa.ColumnElement[bool]:
    return RECEIVERS.receiver == receiver


def _now(connection: sa.Connection) -> datetime:
    """Return the time by the clock that all senders share; those of a file share a machine."""
    if connection.dialect.name != "postgresql":
        return datetime.now(UTC)
    return connection.execute(sa.select(sa.func.now())).scalar_one()
