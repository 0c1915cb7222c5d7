"""The rows that the order service writes, within a transaction of its fence."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.states import OrderStatus, StateMove
from participants.order import decisions
from participants.order.tables import LINES, MOVES, ORDERS, PLACED_AGAIN
from temporal_saga.database import insert_into, insert_new

# Statements of each order are built once: that costs as much as sending them.

_NEW_LINES = sa.insert(LINES)
_NEW_MOVES = sa.insert(MOVES)
_ORDER_CLOSED = sa.update(ORDERS).where(
    ORDERS.c.order_id == sa.bindparam("of"),
    ORDERS.c.status.in_(sa.bindparam("closable", expanding=True)),
)
_MOVES_OF_ORDER_DELETED = sa.delete(MOVES).where(MOVES.c.order_id == sa.bindparam("of"))


def insert(
    connection: sa.Connection,
    command: RegisterOrderCommand | CancelOrderCommand,
    fingerprint: str,
    standing: Mapping[str, Any],
) -> bool:
    """Write a new order and its lines; False when there is an order of that id."""
    order_id = command.order_id
    order = command.order
    row = {
        "order_id": order_id,
        "fingerprint": fingerprint,
        "request_key": command.request_key,
        "customer_id": order.customer_id,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "placed_at": command.placed_at,
    }
    if not insert_new(connection, ORDERS, {**row, **standing}):
        return False
    lines = [
        {"order_id": order_id, "line": n, **line.model_dump()}
        for n, line in enumerate(order.lines or ())
    ]
    if lines:
        connection.execute(_NEW_LINES, lines)
    if command.again_of is not None:
        insert_new(connection, PLACED_AGAIN, {"order_id": order_id, "again_of": command.again_of})
    return True


def confirm(
    connection: sa.Connection,
    order_id: str,
    closable: Sequence[OrderStatus],
    standing: Mapping[str, Any],
) -> bool:
    """Close an order; False when there is none of that id whose status is closable."""
    which = {"of": order_id, "closable": closable}
    return connection.execute(_ORDER_CLOSED, {**which, **standing}).rowcount == 1


def update(
    connection: sa.Connection,
    order_id: str,
    condition: sa.ColumnElement[bool],
    standing: Mapping[str, Any],
) -> bool:
    """Close an order; False when there is none of that id that meets the condition."""
    order = sa.update(ORDERS).where(ORDERS.c.order_id == order_id, condition)
    return connection.execute(order.values(**standing)).rowcount == 1


def add_since(
    connection: sa.Connection,
    command: ConfirmOrderCommand | CancelOrderCommand,
    condition: sa.ColumnElement[bool],
) -> None:
    """Add to a record that a command had closed before what came since; nothing is replaced.

    That is the settlement of the command, if there is none yet, and decisions.
    """
    name = type(command).__name__
    settlement = [row for row in compensations_of(command) if _is_settled(row, name)]
    if not settlement and not command.decisions:
        return
    query = sa.select(ORDERS).where(ORDERS.c.order_id == command.order_id, condition)
    row = connection.execute(query).one_or_none()
    if row is None:
        return
    decisions.add(connection, command)
    if not settlement or any(_is_settled(earlier, name) for earlier in row.compensations):
        return
    others = [earlier for earlier in row.compensations if earlier["command"] != name]
    update(connection, command.order_id, condition, {"compensations": [*others, *settlement]})


def _is_settled(compensation: Mapping[str, Any], command: str) -> bool:
    """Tell whether this is the compensation by a command, and a person settled it."""
    return compensation["command"] == command and bool(compensation["settled"])


def compensations_of(command: ConfirmOrderCommand | CancelOrderCommand) -> list[dict[str, Any]]:
    """Return the compensations in a closing command, and who settled them."""
    return [compensation.model_dump(mode="json") for compensation in command.compensations]


def insert_moves(connection: sa.Connection, order_id: str, moves: Sequence[StateMove]) -> None:
    """Write a new order's moves, numbered in their order."""
    connection.execute(_NEW_MOVES, _rows_of_moves(order_id, moves))


def complete_moves(connection: sa.Connection, order_id: str, moves: Sequence[StateMove]) -> None:
    """Write all moves of an order whose first alone is on record; that one is overwritten."""
    statement = _all_moves(connection.dialect.name)
    connection.execute(statement, _rows_of_moves(order_id, moves))


@cache
def _all_moves(dialect: str) -> sa.Executable:
    new = insert_into(MOVES, dialect)
    others = {name: new.excluded[name] for name in ("state", "cause", "at")}
    return new.on_conflict_do_update(index_elements=["order_id", "number"], set_=others)


def _rows_of_moves(order_id: str, moves: Sequence[StateMove]) -> list[dict[str, Any]]:
    return [
        {"order_id": order_id, "number": number, **move.model_dump()}
        for number, move in enumerate(moves)
    ]


def replace_moves(connection: sa.Connection, order_id: str, moves: Sequence[StateMove]) -> None:
    """Replace the record of moves: the saga's own telling is the whole one."""
    connection.execute(_MOVES_OF_ORDER_DELETED, {"of": order_id})
    insert_moves(connection, order_id, moves)
