"""The order service: opens an order's record, and closes it with the story of how it ended."""

from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa

from contracts.events import EventType
from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderCancelledEvent,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
    OrderRejectedEvent,
    RegisterOrderCommand,
)
from contracts.placing import PlaceOrder
from contracts.states import OrderStatus, SagaState, StateMove
from participants.order import decisions, outbox, writes
from participants.order.batches import Batches
from participants.order.queries import find_row
from participants.order.reads import OrderReads
from participants.order.tables import FENCE, METADATA, ORDERS, REQUESTS
from temporal_saga.database import create_tables, insert_new
from temporal_saga.fence import AlreadyCompensated, Fence, KeyReused, Refused

REVIEW_SECONDS = 86_400
OPEN = {"status": OrderStatus.PENDING, "state": SagaState.PENDING}


class OrderService(OrderReads):
    """Keeps every order, how it ended and why, also when Temporal has long forgotten its run."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        review_threshold_minor: int | None = None,
        review_seconds: int = REVIEW_SECONDS,
    ) -> None:
        """Serve from a database.

        Args:
            engine: the database, which has its tables.
            review_threshold_minor: from this total on, in minor units of any currency, a person
                must approve an order before it is paid; None for no review.
            review_seconds: how long an order waits for that.
        """
        super().__init__(engine)
        self._review_threshold_minor = review_threshold_minor
        self._review_seconds = review_seconds
        self._fence = Fence(engine, FENCE)
        self.batches = Batches(engine)

    @classmethod
    def open(
        cls,
        engine: sa.Engine,
        *,
        review_threshold_minor: int | None = None,
        review_seconds: int = REVIEW_SECONDS,
    ) -> Self:
        """Return the service of a database, with the tables created that were missing.

        Raises:
            Exception: the database gives no answer.
        """
        create_tables(engine, METADATA)
        return cls(
            engine, review_threshold_minor=review_threshold_minor, review_seconds=review_seconds
        )

    def register(self, command: RegisterOrderCommand) -> OrderRegisteredEvent | OrderRejectedEvent:
        """Open the order as PENDING, unless its id belongs to another order.

        Of one that was opened before, say how it stands.
        """

        def open_record(connection: sa.Connection) -> OrderRejectedEvent | None:
            if not writes.insert(connection, command, command.order.fingerprint(), OPEN):
                return _reuse_rejection(command.order_id)
            writes.insert_moves(
                connection,
                command.order_id,
                [StateMove(state=SagaState.PENDING, cause="start", at=command.placed_at)],
            )
            return None

        def standing(
            connection: sa.Connection, event: OrderRegisteredEvent
        ) -> OrderRegisteredEvent:
            row = find_row(connection, command.order_id)
            return (
                event
                if row is None
                else event.model_copy(update={"known": OrderStatus(row.status)})
            )

        answer = OrderRegisteredEvent(
            order_id=command.order_id, review_seconds=self._review_of(command.order)
        )
        try:
            return self._fence.forward(
                command, answer, open_record, OrderRejectedEvent, on_duplicate=standing
            )
        except KeyReused:
            return _reuse_rejection(command.order_id)
        except AlreadyCompensated as late:
            return OrderRejectedEvent(
                order_id=command.order_id, reason="ALREADY_COMPENSATED", message=str(late)
            )

    def _review_of(self, order: PlaceOrder) -> int | None:
        """Return how long an order waits for a person's approval; None when it needs none."""
        threshold = self._review_threshold_minor
        return None if threshold is None or order.total_minor < threshold else self._review_seconds

    def confirm(self, command: ConfirmOrderCommand) -> OrderConfirmedEvent | OrderRejectedEvent:
        """Close the order as CONFIRMED, with the saga's moves.

        With a settlement in the command also one that was closed so by hand.

        Raises:
            LookupError: there is no such order of that id.
        """
        by_hand = (
            {"compensations": writes.compensations_of(command)} if command.compensations else {}
        )

        def close(connection: sa.Connection) -> None:
            now = datetime.now(UTC)
            closing = {
                "status": OrderStatus.CONFIRMED,
                "state": SagaState.COMPLETED,
                "closed_at": now,
            }
            closable = (
                (OrderStatus.PENDING, OrderStatus.CONFIRMED) if by_hand else (OrderStatus.PENDING,)
            )
            if not writes.confirm(connection, command.order_id, closable, closing | by_hand):
                row = find_row(connection, command.order_id)
                state = "it is not registered" if row is None else f"it is {row.status}"
                raise LookupError(f"order {command.order_id} cannot be confirmed: {state}")
            write_moves = writes.replace_moves if by_hand else writes.complete_moves
            write_moves(connection, command.order_id, command.moves)
            decisions.add(connection, command)
            outbox.add(connection, EventType.COMPLETED, command.order_id, now)

        def add_since(connection: sa.Connection, event: OrderConfirmedEvent) -> OrderConfirmedEvent:
            writes.add_since(connection, command, ORDERS.c.status == OrderStatus.CONFIRMED)
            return event

        answer = OrderConfirmedEvent(order_id=command.order_id)
        return self._fence.forward(
            command, answer, close, OrderRejectedEvent, on_duplicate=add_since
        )

    def cancel(self, command: CancelOrderCommand) -> OrderCancelledEvent | OrderRejectedEvent:
        """Close the order as CANCELLED, with why and how.

        One that was never registered is recorded closed. An order of the same id that is somebody
        else's is left alone, and the answer says so. So is a confirmed order, if this saga took
        nothing back: then it was started again under the same id, and what the first one kept stays
        kept. So is any order on record if this saga was given none that can be read.
        """

        def close(connection: sa.Connection, is_registered: bool) -> OrderCancelledEvent:
            now = datetime.now(UTC)
            ending = _cancelled_columns(command, now)
            last = StateMove(state=SagaState.FAILED, cause=OrderCancelledEvent.__name__, at=now)
            moves = [*command.moves, last]
            if not is_registered and writes.insert(
                connection, command, command.order_fingerprint, ending
            ):
                writes.insert_moves(connection, command.order_id, moves)
            elif writes.update(connection, command.order_id, _may_cancel(command), ending):
                writes.replace_moves(connection, command.order_id, moves)
            else:
                raise Refused(_reuse_rejection(command.order_id))
            decisions.add(connection, command)
            reason = {"reason": command.failure.reason}
            outbox.add(connection, EventType.FAILED, command.order_id, now, reason)
            return answer

        def add_since(connection: sa.Connection, event: OrderCancelledEvent) -> OrderCancelledEvent:
            mine = (ORDERS.c.status == OrderStatus.CANCELLED) & (
                ORDERS.c.fingerprint == command.order_fingerprint
            )
            writes.add_since(connection, command, mine)
            return event

        answer = OrderCancelledEvent(order_id=command.order_id)
        try:
            return self._fence.compensate(command, answer, close, on_duplicate=add_since)
        except (KeyReused, Refused):
            return _reuse_rejection(command.order_id)

    def claim(self, request: str, order_id: str) -> str:
        """Return the order that a request names: the one it was first claimed for, and for ever.

        Of several that claim it at one time, one wins, and all get that one's order.

        Args:
            request: a digest of who asks and of their idempotency key.
            order_id: the order that it shall name if it names none yet.
        """
        if (claimed_id := self.order_of_request(request)) is not None:
            return claimed_id
        with self._engine.begin() as connection:
            is_new = insert_new(connection, REQUESTS, {"request": request, "order_id": order_id})
        return order_id if is_new else str(self.order_of_request(request))


def _cancelled_columns(command: CancelOrderCommand, now: datetime) -> dict[str, Any]:
    """Return how an order stands once it is cancelled."""
    return {
        "status": OrderStatus.CANCELLED,
        "state": SagaState.FAILED,
        "closed_at": now,
        "failure": command.failure.model_dump(mode="json"),
        "compensations": writes.compensations_of(command),
    }


def _may_cancel(command: CancelOrderCommand) -> sa.ColumnElement[bool]:
    """Return which orders a command may cancel: its own, but no confirmed one that keeps all else.

    What is no order has registered none: what is on record is an earlier run's, perhaps paid.
    """
    if command.failure.reason == "INVALID_ORDER":
        return sa.false()
    own = ORDERS.c.fingerprint == command.order_fingerprint
    commands = {compensation.command for compensation in command.compensations}
    took_back = bool(commands - {CancelOrderCommand.__name__})
    return own if took_back else own & (ORDERS.c.status != OrderStatus.CONFIRMED)


def _reuse_rejection(order_id: str) -> OrderRejectedEvent:
    message = f"the order id {order_id} belongs to another order; choose another id"
    return OrderRejectedEvent(
        order_id=order_id, reason="ORDER_ID_REUSED", message=message, details={"order_id": order_id}
    )
