"""The six promises of `Fence`, kept by a participant with one table."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self
from uuid import uuid4

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, Field

from temporal_saga.database import create_tables, insert_new, reading
from temporal_saga.fence import AlreadyCompensated, Fence, FenceError, KeyReused, Refused, fence_table
from temporal_saga.keys import compensation_key
from tests.participants.rivals import at_once

METADATA = sa.MetaData()
FENCE = fence_table(METADATA)
SHELVES = sa.Table("shelves", METADATA, sa.Column("shelf", sa.Integer, primary_key=True))
EFFECTS = sa.Table(
    "effects",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("change", sa.Integer, nullable=False),
    # Checked at commit: a row on a shelf that is not there makes the commit itself fail.
    sa.Column("shelf", sa.ForeignKey(SHELVES.c.shelf, deferrable=True, initially="DEFERRED")),
)

RIVALS = 16
ROUNDS = 100
KEY = "saga-1/Put"
WAIT_SECONDS = 30


class Ask(BaseModel):
    """A command: put so many, or take them back."""

    idempotency_key: str = KEY
    count: int = 7

    def fingerprint(self) -> str:
        """Differ when the count differs."""
        return f"count={self.count}"

    def taken_back(self) -> "Ask":
        """Return the compensation of this command."""
        return Ask(idempotency_key=compensation_key(self.idempotency_key), count=self.count)


class Done(BaseModel):
    """An answer that no second call could make up: only a recorded one is equal to it."""

    nonce: str = Field(default_factory=lambda: uuid4().hex)


class No(BaseModel):
    """A refusal that no second call could make up."""

    nonce: str = Field(default_factory=lambda: uuid4().hex)


class Shelf:
    """A participant that puts things on a shelf and takes them back, and remembers what its fence told it."""

    def __init__(self, engine: sa.Engine) -> None:
        create_tables(engine, METADATA)
        self.engine = engine
        self._fence = Fence(engine, FENCE)
        self.refuses = False
        self.foreseen: Done | None = None
        self.told: list[bool] = []
        self.before_commit: Callable[[sa.Connection], None] = lambda _connection: None

    def put(self, command: Ask) -> Done | No:
        """Put `command.count` on the shelf once."""

        def effect(connection: sa.Connection) -> No | None:
            refusal = No() if self.refuses else None
            if refusal is None:
                self._write(connection, command, command.count)
            self.before_commit(connection)
            return refusal

        return self._fence.forward(command, Done(), effect, No)

    def take_back(self, command: Ask) -> Done:
        """Take back what was put."""

        def effect(connection: sa.Connection, was_put: bool) -> Done:
            self.told.append(was_put)
            if was_put or self.refuses:
                self._write(connection, command, -command.count)
            self.before_commit(connection)
            if self.refuses:
                raise Refused(No())
            return self.foreseen or Done()

        return self._fence.compensate(command, self.foreseen or Done(), effect)

    @property
    def changes(self) -> list[int]:
        """Every effect so far, in order."""
        with reading(self.engine) as connection:
            return list(connection.scalars(sa.select(EFFECTS.c.change).order_by(EFFECTS.c.number)))

    @property
    def outcomes(self) -> dict[str, str]:
        """What the fence holds under each key."""
        with reading(self.engine) as connection:
            return {row.key: row.outcome for row in connection.execute(sa.select(FENCE))}

    def _write(self, connection: sa.Connection, command: Ask, change: int) -> None:
        connection.execute(sa.insert(EFFECTS).values(key=command.idempotency_key, change=change))


@pytest.fixture
def shelf(engine: sa.Engine) -> Shelf:
    """Give an empty shelf."""
    return Shelf(engine)


def outcome_of(act: Callable[[Ask], Done | No], command: Ask) -> Done | No | type[FenceError]:
    """Return what the fence answers, or how it turns the command away."""
    try:
        return act(command)
    except FenceError as error:
        return type(error)


# Promise 1: the same key twice.


def test_1_a_repeated_command_gets_the_recorded_answer_and_has_no_second_effect(shelf: Shelf) -> None:
    """However often a command comes, it takes effect once, and each time the answer is the first one."""
    first = shelf.put(Ask())
    assert isinstance(first, Done)
    assert [shelf.put(Ask()) for _ in range(3)] == [first] * 3
    assert shelf.changes == [7]


def test_1_another_key_is_another_command(shelf: Shelf) -> None:
    """Two keys are two effects, also when they ask for the same."""
    assert shelf.put(Ask(idempotency_key="saga-1/Put")) != shelf.put(Ask(idempotency_key="saga-2/Put"))
    assert shelf.changes == [7, 7]


def test_1_a_repeated_command_gets_its_recorded_refusal(shelf: Shelf) -> None:
    """A refusal stands, also when the command would be accepted by now."""
    shelf.refuses = True
    refusal = shelf.put(Ask())
    assert isinstance(refusal, No)
    shelf.refuses = False
    assert shelf.put(Ask()) == refusal
    assert shelf.changes == []


def test_1_a_refusal_leaves_its_record_and_nothing_else(shelf: Shelf) -> None:
    """A refused command is remembered as such, and did nothing."""
    shelf.refuses = True
    shelf.put(Ask())
    assert shelf.changes == []
    assert shelf.outcomes == {KEY: "REFUSED"}


def test_1_a_repeated_command_may_be_told_news(shelf: Shelf) -> None:
    """What a participant has to add is added to the recorded event when it is repeated, never at first or to a refusal."""
    fence, heard = Fence(shelf.engine, FENCE), []

    def again(_connection: sa.Connection, event: Done) -> Done:
        heard.append(event)
        return Done(nonce="news")

    def put(key: str, refusal: No | None) -> Done | No:
        return fence.forward(Ask(idempotency_key=key), Done(nonce="old"), lambda _connection: refusal, No, again)

    assert [put("accepted", None) for _ in range(3)] == [Done(nonce="old"), Done(nonce="news"), Done(nonce="news")]
    assert heard == [Done(nonce="old")] * 2
    assert put("refused", No(nonce="no")) == put("refused", None) == No(nonce="no")
    assert len(heard) == 2


def test_1_a_repeated_compensation_gets_the_recorded_answer_and_has_no_second_effect(shelf: Shelf) -> None:
    """However often a compensation comes, it takes back once, and each time the answer is the first one."""
    shelf.put(Ask())
    first = shelf.take_back(Ask().taken_back())
    assert [shelf.take_back(Ask().taken_back()) for _ in range(3)] == [first] * 3
    assert shelf.changes == [7, -7]


def test_1_an_answer_that_was_foreseen_is_recorded_like_any_other(shelf: Shelf) -> None:
    """Whether a compensation answers as expected or not, what it answered is what is recorded."""
    shelf.foreseen = first = Done()
    assert shelf.take_back(Ask().taken_back()) == first
    shelf.foreseen = None
    assert shelf.take_back(Ask().taken_back()) == first


def test_1_what_an_earlier_release_recorded_is_still_understood(shelf: Shelf) -> None:
    """Rows as version 0.1 wrote them are answered from, and compensated, like new ones."""
    done, no, asked, now = '{"nonce":"done"}', '{"nonce":"no"}', "count=7", datetime.now(UTC)
    rows = [
        ("applied", "APPLIED", asked, done),
        ("refused", "REFUSED", asked, no),
        ("compensated", "COMPENSATED", asked, done),
        ("compensated/compensation", "APPLIED", asked, done),
        ("never came", "TOMBSTONE", None, None),
        ("never came/compensation", "APPLIED", asked, done),
    ]
    with shelf.engine.begin() as connection:
        connection.execute(sa.insert(FENCE), [dict(zip(FENCE.c.keys(), (*row, now), strict=True)) for row in rows])
    answers = {row[0]: outcome_of(shelf.put, Ask(idempotency_key=row[0])) for row in rows if "/" not in row[0]}
    assert answers == {
        "applied": Done(nonce="done"),
        "refused": No(nonce="no"),
        "compensated": AlreadyCompensated,
        "never came": AlreadyCompensated,
    }
    back = {key: shelf.take_back(Ask(idempotency_key=key).taken_back()) for key in answers}
    assert shelf.told == [True, False], "the applied and the refused command; the others were taken back before"
    assert back["compensated"] == back["never came"] == Done(nonce="done")
    assert shelf.changes == [-7]


def test_1_another_participant_object_recalls_the_same_answer(shelf: Shelf, engine: sa.Engine) -> None:
    """What was answered is remembered by the database, not by the process."""
    first = shelf.put(Ask())
    assert Shelf(engine).put(Ask()) == first


# Promise 2: the same key with another payload.


def test_2_another_payload_under_the_same_key_is_an_error_without_effect(shelf: Shelf) -> None:
    """A key that was used for another payload is turned away, and the first effect stays as it is."""
    first = shelf.put(Ask(count=7))
    with pytest.raises(KeyReused, match="saga-1/Put: this idempotency key was used before, for a command with another payload"):
        shelf.put(Ask(count=8))
    assert shelf.changes == [7]
    assert shelf.put(Ask(count=7)) == first


def test_2_another_payload_under_a_refused_key_is_an_error_without_effect(shelf: Shelf) -> None:
    """A refused command does not free its key for another payload."""
    shelf.refuses = True
    shelf.put(Ask(count=7))
    shelf.refuses = False
    with pytest.raises(KeyReused):
        shelf.put(Ask(count=8))
    assert shelf.changes == []


def test_2_another_payload_under_a_compensated_key_is_an_error_without_effect(shelf: Shelf) -> None:
    """A compensated command does not free its key for another payload."""
    shelf.put(Ask(count=7))
    shelf.take_back(Ask(count=7).taken_back())
    with pytest.raises(FenceError):
        shelf.put(Ask(count=8))
    assert shelf.changes == [7, -7]


@pytest.mark.parametrize("was_put", [True, False])
def test_2_another_payload_of_a_compensation_is_an_error_without_effect(shelf: Shelf, was_put: bool) -> None:
    """A compensation's key, too, belongs to its first payload, whether it had something to take back or not."""
    if was_put:
        shelf.put(Ask(count=7))
    shelf.take_back(Ask(count=7).taken_back())
    before = shelf.changes
    with pytest.raises(KeyReused, match="saga-1/Put/compensation"):
        shelf.take_back(Ask(count=8).taken_back())
    assert shelf.changes == before


# Promise 3: a compensation of something that never happened.


def test_3_an_empty_compensation_succeeds_and_leaves_a_tombstone(shelf: Shelf) -> None:
    """Taking back what never happened succeeds, is told so, does nothing, and is remembered."""
    answer = shelf.take_back(Ask().taken_back())
    assert shelf.told == [False]
    assert shelf.changes == []
    assert shelf.outcomes == {KEY: "TOMBSTONE", f"{KEY}/compensation": "APPLIED"}
    assert shelf.take_back(Ask().taken_back()) == answer


def test_3_a_compensation_that_has_something_to_take_back_is_told_so(shelf: Shelf) -> None:
    """A compensation of an applied command learns that there is an effect, and the command is marked."""
    shelf.put(Ask())
    shelf.take_back(Ask().taken_back())
    assert shelf.told == [True]
    assert shelf.outcomes == {KEY: "COMPENSATED", f"{KEY}/compensation": "APPLIED"}


def test_3_a_compensation_of_a_refused_command_has_nothing_to_take_back(shelf: Shelf) -> None:
    """A refused command had no effect: its compensation succeeds and is told that there is none."""
    shelf.refuses = True
    refusal = shelf.put(Ask())
    shelf.refuses = False
    shelf.take_back(Ask().taken_back())
    assert shelf.told == [False]
    assert shelf.changes == []
    assert shelf.put(Ask()) == refusal


def test_3_only_the_key_of_a_compensation_can_compensate(shelf: Shelf) -> None:
    """A compensation under a key that names no forward command is an error that leaves no trace."""
    with pytest.raises(ValueError, match="is not the key of a compensation"):
        shelf.take_back(Ask())
    assert shelf.outcomes == {}


# Promise 4: the forward command after its compensation.


@pytest.mark.parametrize("count", [7, 8], ids=["same payload", "other payload"])
def test_4_a_command_after_its_empty_compensation_has_no_effect(shelf: Shelf, count: int) -> None:
    """A command that arrives late, after it was taken back, is told so every time."""
    shelf.take_back(Ask().taken_back())
    for _ in range(2):
        with pytest.raises(AlreadyCompensated, match="saga-1/Put: this command arrived after its compensation"):
            shelf.put(Ask(count=count))
    assert shelf.changes == []


def test_4_a_command_repeated_after_its_compensation_is_not_told_its_old_success(shelf: Shelf) -> None:
    """A success that was taken back is no success any more."""
    shelf.put(Ask())
    shelf.take_back(Ask().taken_back())
    with pytest.raises(AlreadyCompensated):
        shelf.put(Ask())
    assert shelf.changes == [7, -7]


# Promise 5: two at once.


def test_5_many_at_once_have_one_effect_and_one_answer(shelf: Shelf) -> None:
    """However many deliver the same command at once, it takes effect once and all get the same answer."""
    answers = at_once([lambda: shelf.put(Ask())] * RIVALS)
    assert shelf.changes == [7]
    assert answers == [answers[0]] * RIVALS


def test_5_many_refused_at_once_get_one_refusal(shelf: Shelf) -> None:
    """However many deliver a command at once that is refused, all get the same refusal."""
    shelf.refuses = True
    refusals = at_once([lambda: shelf.put(Ask())] * RIVALS)
    assert shelf.changes == []
    assert refusals == [refusals[0]] * RIVALS


def test_5_many_compensations_at_once_take_back_once(shelf: Shelf) -> None:
    """However many deliver the same compensation at once, it takes back once and all get the same answer."""
    shelf.put(Ask())
    answers = at_once([lambda: shelf.take_back(Ask().taken_back())] * RIVALS)
    assert shelf.changes == [7, -7]
    assert answers == [answers[0]] * RIVALS


def test_5_of_different_payloads_at_once_one_wins(shelf: Shelf) -> None:
    """Of many payloads that race for one key, one takes effect and every other is turned away."""
    outcomes = at_once([partial(outcome_of, shelf.put, Ask(count=count)) for count in range(RIVALS)])
    (winner,) = (count for count, outcome in enumerate(outcomes) if isinstance(outcome, Done))
    assert shelf.changes == [winner]
    assert outcomes.count(KeyReused) == RIVALS - 1


def test_5_the_second_waits_for_the_first_and_gets_its_answer(shelf: Shelf) -> None:
    """A command that comes while the same one is at work does not begin an effect of its own."""
    with ThreadPoolExecutor() as pool, Held(shelf) as held:
        first = pool.submit(shelf.put, Ask())
        held.wait_until_at_work()
        second = pool.submit(shelf.put, Ask())
        held.wait_until_another_asks()
        held.let_go()
    assert second.result() == first.result()
    assert shelf.changes == [7]


def test_5_a_command_takes_over_when_the_one_that_it_waited_for_fails(shelf: Shelf) -> None:
    """When the command at work fails, the same command that waited for it takes effect instead."""
    with ThreadPoolExecutor() as pool, Held(shelf, ending=OSError("disk full")) as held:
        first = pool.submit(shelf.put, Ask())
        held.wait_until_at_work()
        second = pool.submit(shelf.put, Ask())
        held.wait_until_another_asks()
        held.let_go()
    assert isinstance(first.exception(), OSError)
    assert isinstance(second.result(), Done)
    assert shelf.changes == [7]


@pytest.mark.parametrize("later", ["the same command", "its compensation"])
def test_5_whoever_comes_while_a_command_is_being_refused_waits_for_the_refusal(shelf: Shelf, later: str) -> None:
    """The same command gets that refusal, although it would be accepted by now; a compensation has nothing to take back."""
    shelf.refuses = True
    with ThreadPoolExecutor() as pool, Held(shelf) as held:
        refused = pool.submit(shelf.put, Ask())
        held.wait_until_at_work()
        act, command = {"the same command": (shelf.put, Ask()), "its compensation": (shelf.take_back, Ask().taken_back())}[later]
        second = pool.submit(act, command)
        held.wait_until_another_asks()
        shelf.refuses = False
        held.let_go()
    assert isinstance(refused.result(), No)
    assert shelf.told == ([] if second.result() == refused.result() else [False])
    assert shelf.changes == []
    assert shelf.put(Ask()) == refused.result()


def test_5_a_compensation_waits_for_its_command_at_work_and_takes_it_back(shelf: Shelf) -> None:
    """A compensation that comes while its command is at work finds the effect and takes it back."""
    with ThreadPoolExecutor() as pool, Held(shelf) as held:
        put = pool.submit(shelf.put, Ask())
        held.wait_until_at_work()
        taken_back = pool.submit(shelf.take_back, Ask().taken_back())
        held.wait_until_another_asks()
        held.let_go()
    assert isinstance(put.result(), Done)
    assert isinstance(taken_back.result(), Done)
    assert shelf.told == [True]
    assert shelf.changes == [7, -7]


def test_5_a_command_waits_for_its_compensation_at_work_and_comes_too_late(shelf: Shelf) -> None:
    """A command that comes while its empty compensation is at work has no effect."""
    with ThreadPoolExecutor() as pool, Held(shelf) as held:
        taken_back = pool.submit(shelf.take_back, Ask().taken_back())
        held.wait_until_at_work()
        late = pool.submit(outcome_of, shelf.put, Ask())
        held.wait_until_another_asks()
        held.let_go()
    assert isinstance(taken_back.result(), Done)
    assert late.result() is AlreadyCompensated
    assert shelf.told == [False]
    assert shelf.changes == []


def test_5_a_command_takes_effect_when_the_compensation_that_it_waited_for_is_refused(shelf: Shelf) -> None:
    """A command that waited for its compensation goes on as if that never was, when that leaves no trace."""
    with ThreadPoolExecutor() as pool, Held(shelf, ending=Refused(No())) as held:
        taken_back = pool.submit(shelf.take_back, Ask().taken_back())
        held.wait_until_at_work()
        put = pool.submit(shelf.put, Ask())
        held.wait_until_another_asks()
        held.let_go()
    assert isinstance(taken_back.exception(), Refused)
    assert isinstance(put.result(), Done)
    assert shelf.changes == [7]


def test_5_no_effect_stands_after_a_compensation_that_raced_its_command(shelf: Shelf) -> None:
    """Whoever comes first, when a command and its compensation race, nothing of the command is left."""
    for number in range(ROUNDS):
        command = Ask(idempotency_key=f"saga-{number}/Put")
        before = len(shelf.changes)
        put, taken_back = at_once(
            [partial(outcome_of, shelf.put, command), partial(outcome_of, shelf.take_back, command.taken_back())]
        )
        assert isinstance(taken_back, Done)
        applied = [7, -7] if isinstance(put, Done) else []
        assert shelf.changes[before:] == applied
        assert shelf.told[-1] is isinstance(put, Done)
        assert outcome_of(shelf.put, command) is AlreadyCompensated
    assert sum(shelf.changes) == 0


def test_5_no_effect_stands_after_duplicates_of_both_raced(shelf: Shelf) -> None:
    """The same holds when command and compensation are each delivered several times at once."""
    for number in range(ROUNDS // 4):
        command = Ask(idempotency_key=f"saga-{number}/Put")
        put, take_back = partial(outcome_of, shelf.put, command), partial(outcome_of, shelf.take_back, command.taken_back())
        outcomes = at_once([put, take_back] * 4)
        puts, taken_back = outcomes[::2], outcomes[1::2]
        assert isinstance(taken_back[0], Done)
        assert taken_back == [taken_back[0]] * 4
        assert all(isinstance(outcome, Done) or outcome is AlreadyCompensated for outcome in puts)
    assert sum(shelf.changes) == 0
    assert len(shelf.told) == ROUNDS // 4


# Promise 6: a refused compensation is not remembered.


@pytest.mark.parametrize("was_put", [True, False])
def test_6_a_refused_compensation_leaves_no_trace_and_may_be_asked_again(shelf: Shelf, was_put: bool) -> None:
    """A refused compensation did nothing, not even in the fence; asked again it may succeed."""
    if was_put:
        shelf.put(Ask())
    outcomes, changes = shelf.outcomes, shelf.changes
    shelf.refuses = True
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            shelf.take_back(Ask().taken_back())
        assert isinstance(refused.value.answer, No)
    assert (shelf.outcomes, shelf.changes) == (outcomes, changes)
    shelf.refuses = False
    shelf.take_back(Ask().taken_back())
    assert shelf.told == [was_put] * 3
    assert sum(shelf.changes) == 0


def test_6_a_command_may_still_come_after_a_refused_compensation(shelf: Shelf) -> None:
    """A refused compensation leaves no tombstone: the command that it did not take back may take effect."""
    shelf.refuses = True
    with pytest.raises(Refused):
        shelf.take_back(Ask().taken_back())
    shelf.refuses = False
    assert isinstance(shelf.put(Ask()), Done)
    assert shelf.changes == [7]


def test_6_a_refused_compensation_may_be_asked_again_with_another_payload(shelf: Shelf) -> None:
    """A refused compensation does not claim its key."""
    shelf.refuses = True
    with pytest.raises(Refused):
        shelf.take_back(Ask(count=8).taken_back())
    shelf.refuses = False
    shelf.put(Ask(count=7))
    shelf.take_back(Ask(count=7).taken_back())
    assert shelf.changes == [7, -7]


# One transaction: the fence's row and the effect stand or fall together.


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
    """An effect that raises, or whose commit fails, leaves neither effect nor fence row, and can be tried again."""
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
    """A compensation that raises, or whose commit fails, leaves the command as it stood, and can be tried again."""
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
    """When it goes wrong after the effect and before the commit, the effect is undone with everything else."""

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


ONE, NONE = {"number": 1_000, "key": "here before", "change": 0}, EFFECTS.c.number == 0


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
    """A refusal stands for "I did nothing": with anything written it is an error, and neither of the two is kept."""
    with shelf.engine.begin() as connection:
        connection.execute(sa.insert(EFFECTS).values(ONE))

    def effect(connection: sa.Connection) -> No:
        connection.execute(statement, parameters)
        return No()

    with pytest.raises(RuntimeError, match=r"saga-1/Put: refused after writing: (INSERT|UPDATE|DELETE)"):
        Fence(shelf.engine, FENCE).forward(Ask(), Done(), effect, No)
    assert (shelf.outcomes, shelf.changes) == ({}, [0])


def test_an_effect_may_refuse_after_it_looked_or_found_nothing_to_write_to(shelf: Shelf) -> None:
    """Reading, locking, and writing that finds no row to change, nor a free key, leave nothing behind."""
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


class Held:
    """Holds the next effect, with its transaction open, until it is let go; then ends it, with an error if one is given."""

    def __init__(self, shelf: Shelf, ending: Exception | None = None) -> None:
        self._shelf = shelf
        self._ending = ending
        self._holder: int | None = None
        self._at_work, self._another_asks, self._free = threading.Event(), threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        """Hold whatever effect comes next."""
        self._shelf.before_commit = self._hold
        sa.event.listen(self._shelf.engine, "before_cursor_execute", self._hear)
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave no thread waiting, also when the test failed."""
        self.let_go()

    def wait_until_at_work(self) -> None:
        """Wait until an effect is being held."""
        assert self._at_work.wait(WAIT_SECONDS)

    def wait_until_another_asks(self) -> None:
        """Wait until another thread sends the database its first statement."""
        assert self._another_asks.wait(WAIT_SECONDS)

    def let_go(self) -> None:
        """Let the effect that is held end."""
        self._free.set()

    def _hold(self, _connection: sa.Connection) -> None:
        if self._at_work.is_set():
            return
        self._holder = threading.get_ident()
        self._at_work.set()
        assert self._free.wait(WAIT_SECONDS)
        if self._ending is not None:
            raise self._ending

    def _hear(self, *_statement: object) -> None:
        if self._at_work.is_set() and threading.get_ident() != self._holder:
            self._another_asks.set()
