"""The fence's promise to those who come at once.

One wins, the others wait and get the winner's answer.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from temporal_saga.fence import AlreadyCompensated, KeyReused, Refused
from tests.concurrency import at_once
from tests.temporal_saga.fenced_participant import Ask, Done, Held, No, Shelf, outcome_of

RIVALS = 16
ROUNDS = 100


def test_5_many_at_once_have_one_effect_and_one_answer(shelf: Shelf) -> None:
    """Of many who deliver a command at once, one takes effect and all get the same answer."""
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
    """Of many who deliver a compensation at once, one takes back and all get the same answer."""
    shelf.put(Ask())
    answers = at_once([lambda: shelf.take_back(Ask().taken_back())] * RIVALS)
    assert shelf.changes == [7, -7]
    assert answers == [answers[0]] * RIVALS


def test_5_of_different_payloads_at_once_one_wins(shelf: Shelf) -> None:
    """Of many payloads that race for one key, one takes effect and every other is turned away."""
    outcomes = at_once(
        [partial(outcome_of, shelf.put, Ask(count=count)) for count in range(RIVALS)]
    )
    (winner,) = (count for count, outcome in enumerate(outcomes) if isinstance(outcome, Done))
    assert shelf.changes == [winner]
    assert outcomes.count(KeyReused) == RIVALS - 1


def test_5_the_second_waits_for_the_first_and_gets_its_answer(shelf: Shelf) -> None:
    """A command that comes while the same one is at work does not begin an effect of its own."""
    with ThreadPoolExecutor() as pool, Held(shelf) as holder:
        first = pool.submit(shelf.put, Ask())
        holder.wait_until_at_work()
        second = pool.submit(shelf.put, Ask())
        holder.wait_until_another_asks()
        holder.let_go()
    assert second.result() == first.result()
    assert shelf.changes == [7]


def test_5_a_command_takes_over_when_the_one_that_it_waited_for_fails(shelf: Shelf) -> None:
    """When the command at work fails, the same command that waited for it takes effect instead."""
    with ThreadPoolExecutor() as pool, Held(shelf, ending=OSError("disk full")) as holder:
        first = pool.submit(shelf.put, Ask())
        holder.wait_until_at_work()
        second = pool.submit(shelf.put, Ask())
        holder.wait_until_another_asks()
        holder.let_go()
    assert isinstance(first.exception(), OSError)
    assert isinstance(second.result(), Done)
    assert shelf.changes == [7]


@pytest.mark.parametrize("later", ["the same command", "its compensation"])
def test_5_whoever_comes_while_a_command_is_being_refused_waits_for_the_refusal(
    shelf: Shelf, later: str
) -> None:
    """The same command gets that refusal, although it would be accepted by now.

    A compensation has nothing to take back.
    """
    shelf.refuses = True
    with ThreadPoolExecutor() as pool, Held(shelf) as holder:
        refusal = pool.submit(shelf.put, Ask())
        holder.wait_until_at_work()
        act, command = {
            "the same command": (shelf.put, Ask()),
            "its compensation": (shelf.take_back, Ask().taken_back()),
        }[later]
        second = pool.submit(act, command)
        holder.wait_until_another_asks()
        shelf.refuses = False
        holder.let_go()
    assert isinstance(refusal.result(), No)
    assert shelf.had_effect == ([] if second.result() == refusal.result() else [False])
    assert shelf.changes == []
    assert shelf.put(Ask()) == refusal.result()


def test_5_a_compensation_waits_for_its_command_at_work_and_takes_it_back(shelf: Shelf) -> None:
    """A compensation that comes while its command is at work finds the effect and takes it back."""
    with ThreadPoolExecutor() as pool, Held(shelf) as holder:
        put = pool.submit(shelf.put, Ask())
        holder.wait_until_at_work()
        taken_back = pool.submit(shelf.take_back, Ask().taken_back())
        holder.wait_until_another_asks()
        holder.let_go()
    assert isinstance(put.result(), Done)
    assert isinstance(taken_back.result(), Done)
    assert shelf.had_effect == [True]
    assert shelf.changes == [7, -7]


def test_5_a_command_waits_for_its_compensation_at_work_and_comes_too_late(shelf: Shelf) -> None:
    """A command that comes while its empty compensation is at work has no effect."""
    with ThreadPoolExecutor() as pool, Held(shelf) as holder:
        taken_back = pool.submit(shelf.take_back, Ask().taken_back())
        holder.wait_until_at_work()
        late = pool.submit(outcome_of, shelf.put, Ask())
        holder.wait_until_another_asks()
        holder.let_go()
    assert isinstance(taken_back.result(), Done)
    assert late.result() is AlreadyCompensated
    assert shelf.had_effect == [False]
    assert shelf.changes == []


def test_5_a_command_takes_effect_when_the_compensation_that_it_waited_for_is_refused(
    shelf: Shelf,
) -> None:
    """A command that waited for a compensation that leaves no trace goes on as if it never was."""
    with ThreadPoolExecutor() as pool, Held(shelf, ending=Refused(No())) as holder:
        taken_back = pool.submit(shelf.take_back, Ask().taken_back())
        holder.wait_until_at_work()
        put = pool.submit(shelf.put, Ask())
        holder.wait_until_another_asks()
        holder.let_go()
    assert isinstance(taken_back.exception(), Refused)
    assert isinstance(put.result(), Done)
    assert shelf.changes == [7]


def test_5_no_effect_stands_after_a_compensation_that_raced_its_command(shelf: Shelf) -> None:
    """When a command and its compensation race, nothing of the command is left, whoever wins."""
    for number in range(ROUNDS):
        command = Ask(idempotency_key=f"saga-{number}/Put")
        before = len(shelf.changes)
        put, taken_back = at_once(
            [
                partial(outcome_of, shelf.put, command),
                partial(outcome_of, shelf.take_back, command.taken_back()),
            ]
        )
        assert isinstance(taken_back, Done)
        changes = [7, -7] if isinstance(put, Done) else []
        assert shelf.changes[before:] == changes
        assert shelf.had_effect[-1] is isinstance(put, Done)
        assert outcome_of(shelf.put, command) is AlreadyCompensated
    assert sum(shelf.changes) == 0


def test_5_no_effect_stands_after_duplicates_of_both_raced(shelf: Shelf) -> None:
    """The same holds when command and compensation are each delivered several times at once."""
    for number in range(ROUNDS // 4):
        command = Ask(idempotency_key=f"saga-{number}/Put")
        put = partial(outcome_of, shelf.put, command)
        take_back = partial(outcome_of, shelf.take_back, command.taken_back())
        outcomes = at_once([put, take_back] * 4)
        puts = outcomes[::2]
        taken_back = outcomes[1::2]
        assert isinstance(taken_back[0], Done)
        assert taken_back == [taken_back[0]] * 4
        assert all(isinstance(outcome, Done) or outcome is AlreadyCompensated for outcome in puts)
    assert sum(shelf.changes) == 0
    assert len(shelf.had_effect) == ROUNDS // 4
