"""How a saga's record is opened and closed, and what it knows of an earlier run."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from temporal_saga.call import Call

C = TypeVar("C")
T = TypeVar("T")


class EarlierRun(StrEnum):
    """What the record knows of an earlier run when it is opened."""

    NONE = "NONE"
    """There was none: this run has opened the record."""
    OPEN = "OPEN"
    """It opened the record and did not close it: how far it went is unknown."""
    COMPLETED = "COMPLETED"
    """It passed its pivot, and the record says so."""


@dataclass(frozen=True)
class Opening(Generic[C, T]):
    """How the record is opened.

    Args:
        call: the first step; repeated, it answers how the record stands.
        earlier_run: reads that from the participant's event, as "NONE"; "OPEN", for an earlier run
            that did not close the record; or "COMPLETED", for one that passed its pivot.

    Units: none.
    Errors: another word of `earlier_run` is a defect, which leaves the run open.
    Source: `docs/decisions/0026-the-record-in-the-core.md`.
    """

    call: Call[C, T]
    earlier_run: Callable[[T], str]


@dataclass(frozen=True)
class Closing:
    """How the record is closed. Settled by hand, either call is sent on (`Call.closes_record`).

    Args:
        step: the step that opens the record, which `cancel` takes back.
        confirm: sent when the saga completed.
        cancel: sent when it was rolled back, behind every other compensation.

    Units: none.
    Errors: none.
    Source: `docs/decisions/0026-the-record-in-the-core.md`.
    """

    step: str
    confirm: Call[Any, Any]
    cancel: Call[Any, Any]
