"""Steps side by side before the pivot: each has its own result; all end before the rollback."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from examples.trip_steps import (
    BookFlightCommand,
    CancelCarCommand,
    CancelFlightCommand,
    CancelHotelCommand,
    TakePaymentCommand,
)
from temporal_saga.command_names import command_name
from temporal_saga.history import project
from temporal_saga.testing import Script
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trips import (
    BOOKED,
    BOOKINGS_BACK,
    BROKEN,
    ORDER,
    SOLD_OUT,
    STORIES,
    TAKEN_BACK_BY,
    all_succeed,
    begin_booking,
    failed_for,
    goes_on,
    is_cancelled,
    papers_are_sent,
    take_back,
    yes,
)

each_branch = pytest.mark.parametrize("branch", [0, 1, 2], ids=["flight", "hotel", "car"])


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@pytest.mark.parametrize("cache", [1000, 0], ids=["cached", "evicted"])
async def test_a_story_is_the_same_with_and_without_a_cache(
    play: Play, story: Callable[[Script], Awaitable[None]], cache: int
) -> None:
    """A worker that forgets everything between two workflow tasks replays them and goes on."""
    async with play(max_cached_workflows=cache) as script:
        await story(script)


@each_branch
async def test_results_come_in_the_order_of_the_branches(script: Script, branch: int) -> None:
    """Whoever answers first."""
    bookings = list(await begin_booking(script))
    first = bookings.pop(branch)
    all_succeed(script, first, *reversed(bookings))
    script.answer(yes(await script.expect(TakePaymentCommand)))
    assert await papers_are_sent(script) == [*BOOKED, "SendTicket", "SendVoucher"]


@each_branch
async def test_a_refused_branch_waits_for_its_siblings_which_are_taken_back(
    script: Script, branch: int
) -> None:
    """The refused did nothing; the others are not cut in half, and are taken back once done."""
    bookings = list(await begin_booking(script))
    refused_booking = bookings.pop(branch)
    script.fail(SOLD_OUT, to=refused_booking)
    await goes_on(script)
    all_succeed(script, bookings[0])
    await goes_on(script)
    all_succeed(script, bookings[1])
    await take_back(script, *(TAKEN_BACK_BY[type(booking)] for booking in reversed(bookings)))
    assert await failed_for(script) == ("SoldOut", command_name(type(refused_booking)))


@each_branch
async def test_a_branch_that_was_done_is_taken_back_when_its_siblings_are_refused(
    script: Script, branch: int
) -> None:
    """The siblings' failure does not lose its result."""
    bookings = list(await begin_booking(script))
    booking_done = bookings.pop(branch)
    all_succeed(script, booking_done)
    await goes_on(script)
    for refused_booking in bookings:
        script.fail(SOLD_OUT, to=refused_booking)
    await take_back(script, TAKEN_BACK_BY[type(booking_done)])
    assert await failed_for(script) == ("SoldOut", command_name(type(bookings[0])))


@each_branch
async def test_an_unknown_branch_is_taken_back_with_its_siblings(
    script: Script, branch: int
) -> None:
    """What may have been done is compensated, in the reverse order of the branches."""
    bookings = list(await begin_booking(script))
    unknown_booking = bookings.pop(branch)
    script.fail(BROKEN, to=unknown_booking)
    await goes_on(script)
    all_succeed(script, *bookings)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("STEP_UNAVAILABLE", command_name(type(unknown_booking)))


async def test_a_branch_that_fails_after_its_sibling_was_refused_is_tried_to_its_end(
    script: Script,
) -> None:
    """The refusal does not stop the other's retries: its outcome is known at the rollback."""
    flight, hotel, car = await begin_booking(script)
    script.fail(SOLD_OUT, to=hotel)
    all_succeed(script, car)
    script.fail(RuntimeError("the airline is away"), to=flight)
    script.answer(yes(await script.expect(BookFlightCommand, attempt=2)))
    await take_back(script, CancelCarCommand, CancelFlightCommand)
    assert await failed_for(script) == ("SoldOut", "BookHotel")


@each_branch
async def test_when_all_are_refused_the_first_in_order_is_the_reason(
    script: Script, branch: int
) -> None:
    """Whoever refuses first; and none is compensated."""
    bookings = list(await begin_booking(script))
    script.fail(SOLD_OUT, to=bookings.pop(branch))
    await goes_on(script)
    for refused_booking in bookings:
        script.fail(SOLD_OUT, to=refused_booking)
    assert await failed_for(script) == ("SoldOut", "BookFlight")


@each_branch
async def test_of_refused_and_unknown_branches_the_first_in_order_is_the_reason(
    script: Script, branch: int
) -> None:
    """And the unknown one alone is compensated."""
    bookings = list(await begin_booking(script))
    unknown_booking = bookings.pop(branch)
    for refused_booking in bookings:
        script.fail(SOLD_OUT, to=refused_booking)
    script.fail(BROKEN, to=unknown_booking)
    await take_back(script, TAKEN_BACK_BY[type(unknown_booking)])
    reason = "STEP_UNAVAILABLE" if branch == 0 else "SoldOut"
    assert await failed_for(script) == (reason, "BookFlight")


async def test_a_deadline_ends_the_branch_that_is_under_way(script: Script) -> None:
    """Its outcome is unknown: it is compensated with the siblings that were done in time."""
    flight, hotel, car = await begin_booking(script, replace(ORDER, deadline_seconds=2))
    all_succeed(script, flight, car)
    script.ignore(to=hotel)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("DEADLINE_EXCEEDED", "BookHotel")


async def test_branches_that_were_done_in_time_stand_though_nobody_was_there(
    script: Script,
) -> None:
    """All succeed in time, and the orchestrator is down until it is too late: the trip goes on."""
    bookings = await begin_booking(script, replace(ORDER, deadline_seconds=2))
    async with script.orchestrator_away():
        all_succeed(script, *bookings)
        await script.recorded()
        await asyncio.sleep(2)
    script.answer(yes(await script.expect(TakePaymentCommand)))
    assert await papers_are_sent(script) == [*BOOKED, "SendTicket", "SendVoucher"]


async def test_all_branches_end_before_the_rollback_starts(script: Script) -> None:
    """In the server's own record, no compensation is sent before the last branch has ended."""
    flight, hotel, car = await begin_booking(script)
    script.fail(SOLD_OUT, to=flight)
    await goes_on(script)
    all_succeed(script, hotel, car)
    await take_back(script, CancelCarCommand, CancelHotelCommand)
    await is_cancelled(script)
    assert script.history is not None
    moments = project(script.history.events, lambda payload: json.loads(payload.data))
    steps = [
        f"{moment.command} {'sent' if moment.kind == 'command' else 'ended'}"
        for moment in moments
        if moment.participant != "archive"
    ]
    bookings = [f"{name}Command" for name in BOOKED]
    assert steps[:3] == [f"{name} sent" for name in bookings]
    assert sorted(steps[3:6]) == sorted(f"{name} ended" for name in bookings)
    assert steps[6:] == [
        "CancelCarCommand sent",
        "CancelCarCommand ended",
        "CancelHotelCommand sent",
        "CancelHotelCommand ended",
    ]
