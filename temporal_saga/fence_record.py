"""What `ProviderFence` reads and writes in the fence's table: the outcomes, and who is shut out."""

import sqlalchemy as sa

from temporal_saga.fence_errors import check_recalled
from temporal_saga.fence_table import (
    APPLIED,
    COMPENSATED,
    REFUSED,
    Command,
    claim_both,
    row_of,
    rows_of_compensation,
)
from temporal_saga.provider import B, Declined, Done, E, R


class FenceRecord:
    """The rows. Each method is part of a transaction that it is given.

    Whoever writes has locked the command's intent, so that no other delivery writes meanwhile.
    """

    def __init__(self, engine: sa.Engine, table: sa.Table) -> None:
        self._table = table
        self._claim_both = claim_both(engine, table)

    def answer(
        self, connection: sa.Connection, command: Command, event: type[E], refusal: type[R]
    ) -> E | R | None:
        """Return the answer on record; None when there is none.

        Raises:
            KeyReused: another command left it.
            AlreadyCompensated: the command was compensated.
        """
        row = connection.execute(
            sa.select(self._table).where(self._table.c.key == command.idempotency_key)
        ).one_or_none()
        if row is None:
            return None
        check_recalled(row, command)
        return (refusal if row.outcome == REFUSED else event).model_validate_json(row.answer)

    def is_applied(self, connection: sa.Connection, key: str) -> bool:
        """Tell whether a forward command is on record as done."""
        outcome = sa.select(self._table.c.outcome).where(self._table.c.key == key)
        return connection.scalar(outcome) == APPLIED

    def put(
        self, connection: sa.Connection, command: Command, outcome: Done[E] | Declined[R]
    ) -> None:
        """Record how a forward command ended."""
        row = row_of(command, outcome.answer)
        if isinstance(outcome, Declined):
            row["outcome"] = REFUSED
        connection.execute(sa.insert(self._table), row)

    def put_compensation(self, connection: sa.Connection, command: Command, answer: B) -> bool:
        """Record a compensation; tell whether its forward command was on record as done."""
        rows = connection.execute(self._claim_both, rows_of_compensation(command, answer))
        return COMPENSATED in {row.outcome for row in rows}
