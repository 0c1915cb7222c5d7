"""What one run of an order's saga tells the next of its order, where it goes on in another run.

Readers go by it where Temporal has forgotten the runs before.
"""

from datetime import datetime

from contracts.acts import TakenDecisions
from contracts.base import Contract
from contracts.record import Failure
from contracts.states import StateMove


class CarriedRecord(Contract):
    """What the saga knows so far of its order's record."""

    placed_at: datetime
    moves: tuple[StateMove, ...]
    failure: Failure | None
    decisions: TakenDecisions


class CarriedParts(Contract):
    """The parts that the workflow keeps beside its saga, by name; those that readers go by."""

    record: CarriedRecord
