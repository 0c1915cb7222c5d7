"""One transaction: the fence's row and the effect stand or fall together."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from temporal_saga.database import insert_new
from temporal_saga.fence import Fence
from tests.temporal_saga.fenced_participant import EFFECTS, FENCE, KEY, Ask, Done, No, Shelf


def fail(_connection: sa.Connection) -> None:
    """Fail in the middle of an effect.

    Raises:
        OSError: always.
    """
    raise OSError("disk full")


def make_the_commit_fail(connection: sa.Connection) -> None:
    """Write what the database notices only at commit."""
    connection.execute(sa.insert(EFFECTS).values(key="nobody", change=0, shelf=404))


FAULTS = pytest.mark.parametrize(
    ("fault", "error"),
    [(fail, OSError), (make_the_commit_fail, sa.exc.IntegrityError)],
    ids=["effect fails", "commit fails"],
)


@FAULTS
def test_a_command_that_fails_leaves_no_trace_and_may_be_repeated(
    shelf: Shelf, fault: Callable[[sa.Connection], None], error: type[Exception]
) -> None:
    """An effect that raises, or whose commit fails, leaves no trace, and can be tried again."""
    shelf.before_commit = fault
    with pytest.raises(error):
        shelf.put(Ask())
    assert (shelf.outcomes, shelf.changes) == ({}, [])
    shelf.before_commit = lambda _connection: None
    assert isinstance(shelf.put(Ask()), Done)
    assert shelf.changes == [7]


@FAULTS
def test_a_compensation_that_fails_leaves_no_trace_and_may_be_repeated(
    shelf: Shelf, fault: Callable[[sa.Connection], None], error: type[Exception]
) -> None:
    """A compensation that raises, or whose commit fails, leaves the command as it stood.

    It can be tried again.
    """
    first = shelf.put(Ask())
    shelf.before_commit = fault
    with pytest.raises(error):
        shelf.take_back(Ask().taken_back())
    assert (shelf.outcomes, shelf.changes) == ({KEY: "APPLIED"}, [7])
    assert shelf.put(Ask()) == first
    shelf.before_commit = lambda _connection: None
    shelf.take_back(Ask().taken_back())
    assert shelf.changes == [7, -7]


def test_an_effect_whose_answer_cannot_be_recorded_leaves_no_trace(shelf: Shelf) -> None:
    """What goes wrong between effect and commit undoes the effect with everything else."""

    class Unwritable(Done):
        """An answer that cannot be stored."""

        def model_dump_json(self, **_options: object) -> str:
            raise OSError("no JSON")

    def put(connection: sa.Connection) -> None:
        connection.execute(sa.insert(EFFECTS).values(key=KEY, change=7))

    def take_back(connection: sa.Connection, _was_put: bool) -> Done:
        put(connection)
        return Unwritable()

    fence = Fence(shelf.engine, FENCE)
    with pytest.raises(OSError, match="no JSON"):
        fence.forward(Ask(), Unwritable(), put, No)
    with pytest.raises(OSError, match="no JSON"):
        fence.compensate(Ask().taken_back(), Done(), take_back)
    assert (shelf.outcomes, shelf.changes) == ({}, [])


ONE = {"number": 1_000, "key": "here before", "change": 0}
NONE = EFFECTS.c.number == 0


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (sa.insert(EFFECTS), {"key": KEY, "change": 7}),
        (sa.insert(EFFECTS), [{"key": KEY, "change": change} for change in (7, 8)]),
        (sa.insert(EFFECTS).returning(EFFECTS.c.number), {"key": KEY, "change": 7}),
        (sa.update(EFFECTS).values(change=1), None),
        (sa.update(EFFECTS).values(change=1).returning(EFFECTS.c.number), None),
        (sa.delete(EFFECTS), None),
        (sa.text("UPDATE effects SET change = 1"), None),
        (sa.text("DELETE FROM effects RETURNING number"), None),
    ],
    ids=str,
)
def test_an_effect_that_refuses_after_it_wrote_is_a_defect_that_leaves_no_trace(
    shelf: Shelf, statement: sa.Executable, parameters: Any
) -> None:
    """A refusal stands for "I did nothing".

    With anything written it is an error, and neither of the two is kept.
    """
    with shelf.engine.begin() as connection:
        connection.execute(sa.insert(EFFECTS).values(ONE))

    def effect(connection: sa.Connection) -> No:
        connection.execute(statement, parameters)
        return No()

    with pytest.raises(
        RuntimeError, match=r"saga-1/Put: refused after writing: (INSERT|UPDATE|DELETE)"
    ):
        Fence(shelf.engine, FENCE).forward(Ask(), Done(), effect, No)
    assert (shelf.outcomes, shelf.changes) == ({}, [0])


def test_an_effect_may_refuse_after_it_looked_or_found_nothing_to_write_to(shelf: Shelf) -> None:
    """Reading, locking, and writing that changes no row and claims no key leave nothing behind."""
    with shelf.engine.begin() as connection:
        connection.execute(sa.insert(EFFECTS).values(ONE))

    def effect(connection: sa.Connection) -> No:
        assert len(connection.execute(sa.select(EFFECTS).with_for_update()).all()) == 1
        assert connection.execute(sa.update(EFFECTS).where(NONE).values(change=1)).rowcount == 0
        assert connection.execute(sa.delete(EFFECTS).where(NONE)).rowcount == 0
        assert not insert_new(connection, EFFECTS, ONE)
        return No()

    assert isinstance(Fence(shelf.engine, FENCE).forward(Ask(), Done(), effect, No), No)
    assert (shelf.outcomes, shelf.changes) == ({KEY: "REFUSED"}, [0])
