"""The records of sagas that have none of their own, as a participant's fence keeps them."""

from temporalio.exceptions import ApplicationError

from temporal_saga.kept_record import (
    COMPLETED,
    CancelRecord,
    ConfirmRecord,
    OpenRecord,
    RecordOpened,
)
from temporal_saga.policy import ALREADY_COMPENSATED

CANCELLED = "CANCELLED"
"""How a record stands that was cancelled."""

CLOSINGS = {ConfirmRecord.__name__: COMPLETED, CancelRecord.__name__: CANCELLED}


class Records:
    """Answers what a saga tells its record, and asks of it."""

    def __init__(self) -> None:
        """Begin without any."""
        self._records: dict[str, RecordOpened] = {}

    def takes(self, activity: str) -> bool:
        """Tell whether this activity is one of a record's."""
        return activity == OpenRecord.__name__ or activity in CLOSINGS

    def answer(self, saga_id: str, activity: str) -> RecordOpened | None:
        """Open or close a record.

        Raises:
            ApplicationError: it was cancelled, so it is not opened again.
        """
        if activity in CLOSINGS:
            self._records[saga_id] = RecordOpened(CLOSINGS[activity])
            return None
        record = self._records.get(saga_id)
        if record is None:
            self._records[saga_id] = RecordOpened()
            return RecordOpened()
        if record.earlier_run == CANCELLED:
            raise ApplicationError(f"{saga_id} was rolled back", type=ALREADY_COMPENSATED)
        return record.again()
