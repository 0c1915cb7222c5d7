"""The promises of `Fence` to those who come one after the other."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from temporal_saga.fence import AlreadyCompensated, Fence, FenceError, KeyReused, Refused
from tests.temporal_saga.fenced_participant import FENCE, KEY, Ask, Done, No, Shelf, outcome_of

# Promise 1: the same key twice.


def test_1_a_repeated_command_gets_the_recorded_answer_and_has_no_second_effect(
    shelf: Shelf,
) -> None:
    """However often a command comes, it takes effect once, and the answer is the first one."""
    first = shelf.put(Ask())
    assert isinstance(first, Done)
    assert [shelf.put(Ask()) for _ in range(3)] == [first] * 3
    assert shelf.changes == [7]


def test_1_another_key_is_another_command(shelf: Shelf) -> None:
    """Two keys are two effects, also when they ask for the same."""
    assert shelf.put(Ask(idempotency_key="saga-1/Put")) != shelf.put(
        Ask(idempotency_key="saga-2/Put")
    )
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
    """What a participant has to add is added to a repeated event.

    Never to the first one, and never to a refusal.
    """
    fence = Fence(shelf.engine, FENCE)
    events = []

    def again(_connection: sa.Connection, event: Done) -> Done:
        events.append(event)
        return Done(nonce="news")

    def put(key: str, refusal: No | None) -> Done | No:
        return fence.forward(
            Ask(idempotency_key=key), Done(nonce="old"), lambda _connection: refusal, No, again
        )

    assert [put("accepted", None) for _ in range(3)] == [
        Done(nonce="old"),
        Done(nonce="news"),
        Done(nonce="news"),
    ]
    assert events == [Done(nonce="old")] * 2
    assert put("refused", No(nonce="no")) == put("refused", None) == No(nonce="no")
    assert len(events) == 2


def test_1_a_repeated_compensation_gets_the_recorded_answer_and_has_no_second_effect(
    shelf: Shelf,
) -> None:
    """However often a compensation comes, it takes back once, and the answer is the first one."""
    shelf.put(Ask())
    first = shelf.take_back(Ask().taken_back())
    assert [shelf.take_back(Ask().taken_back()) for _ in range(3)] == [first] * 3
    assert shelf.changes == [7, -7]


def test_1_an_answer_that_was_foreseen_is_recorded_like_any_other(shelf: Shelf) -> None:
    """Whether a compensation answers as expected or not, what it answered is what is recorded."""
    shelf.likely_answer = first = Done()
    assert shelf.take_back(Ask().taken_back()) == first
    shelf.likely_answer = None
    assert shelf.take_back(Ask().taken_back()) == first


def test_1_what_an_earlier_release_recorded_is_still_understood(shelf: Shelf) -> None:
    """Rows as version 0.1 wrote them are answered from, and compensated, like new ones."""
    done_event = '{"nonce":"done"}'
    no = '{"nonce":"no"}'
    ask_parameters = "count=7"
    now = datetime.now(UTC)
    rows = [
        ("applied", "APPLIED", ask_parameters, done_event),
        ("refused", "REFUSED", ask_parameters, no),
        ("compensated", "COMPENSATED", ask_parameters, done_event),
        ("compensated/compensation", "APPLIED", ask_parameters, done_event),
        ("never came", "TOMBSTONE", None, None),
        ("never came/compensation", "APPLIED", ask_parameters, done_event),
    ]
    with shelf.engine.begin() as connection:
        connection.execute(
            sa.insert(FENCE), [dict(zip(FENCE.c.keys(), (*row, now), strict=True)) for row in rows]
        )
    answers = {
        row[0]: outcome_of(shelf.put, Ask(idempotency_key=row[0]))
        for row in rows
        if "/" not in row[0]
    }
    assert answers == {
        "applied": Done(nonce="done"),
        "refused": No(nonce="no"),
        "compensated": AlreadyCompensated,
        "never came": AlreadyCompensated,
    }
    back = {key: shelf.take_back(Ask(idempotency_key=key).taken_back()) for key in answers}
    assert shelf.had_effect == [True, False], (
        "the applied and the refused command; the others were taken back before"
    )
    assert back["compensated"] == back["never came"] == Done(nonce="done")
    assert shelf.changes == [-7]


def test_1_another_participant_object_recalls_the_same_answer(
    shelf: Shelf, engine: sa.Engine
) -> None:
    """What was answered is remembered by the database, not by the process."""
    first = shelf.put(Ask())
    assert Shelf(engine).put(Ask()) == first


# Promise 2: the same key with another payload.


def test_2_another_payload_under_the_same_key_is_an_error_without_effect(shelf: Shelf) -> None:
    """A key that was used for another payload is turned away, and the first effect stays."""
    first = shelf.put(Ask(count=7))
    with pytest.raises(
        KeyReused,
        match="saga-1/Put: this idempotency key was used before, "
        "for a command with another payload",
    ):
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
def test_2_another_payload_of_a_compensation_is_an_error_without_effect(
    shelf: Shelf, was_put: bool
) -> None:
    """A compensation's key, too, belongs to its first payload, also when it took nothing back."""
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
    assert shelf.had_effect == [False]
    assert shelf.changes == []
    assert shelf.outcomes == {KEY: "TOMBSTONE", f"{KEY}/compensation": "APPLIED"}
    assert shelf.take_back(Ask().taken_back()) == answer


def test_3_a_compensation_that_has_something_to_take_back_is_told_so(shelf: Shelf) -> None:
    """A compensation of an applied command learns of its effect, and the command is marked."""
    shelf.put(Ask())
    shelf.take_back(Ask().taken_back())
    assert shelf.had_effect == [True]
    assert shelf.outcomes == {KEY: "COMPENSATED", f"{KEY}/compensation": "APPLIED"}


def test_3_a_compensation_of_a_refused_command_has_nothing_to_take_back(shelf: Shelf) -> None:
    """A refused command had no effect: its compensation succeeds and is told that there is none."""
    shelf.refuses = True
    refusal = shelf.put(Ask())
    shelf.refuses = False
    shelf.take_back(Ask().taken_back())
    assert shelf.had_effect == [False]
    assert shelf.changes == []
    assert shelf.put(Ask()) == refusal


def test_3_only_the_key_of_a_compensation_can_compensate(shelf: Shelf) -> None:
    """A compensation under a key that names no forward command is an error that leaves no trace."""
    with pytest.raises(ValueError, match="is not the key of a compensation"):
        shelf.take_back(Ask())
    assert shelf.outcomes == {}


def test_3_the_key_of_a_compensation_does_nothing_but_compensate(shelf: Shelf) -> None:
    """As a forward command it would leave no tombstone, and its forward command could still come.

    It leaves no trace.
    """
    with pytest.raises(ValueError, match="is the key of a compensation"):
        shelf.put(Ask().taken_back())
    assert (shelf.changes, shelf.outcomes) == ([], {})


# Promise 4: the forward command after its compensation.


@pytest.mark.parametrize("count", [7, 8], ids=["same payload", "other payload"])
def test_4_a_command_after_its_empty_compensation_has_no_effect(shelf: Shelf, count: int) -> None:
    """A command that arrives late, after it was taken back, is told so every time."""
    shelf.take_back(Ask().taken_back())
    for _ in range(2):
        with pytest.raises(
            AlreadyCompensated, match="saga-1/Put: this command arrived after its compensation"
        ):
            shelf.put(Ask(count=count))
    assert shelf.changes == []


def test_4_a_command_repeated_after_its_compensation_is_not_told_its_old_success(
    shelf: Shelf,
) -> None:
    """A success that was taken back is no success any more."""
    shelf.put(Ask())
    shelf.take_back(Ask().taken_back())
    with pytest.raises(AlreadyCompensated):
        shelf.put(Ask())
    assert shelf.changes == [7, -7]


# Promise 6: a refused compensation is not remembered.


@pytest.mark.parametrize("was_put", [True, False])
def test_6_a_refused_compensation_leaves_no_trace_and_may_be_asked_again(
    shelf: Shelf, was_put: bool
) -> None:
    """A refused compensation did nothing, not even in the fence; asked again it may succeed."""
    if was_put:
        shelf.put(Ask())
    outcomes = shelf.outcomes
    changes = shelf.changes
    shelf.refuses = True
    for _ in range(2):
        with pytest.raises(Refused) as error_info:
            shelf.take_back(Ask().taken_back())
        assert isinstance(error_info.value.answer, No)
    assert (shelf.outcomes, shelf.changes) == (outcomes, changes)
    shelf.refuses = False
    shelf.take_back(Ask().taken_back())
    assert shelf.had_effect == [was_put] * 3
    assert sum(shelf.changes) == 0


def test_6_a_command_may_still_come_after_a_refused_compensation(shelf: Shelf) -> None:
    """A refused compensation leaves no tombstone.

    The command that it did not take back may take effect.
    """
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
