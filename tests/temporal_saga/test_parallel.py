"""Steps side by side, before the pivot: each records its own result, and all end before the rollback starts."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from temporal_saga.history import project
from temporal_saga.testing import Script
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.stories import (
    BROKEN,
    EVERYTHING,
    SOLD_OUT,
    STORIES,
    Cancel,
    book,
    both,
    by_signal,
    by_temporal,
    by_update,
    failed_for,
    goes_on,
    take_back,
)
from tests.temporal_saga.trip_words import (
    TAKES_BACK,
    BookFlightCommand,
    BookHotelCommand,
    CancelFlightCommand,
    CancelHotelCommand,
    RefundCommand,
    SendTicketCommand,
    SendVoucherCommand,
)
from tests.temporal_saga.words import Command, yes

UNDOING: dict[type[Command], type[Command]] = {
    BookFlightCommand: CancelFlightCommand,
    BookHotelCommand: CancelHotelCommand,
}

each_branch = pytest.mark.parametrize("branch", [0, 1], ids=["flight", "hotel"])
each_way = pytest.mark.parametrize(
    "cancel", [by_signal, by_update, by_temporal], ids=lambda way: way.__name__
)
each_way_without_a_worker = pytest.mark.parametrize(
    "cancel", [by_signal, by_temporal], ids=lambda way: way.__name__
)
once_and_twice = pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@pytest.mark.parametrize("cache", [1000, 0], ids=["cached", "evicted"])
async def test_a_story_is_the_same_with_and_without_a_cache(
    play: Play, story: Callable[[Script], Awaitable[None]], cache: int
) -> None:
    """A worker that forgets everything between two workflow tasks, with branches under way, replays them and goes on."""
    async with play(max_cached_workflows=cache) as script:
        await story(script)


async def test_results_come_in_the_order_of_the_branches(script: Script) -> None:
    """Whoever answers first."""
    flight, hotel = await book(script)
    await both(script, hotel, flight)
    ticket, voucher = await script.expect_all(SendTicketCommand, SendVoucherCommand)
    await both(script, voucher, ticket)
    assert await script.completed() == ["BookFlight", "BookHotel", "SendTicket", "SendVoucher"]


@each_branch
async def test_a_refused_branch_waits_for_its_sibling_which_is_taken_back(
    script: Script, branch: int
) -> None:
    """The refused did nothing and is not compensated; the other is not cut in half, and is compensated once it is done."""
    bookings = await book(script)
    refused, other = bookings[branch], bookings[1 - branch]
    script.answer(SOLD_OUT, to=refused)
    await goes_on(script)
    script.answer(yes(other))
    await take_back(script, UNDOING[type(other)], RefundCommand)
    assert await failed_for(script) == ("SOLD_OUT", type(refused).__name__.removesuffix("Command"))


@each_branch
async def test_a_branch_that_was_done_is_taken_back_when_its_sibling_is_refused(
    script: Script, branch: int
) -> None:
    """The sibling's failure does not lose its result."""
    bookings = await book(script)
    done = bookings[branch]
    script.answer(yes(done), to=done)
    await goes_on(script)
    script.answer(SOLD_OUT)
    await take_back(script, UNDOING[type(done)], RefundCommand)
    await script.failed()


@each_branch
async def test_an_unknown_branch_is_taken_back_with_its_sibling(
    script: Script, branch: int
) -> None:
    """What may have been done is compensated in the reverse order of the branches, whichever of them it is."""
    bookings = await book(script)
    unknown, other = bookings[branch], bookings[1 - branch]
    script.fail(BROKEN, to=unknown)
    await goes_on(script)
    script.answer(yes(other))
    await take_back(script, *EVERYTHING)
    assert await failed_for(script) == (
        "STEP_UNAVAILABLE",
        type(unknown).__name__.removesuffix("Command"),
    )


async def test_a_branch_that_fails_after_its_sibling_was_refused_is_tried_to_its_end(
    script: Script,
) -> None:
    """The refusal does not stop the other's retries, so that its outcome is known when the saga rolls back."""
    flight, hotel = await book(script)
    script.answer(SOLD_OUT, to=hotel)
    script.fail(RuntimeError("the airline is away"), to=flight)
    script.answer(yes(await script.expect(BookFlightCommand, attempt=2)))
    await take_back(script, CancelFlightCommand, RefundCommand)
    await script.failed()


@each_branch
async def test_when_all_are_refused_the_first_in_order_is_the_reason(
    script: Script, branch: int
) -> None:
    """Whoever refuses first; and neither is compensated."""
    bookings = await book(script)
    script.answer(SOLD_OUT, to=bookings[branch])
    await goes_on(script)
    script.answer(SOLD_OUT)
    await take_back(script, RefundCommand)
    assert await failed_for(script) == ("SOLD_OUT", "BookFlight")


@each_branch
async def test_of_a_refused_and_an_unknown_branch_the_first_in_order_is_the_reason(
    script: Script, branch: int
) -> None:
    """And the unknown one alone is compensated."""
    bookings = await book(script)
    unknown, refused = bookings[branch], bookings[1 - branch]
    script.answer(SOLD_OUT, to=refused)
    script.fail(BROKEN, to=unknown)
    await take_back(script, UNDOING[type(unknown)], RefundCommand)
    assert await failed_for(script) == (("STEP_UNAVAILABLE", "SOLD_OUT")[branch], "BookFlight")


@each_way
@once_and_twice
async def test_a_cancel_waits_for_all_branches_and_takes_them_back(
    script: Script, cancel: Cancel, times: int
) -> None:
    """Neither is cut in half, and the saga does not get to its pivot."""
    flight, hotel = await book(script)
    for _ in range(times):
        await cancel(script)
    await goes_on(script)
    script.answer(yes(hotel), to=hotel)
    await goes_on(script)
    script.answer(yes(flight))
    await take_back(script, *EVERYTHING)
    assert await failed_for(script) == ("CANCELLED", None)


@each_way_without_a_worker
@each_branch
@pytest.mark.parametrize("cancel_first", [False, True], ids=["success_first", "cancel_first"])
async def test_a_cancel_in_one_workflow_task_with_a_success_loses_neither(
    script: Script, cancel: Cancel, branch: int, cancel_first: bool
) -> None:
    """The branch's result is recorded, and the one still under way is awaited."""
    bookings = await book(script)
    done, other = bookings[branch], bookings[1 - branch]
    async with script.orchestrator_away():
        if cancel_first:
            await cancel(script)
        script.answer(yes(done), to=done)
        await script.recorded()
        if not cancel_first:
            await cancel(script)
    await goes_on(script)
    script.answer(yes(other))
    await take_back(script, *EVERYTHING)
    assert await failed_for(script) == ("CANCELLED", None)


@each_way_without_a_worker
async def test_a_cancel_in_one_workflow_task_with_every_success_takes_all_back(
    script: Script, cancel: Cancel
) -> None:
    """All branches are done and the pivot comes next, but the cancel came before it."""
    flight, hotel = await book(script)
    async with script.orchestrator_away():
        await both(script, flight, hotel)
        await script.recorded()
        await cancel(script)
    await take_back(script, *EVERYTHING)
    assert await failed_for(script) == ("CANCELLED", None)


@each_way
async def test_a_refusal_after_a_cancel_is_the_reason(script: Script, cancel: Cancel) -> None:
    """What a participant said is looked at first."""
    flight, hotel = await book(script)
    await cancel(script)
    script.answer(SOLD_OUT, to=hotel)
    await goes_on(script)
    script.answer(yes(flight))
    await take_back(script, CancelFlightCommand, RefundCommand)
    assert await failed_for(script) == ("SOLD_OUT", "BookHotel")


async def test_cancels_while_branches_are_taken_back_stop_nothing(script: Script) -> None:
    """Twice at each compensation, and together with its answer."""
    flight, hotel = await book(script)
    await by_temporal(script)
    await both(script, flight, hotel)
    for kind in EVERYTHING:
        undoing = await script.expect_compensation(kind, of=TAKES_BACK[kind])
        await by_temporal(script)
        async with script.orchestrator_away():
            script.answer(yes(undoing))
            await script.recorded()
            await by_temporal(script)
    assert await failed_for(script) == ("CANCELLED", None)


async def test_a_deadline_ends_the_branch_that_is_under_way(script: Script) -> None:
    """Its outcome is unknown: it is compensated with the sibling that was done in time."""
    flight, hotel = await book(script, 2)
    script.answer(yes(flight), to=flight)
    script.ignore(to=hotel)
    await take_back(script, *EVERYTHING)
    assert await failed_for(script) == ("DEADLINE_EXCEEDED", "BookHotel")


async def test_branches_that_were_done_in_time_stand_though_nobody_was_there(
    script: Script,
) -> None:
    """Both succeed in time, and the orchestrator is down until it is too late: the trip goes on past its pivot."""
    flight, hotel = await book(script, 2)
    async with script.orchestrator_away():
        await both(script, flight, hotel)
        await script.recorded()
        await asyncio.sleep(2)
    for command in await script.expect_all(SendTicketCommand, SendVoucherCommand):
        script.answer(yes(command), to=command)
    await script.completed()


async def test_all_branches_end_before_the_rollback_starts(script: Script) -> None:
    """In the server's own record, no compensation is scheduled before the last branch has ended."""
    flight, hotel = await book(script)
    script.answer(SOLD_OUT, to=flight)
    await goes_on(script)
    script.answer(yes(hotel))
    await take_back(script, CancelHotelCommand, RefundCommand)
    await script.failed()
    assert script.history is not None
    moments = project(script.history.events, lambda payload: json.loads(payload.data))
    assert [
        f"{moment.command} {'sent' if moment.kind == 'command' else 'ended'}" for moment in moments
    ] == [
        *("ChargeCommand sent", "ChargeCommand ended"),
        *(
            "BookFlightCommand sent",
            "BookHotelCommand sent",
            "BookFlightCommand ended",
            "BookHotelCommand ended",
        ),
        *(
            "CancelHotelCommand sent",
            "CancelHotelCommand ended",
            "RefundCommand sent",
            "RefundCommand ended",
        ),
    ]
