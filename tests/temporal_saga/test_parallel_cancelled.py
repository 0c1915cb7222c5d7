"""Steps side by side before the pivot, and somebody cancels: none is lost, none is cut in half."""

import pytest

from examples.trip_steps import CancelCarCommand, CancelFlightCommand
from temporal_saga.testing import Script
from tests.temporal_saga.trips import (
    BOOKINGS_BACK,
    SOLD_OUT,
    TAKES_BACK,
    Cancel,
    all_succeed,
    begin_booking,
    by_signal,
    by_temporal,
    by_update,
    failed_for,
    goes_on,
    take_back,
    yes,
)

each_branch = pytest.mark.parametrize("branch", [0, 1, 2], ids=["flight", "hotel", "car"])
each_way = pytest.mark.parametrize(
    "cancel", [by_signal, by_update, by_temporal], ids=lambda way: way.__name__
)
each_way_without_a_worker = pytest.mark.parametrize(
    "cancel", [by_signal, by_temporal], ids=lambda way: way.__name__
)
once_and_twice = pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])


@each_way
@once_and_twice
async def test_a_cancel_waits_for_all_branches_and_takes_them_back(
    script: Script, cancel: Cancel, times: int
) -> None:
    """None is cut in half, and the saga does not get to its next step."""
    flight, hotel, car = await begin_booking(script)
    for _ in range(times):
        await cancel(script)
    await goes_on(script)
    all_succeed(script, hotel, car)
    await goes_on(script)
    all_succeed(script, flight)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


@each_way_without_a_worker
@each_branch
@pytest.mark.parametrize("cancel_first", [False, True], ids=["success_first", "cancel_first"])
async def test_a_cancel_in_one_workflow_task_with_a_success_loses_neither(
    script: Script, cancel: Cancel, branch: int, cancel_first: bool
) -> None:
    """The branch's result is recorded, and those still under way are awaited."""
    bookings = list(await begin_booking(script))
    booking_done = bookings.pop(branch)
    async with script.orchestrator_away():
        if cancel_first:
            await cancel(script)
        all_succeed(script, booking_done)
        await script.recorded()
        if not cancel_first:
            await cancel(script)
    await goes_on(script)
    all_succeed(script, *bookings)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


@each_way_without_a_worker
async def test_a_cancel_in_one_workflow_task_with_every_success_takes_all_back(
    script: Script, cancel: Cancel
) -> None:
    """All branches are done and the payment comes next, but the cancel came before it."""
    bookings = await begin_booking(script)
    async with script.orchestrator_away():
        all_succeed(script, *bookings)
        await script.recorded()
        await cancel(script)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


@each_way
async def test_a_refusal_after_a_cancel_is_the_reason(script: Script, cancel: Cancel) -> None:
    """What a participant said is looked at first."""
    flight, hotel, car = await begin_booking(script)
    await cancel(script)
    script.fail(SOLD_OUT, to=hotel)
    await goes_on(script)
    all_succeed(script, car, flight)
    await take_back(script, CancelCarCommand, CancelFlightCommand)
    assert await failed_for(script) == ("SoldOut", "BookHotel")


async def test_cancels_while_branches_are_taken_back_stop_nothing(script: Script) -> None:
    """Twice at each compensation, and together with its answer."""
    bookings = await begin_booking(script)
    await by_temporal(script)
    all_succeed(script, *bookings)
    for kind in BOOKINGS_BACK:
        compensation = await script.expect_compensation(kind, of=TAKES_BACK[kind])
        await by_temporal(script)
        async with script.orchestrator_away():
            script.answer(yes(compensation))
            await script.recorded()
            await by_temporal(script)
    assert await failed_for(script) == ("CANCELLED", None)
