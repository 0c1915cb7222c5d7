"""The record that a participant's fence keeps for a saga that has none of its own."""

import pytest
import sqlalchemy as sa

from temporal_saga.database import create_tables
from temporal_saga.fence import AlreadyCompensated, Fence
from temporal_saga.handlers import Activity
from temporal_saga.kept_record import CancelRecord, ConfirmRecord, OpenRecord, RecordOpened

METADATA = sa.MetaData()
FENCE = Fence.table(METADATA)
OPEN = OpenRecord("booking-1/OpenRecord")
CONFIRM = ConfirmRecord("booking-1/ConfirmRecord")
CANCEL = CancelRecord("booking-1/OpenRecord/compensation")

Keeper = dict[str, Activity]


@pytest.fixture
def keeper(engine: sa.Engine) -> Keeper:
    create_tables(engine, METADATA)
    return {handler.__name__: handler for handler in Fence(engine, FENCE).record_handlers()}


def earlier_run(keeper: Keeper) -> str:
    """Open the record, and return how an earlier run stands there."""
    answer: RecordOpened = keeper["OpenRecord"](OPEN)
    return answer.earlier_run


def test_the_record_knows_of_an_earlier_run(keeper: Keeper) -> None:
    """None; one that is open; one that completed."""
    assert [earlier_run(keeper), earlier_run(keeper)] == ["NONE", "OPEN"]
    for _ in range(2):
        keeper["ConfirmRecord"](CONFIRM)
    assert [earlier_run(keeper), earlier_run(keeper)] == ["COMPLETED", "COMPLETED"]


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_a_saga_that_was_rolled_back_stays_so(keeper: Keeper, runs: int) -> None:
    """It is neither opened again nor confirmed, also when the opening comes late."""
    for _ in range(runs):
        earlier_run(keeper)
    for _ in range(2):
        keeper["CancelRecord"](CANCEL)
    with pytest.raises(AlreadyCompensated):
        earlier_run(keeper)
    with pytest.raises(AlreadyCompensated):
        keeper["ConfirmRecord"](CONFIRM)


def test_a_saga_that_completed_is_not_recorded_as_rolled_back(keeper: Keeper) -> None:
    """That is for a person; what is on record stays."""
    earlier_run(keeper)
    keeper["ConfirmRecord"](CONFIRM)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="booking-1/OpenRecord: the saga has completed"):
            keeper["CancelRecord"](CANCEL)
    assert earlier_run(keeper) == "COMPLETED"


def test_what_was_never_opened_is_not_confirmed(keeper: Keeper) -> None:
    """It is told apart from a rollback. Nor does it stand in the way of a saga that begins."""
    with pytest.raises(RuntimeError, match="booking-1/OpenRecord: the record was never opened"):
        keeper["ConfirmRecord"](CONFIRM)
    assert earlier_run(keeper) == "NONE"


def test_each_saga_has_a_record(keeper: Keeper) -> None:
    """The key names it."""
    assert earlier_run(keeper) == "NONE"
    assert keeper["OpenRecord"](OpenRecord("booking-2/OpenRecord")).earlier_run == "NONE"
