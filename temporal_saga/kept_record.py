"""The record of a saga that has none of its own: a participant's fence keeps it.

Its commands and its answer, which both halves know. Another language needs the names and fields
alone: `idempotency_key`, and `earlier_run`.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Self

NONE = "NONE"
OPEN = "OPEN"
COMPLETED = "COMPLETED"
"""How an earlier run of the saga stands on record."""


@dataclass(frozen=True)
class RecordCommand:
    """What every command to the record carries: its key, which names the saga."""

    idempotency_key: str = ""


class OpenRecord(RecordCommand):
    """Open the saga's record: the first step."""


class ConfirmRecord(RecordCommand):
    """Close the record of a saga that completed."""


class CancelRecord(RecordCommand):
    """Close the record of a saga that was rolled back."""


@dataclass(frozen=True)
class RecordOpened:
    """The record is open, and that is how an earlier run stands there."""

    earlier_run: str = NONE

    @classmethod
    def model_validate_json(cls, json_data: str, /) -> Self:
        """Read a stored answer."""
        return cls(**json.loads(json_data))

    def model_dump_json(self) -> str:
        """Write an answer to be stored."""
        return json.dumps(asdict(self))

    def again(self) -> Self:
        """Return what to say to an opening that is not the first."""
        return replace(self, earlier_run=OPEN) if self.earlier_run == NONE else self
