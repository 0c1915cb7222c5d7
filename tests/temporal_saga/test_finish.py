"""Steps side by side after the pivot: each is tried until it is done, whoever cancels."""

import pytest

from examples.trip_steps import SendTicketCommand
from temporal_saga.testing import Script
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trips import (
    BOOKED,
    BROKEN,
    Cancel,
    all_succeed,
    by_signal,
    by_temporal,
    by_update,
    is_confirmed,
    pass_the_pivot,
    yes,
)

ALL_DONE = [*BOOKED, "SendTicket", "SendVoucher"]

each_way = pytest.mark.parametrize(
    "cancel", [by_signal, by_update, by_temporal], ids=lambda way: way.__name__
)
each_command = pytest.mark.parametrize("number", [0, 1], ids=["ticket", "voucher"])


@each_way
@each_command
async def test_a_cancel_between_two_answers_changes_nothing(
    script: Script, cancel: Cancel, number: int
) -> None:
    """Past the pivot the saga only goes on: the other one is still awaited."""
    sending = await pass_the_pivot(script)
    assert (await script.handle.query("status"))["state"] == "COMPLETED"
    all_succeed(script, sending[number])
    await cancel(script)
    await cancel(script)
    script.answer(yes(sending[1 - number]))
    assert await is_confirmed(script) == ALL_DONE


@each_command
async def test_a_cancel_in_one_workflow_task_with_a_success_changes_nothing(
    script: Script, number: int
) -> None:
    """Neither result is lost."""
    sending = await pass_the_pivot(script)
    async with script.orchestrator_away():
        all_succeed(script, sending[number])
        await script.recorded()
        await by_temporal(script)
    script.answer(yes(sending[1 - number]))
    assert await is_confirmed(script) == ALL_DONE


@pytest.mark.parametrize("cache", [1000, 0], ids=["cached", "evicted"])
async def test_one_that_fails_is_tried_again_while_the_other_is_done(
    play: Play, cache: int
) -> None:
    """An outage of one does not keep the other, nor does the other's success end the tries."""
    async with play(max_cached_workflows=cache) as script:
        ticket, voucher = await pass_the_pivot(script)
        script.fail(RuntimeError("the printer is away"), to=ticket)
        await script.expect(SendTicketCommand, attempt=2)
        all_succeed(script, voucher)
        await script.recorded()
        script.fail(RuntimeError("the printer is still away"))
        script.answer(yes(await script.expect(SendTicketCommand, attempt=3)))
        assert await is_confirmed(script) == ALL_DONE


async def test_one_that_is_stuck_is_settled_while_the_other_is_under_way(script: Script) -> None:
    """It has no event, and the other one's is not lost."""
    ticket, voucher = await pass_the_pivot(script)
    script.fail(BROKEN, to=ticket)
    await script.recorded()
    assert await script.handle.query("closing"), "the saga has heard that it is stuck"
    await script.handle.signal("settle", args=["SendTicket", "otto", "handed over"])
    script.answer(yes(voucher))
    assert await is_confirmed(script) == [*BOOKED, None, "SendVoucher"]


async def test_both_answered_in_one_workflow_task_are_both_recorded(script: Script) -> None:
    """In whatever order."""
    ticket, voucher = await pass_the_pivot(script)
    async with script.orchestrator_away():
        all_succeed(script, voucher, ticket)
        await script.recorded()
    assert await is_confirmed(script) == ALL_DONE
