"""The order service: opens an order's record, and closes it with the story of how it ended."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderCancelledEvent,
    OrderConfirmedEvent,
    OrderRecord,
    OrderRegisteredEvent,
    OrderRejectedEvent,
    RegisterOrderCommand,
)
from contracts.states import OrderStatus, SagaState, StateMove
from participants.order import reads
from participants.order.reads import Wanted
from participants.order.tables import FENCE, LINES, METADATA, MOVES, ORDERS
from temporal_saga.database import create_tables, reading
from temporal_saga.fence import AlreadyCompensated, Fence, KeyReused, Refused


class OrderService:
    """Keeps every order, how it ended and why, also when Temporal has long forgotten its run."""

    def __init__(self, engine: sa.Engine) -> None:
        """Serve from the database behind `engine`; creates the tables that are missing."""
        create_tables(engine, METADATA)
        self._engine = engine
        self._fence = Fence(engine, FENCE)

    def register(self, command: RegisterOrderCommand) -> OrderRegisteredEvent | OrderRejectedEvent:
        """Open the order as PENDING, unless its id belongs to another order; if it was opened before, say how it stands."""
        first = False

        def open_record(connection: sa.Connection) -> OrderRegisteredEvent:
            nonlocal first
            if _find(connection, command.order_id) is not None:
                raise Refused(_reused(command.order_id))
            first = True
            fingerprint = command.order.fingerprint()
            _insert(connection, command, fingerprint)
            opening = StateMove(state=SagaState.PENDING, cause="start", at=command.placed_at)
            _write_moves(connection, command.order_id, [opening])
            return OrderRegisteredEvent(order_id=command.order_id)

        try:
            answer = self._fence.forward(command, open_record, OrderRegisteredEvent, OrderRejectedEvent)
        except KeyReused:
            return _reused(command.order_id)
        except AlreadyCompensated as late:
            return OrderRejectedEvent(order_id=command.order_id, reason="ALREADY_COMPENSATED", message=str(late))
        if first or isinstance(answer, OrderRejectedEvent):
            return answer
        with reading(self._engine) as connection:
            row = _find(connection, command.order_id)
        return answer if row is None else answer.model_copy(update={"known": OrderStatus(row.status)})

    def confirm(self, command: ConfirmOrderCommand) -> OrderConfirmedEvent | OrderRejectedEvent:
        """Close the order as CONFIRMED, with the saga's moves.

        Raises:
            LookupError: there is no open order of that id.
        """

        def close(connection: sa.Connection) -> OrderConfirmedEvent:
            row = _find(connection, command.order_id)
            if row is None or row.status != OrderStatus.PENDING:
                found = "it is not registered" if row is None else f"it is {row.status}"
                raise LookupError(f"order {command.order_id} cannot be confirmed: {found}")
            closed_at = datetime.now(UTC)
            _update(connection, command.order_id, OrderStatus.CONFIRMED, SagaState.COMPLETED, closed_at=closed_at)
            _write_moves(connection, command.order_id, command.moves)
            return OrderConfirmedEvent(order_id=command.order_id)

        return self._fence.forward(command, close, OrderConfirmedEvent, OrderRejectedEvent)

    def cancel(self, command: CancelOrderCommand) -> OrderCancelledEvent | OrderRejectedEvent:
        """Close the order as CANCELLED, with why and how; one that was never registered is recorded closed.

        An order of the same id that is somebody else's is left alone, and the answer says so. So is a confirmed order, if this
        saga took nothing back: then it was started again under the same id, and what the first one kept stays kept.
        """

        def close(connection: sa.Connection, _registered: bool) -> OrderCancelledEvent:
            row = _find(connection, command.order_id)
            now = datetime.now(UTC)
            if row is None:
                _insert(connection, command, command.order_fingerprint)
            elif row.fingerprint != command.order_fingerprint or (row.status == OrderStatus.CONFIRMED and _is_empty(command)):
                raise Refused(_reused(command.order_id))
            story = {
                "closed_at": now,
                "failure": command.failure.model_dump(mode="json"),
                "compensations": [c.model_dump(mode="json") for c in command.compensations],
            }
            _update(connection, command.order_id, OrderStatus.CANCELLED, SagaState.FAILED, **story)
            ending = StateMove(state=SagaState.FAILED, cause="OrderCancelledEvent", at=now)
            _write_moves(connection, command.order_id, [*command.moves, ending])
            return OrderCancelledEvent(order_id=command.order_id)

        try:
            return self._fence.compensate(command, close, OrderCancelledEvent)
        except (KeyReused, Refused):
            return _reused(command.order_id)

    def find(self, order_id: str) -> OrderRecord | None:
        """Return an order's record, or None when there is none."""
        with reading(self._engine) as connection:
            row = _find(connection, order_id)
            return None if row is None else reads.records(connection, [row])[0]

    def page(self, wanted: Wanted, limit: int) -> list[OrderRecord]:
        """Return the records of the newest of the orders wanted, at most so many, newest first."""
        with reading(self._engine) as connection:
            return reads.records(connection, connection.execute(reads.newest(wanted, limit)))

    def unknown(self, order_ids: Collection[str]) -> set[str]:
        """Return those of these orders that are not on record."""
        known = sa.select(ORDERS.c.order_id).where(ORDERS.c.order_id.in_(order_ids))
        with reading(self._engine) as connection:
            return set(order_ids).difference(connection.scalars(known))

    def identity(self, order_id: str) -> tuple[str, str | None] | None:
        """Return the fingerprint of what was ordered and the request's key, or None when there is no such order."""
        with reading(self._engine) as connection:
            row = _find(connection, order_id)
        return None if row is None else (row.fingerprint, row.request_key)

    def moves(self, order_id: str) -> tuple[StateMove, ...]:
        """Return the saga's moves as far as the record knows them: the first while it is open, all once it is closed."""
        wanted = sa.select(MOVES).where(MOVES.c.order_id == order_id).order_by(MOVES.c.number)
        with reading(self._engine) as connection:
            return tuple(StateMove.model_validate(row._asdict()) for row in connection.execute(wanted))


def _find(connection: sa.Connection, order_id: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(ORDERS).where(ORDERS.c.order_id == order_id)).one_or_none()


def _insert(connection: sa.Connection, command: RegisterOrderCommand | CancelOrderCommand, fingerprint: str) -> None:
    """Write a new order and its lines, open."""
    order_id, order = command.order_id, command.order
    row = {
        "order_id": order_id,
        "fingerprint": fingerprint,
        "request_key": command.request_key,
        "status": OrderStatus.PENDING,
        "state": SagaState.PENDING,
        "customer_id": order.customer_id,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "placed_at": command.placed_at,
    }
    connection.execute(sa.insert(ORDERS).values(**row))
    lines = [{"order_id": order_id, "line": n, **line.model_dump()} for n, line in enumerate(order.lines or ())]
    if lines:
        connection.execute(sa.insert(LINES), lines)


def _update(connection: sa.Connection, order_id: str, status: OrderStatus, state: SagaState, **story: object) -> None:
    order = sa.update(ORDERS).where(ORDERS.c.order_id == order_id)
    connection.execute(order.values(status=status, state=state, **story))


def _write_moves(connection: sa.Connection, order_id: str, moves: Sequence[StateMove]) -> None:
    """Replace the record of moves: the saga's own telling is the whole one."""
    connection.execute(sa.delete(MOVES).where(MOVES.c.order_id == order_id))
    rows = [{"order_id": order_id, "number": number, **move.model_dump()} for number, move in enumerate(moves)]
    connection.execute(sa.insert(MOVES), rows)


def _is_empty(command: CancelOrderCommand) -> bool:
    """Tell whether the saga that cancels had nothing but the order's own record to take back."""
    return all(compensation.command == "CancelOrderCommand" for compensation in command.compensations)


def _reused(order_id: str) -> OrderRejectedEvent:
    message = f"the order id {order_id} belongs to another order; choose another id"
    return OrderRejectedEvent(order_id=order_id, reason="ORDER_ID_REUSED", message=message)
