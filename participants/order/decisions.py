"""The decisions that people took about an order, on record for ever."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from contracts.acts import TakenDecision, TakenDecisions
from contracts.order import CancelOrderCommand, ConfirmOrderCommand
from participants.order import operations
from participants.order.tables import DECISIONS


def add(connection: sa.Connection, command: ConfirmOrderCommand | CancelOrderCommand) -> None:
    """Add the decisions in a closing command to those on record; nothing is added twice.

    A command that is sent again may have more, and after a workflow reset the same ones at other
    times: those on record stay.
    """
    if not command.decisions:
        return
    earlier = _rows(connection, command.order_id)
    on_record = Counter(_what(TakenDecision.model_validate(row)) for row in earlier)
    new = []
    for decision in command.decisions:
        what = _what(decision)
        if on_record[what]:
            on_record[what] -= 1
        else:
            new.append(decision)
    first = earlier[-1]["number"] + 1 if earlier else command.decisions_left_out
    rows = [
        {"order_id": command.order_id, "number": number, **decision.model_dump()}
        for number, decision in enumerate(new, first)
    ]
    if rows:
        connection.execute(sa.insert(DECISIONS), rows)
        operations.add_decisions(connection, command.order_id, list(enumerate(new, first)))


def read(connection: sa.Connection, order_id: str) -> TakenDecisions:
    """Return the decisions about an order."""
    rows = _rows(connection, order_id)
    left_out = rows[0]["number"] if rows else 0
    decisions = tuple(map(TakenDecision.model_validate, rows))
    return TakenDecisions(decisions=decisions, left_out=left_out)


def _rows(connection: sa.Connection, order_id: str) -> Sequence[dict[str, Any]]:
    decisions = sa.select(DECISIONS).where(DECISIONS.c.order_id == order_id)
    rows = connection.execute(decisions.order_by(DECISIONS.c.number))
    return [row._asdict() for row in rows]


def _what(decision: TakenDecision) -> tuple[Any, ...]:
    """Return what was decided by whom, whenever that was."""
    return tuple(decision.model_dump(exclude={"at"}).values())
