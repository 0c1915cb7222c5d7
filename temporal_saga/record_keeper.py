"""Keeps the records of sagas that have none of their own, in the fence's table alone.

The row of the opening is the record: its outcome says whether the saga was rolled back, and its
answer whether it completed.
"""

import sqlalchemy as sa

from temporal_saga.fence_errors import AlreadyCompensated
from temporal_saga.fence_table import APPLIED
from temporal_saga.handlers import Activity, Recorded, TakesOnce
from temporal_saga.kept_record import (
    COMPLETED,
    CancelRecord,
    ConfirmRecord,
    OpenRecord,
    RecordCommand,
    RecordOpened,
)
from temporal_saga.keys import compensated_key


class RecordKeeper:
    """Opens and closes records."""

    def __init__(self, fence: TakesOnce, table: sa.Table) -> None:
        """Keep records in a fence's table."""
        self._fence = fence
        self._table = table

    def activities(self) -> list[Activity]:
        """Return what takes the commands, one function each."""

        def open_record(command: OpenRecord) -> RecordOpened:
            event: RecordOpened = self._fence.forward(
                command,
                RecordOpened(),
                lambda _connection: None,
                RecordOpened,
                lambda _connection, record: record.again(),
            )
            return event

        def confirm(command: ConfirmRecord) -> None:
            self._fence.once(
                command, Recorded(), lambda connection: self._close(connection, command)
            )

        def cancel(command: CancelRecord) -> None:
            self._fence.compensate(
                command,
                Recorded(),
                lambda connection, _is_open: self._check_not_completed(connection, command),
            )

        open_record.__name__ = OpenRecord.__name__
        confirm.__name__ = ConfirmRecord.__name__
        cancel.__name__ = CancelRecord.__name__
        return [open_record, confirm, cancel]

    def _close(self, connection: sa.Connection, command: RecordCommand) -> Recorded:
        """Record that the saga completed.

        Raises:
            AlreadyCompensated: the saga was rolled back.
            RuntimeError: the record was never opened.
        """
        saga_id = command.idempotency_key.removesuffix(f"/{ConfirmRecord.__name__}")
        key = f"{saga_id}/{OpenRecord.__name__}"
        is_open = (self._table.c.key == key) & (self._table.c.outcome == APPLIED)
        answer = RecordOpened(COMPLETED).model_dump_json()
        update = sa.update(self._table).where(is_open).values(answer=answer)
        if connection.execute(update).rowcount == 0:
            row = sa.select(self._table.c.key).where(self._table.c.key == key)
            if connection.scalar(row) is not None:
                raise AlreadyCompensated(key)
            raise RuntimeError(f"{key}: the record was never opened: first await record.begin(…)")
        return Recorded()

    def _check_not_completed(self, connection: sa.Connection, command: RecordCommand) -> Recorded:
        """See that a saga which completed is not recorded as rolled back.

        Raises:
            RuntimeError: it completed, while another run of it was rolling back: for a person.
        """
        key = compensated_key(command.idempotency_key)
        answer = connection.scalar(sa.select(self._table.c.answer).where(self._table.c.key == key))
        if answer is not None and RecordOpened.model_validate_json(answer).earlier_run == COMPLETED:
            raise RuntimeError(f"{key}: the saga has completed, so it cannot be rolled back")
        return Recorded()
