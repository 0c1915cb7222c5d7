"""Every saga with a record gets reset, restart and settlement: here a trip, that is no order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from examples.trip_steps import (
    BookFlightCommand,
    BookHotelCommand,
    CancelFlightCommand,
    CancelHotelCommand,
    Done,
)
from temporal_saga.memo import SagaMemo
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.temporal_saga import trips
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.recorded_trip import RecordedTrip
from tests.temporal_saga.recorded_trip_steps import (
    ConfirmTripCommand,
    OpenTripCommand,
    TakeTripBackCommand,
    TripOpened,
)
from tests.temporal_saga.trip_releases import (
    AskWeatherCommand,
    TripThatFails,
    TripWithoutStep,
    TripWithSleep,
    TripWithTimeout,
)
from tests.temporal_saga.trips import BROKEN, ORDER, SOLD_OUT, until, yes

TAKES_BACK = trips.TAKES_BACK | {TakeTripBackCommand: OpenTripCommand}
NOT_OPENED = ApplicationError("taken back before", type="NotOpened", non_retryable=True)
PATIENT = Policy(stuck_attempts=1, longest_pause=timedelta(hours=1))
"""Stuck after one try, and then tried when somebody says so."""

SOON = Policy(stuck_attempts=1, longest_pause=timedelta(milliseconds=50))


@pytest.fixture
async def script(play: Play) -> AsyncIterator[Script]:
    """One recorded trip's story."""
    async with play(RecordedTrip, policy=PATIENT) as story:
        yield story
        assert story.history, "the story has no end: let the test await completed() or failed()"


async def opened(script: Script, earlier_run: str = "NONE") -> None:
    """Let the archive open the record, and say how an earlier run stands there."""
    await script.expect(OpenTripCommand)
    script.answer(TripOpened(reference="7", earlier_run=earlier_run))


async def memo(script: Script) -> SagaMemo:
    """Return what the saga has decided so far."""
    return SagaMemo.of(await (await script.handle.describe()).memo())


async def obey(script: Script, *commands: type) -> None:
    """Expect these steps in this order, and let them be taken."""
    for kind in commands:
        script.answer(yes(await script.expect(kind)))


async def take_back(script: Script, *commands: type) -> None:
    """Expect these compensations in this order, and let them be carried out."""
    for kind in commands:
        script.answer(yes(await script.expect_compensation(kind, of=TAKES_BACK[kind])))


async def test_the_record_is_opened_first_and_confirmed_last(script: Script) -> None:
    """Around the steps, without a word of it among them."""
    await script.start(ORDER)
    await opened(script)
    await obey(script, BookFlightCommand, BookHotelCommand, ConfirmTripCommand)
    assert await script.completed() == ["completed"]


async def test_a_rollback_closes_the_record_last(script: Script) -> None:
    """Of a saga that was the first of its id, only what it did itself is taken back."""
    await script.start(ORDER)
    await opened(script)
    await obey(script, BookFlightCommand)
    await script.expect(BookHotelCommand)
    script.fail(SOLD_OUT)
    await take_back(script, CancelFlightCommand, TakeTripBackCommand)
    assert (await script.failed()).details[0] == ["rolling back", "rolled back"]


async def flight_is_booked(script: Script) -> None:
    """Start a trip, and let everything before the hotel be done."""
    await script.start(ORDER)
    await opened(script)
    await obey(script, BookFlightCommand)


async def is_taken_back(script: Script, reason: str, message: str) -> None:
    """Expect that the flight is taken back, that the record is closed and why."""
    await script.expect_compensation(CancelFlightCommand, of=BookFlightCommand)
    failure = (await memo(script)).failure
    assert failure is not None
    assert (failure.reason, failure.message, failure.step) == (reason, message, None)
    script.answer(Done(reference="cancelled"))
    await take_back(script, TakeTripBackCommand)
    assert (await script.failed()).details[0] == ["rolling back", "rolled back"]


async def test_an_error_that_is_no_step_s_rolls_the_saga_back(play: Play) -> None:
    """An activity outside of the steps fails: what was done is not left behind."""
    async with play(TripWithoutStep) as script:
        await flight_is_booked(script)
        await script.expect(AskWeatherCommand)
        script.fail(RuntimeError("fog"))
        await is_taken_back(script, "UNCAUGHT_ERROR", "RuntimeError: fog")


async def test_temporals_cancel_of_a_plain_wait_rolls_the_saga_back(play: Play) -> None:
    """It reaches a sleep as an error that ends the workflow."""
    async with play(TripWithSleep) as script:
        await flight_is_booked(script)
        await until(script, EventType.EVENT_TYPE_TIMER_STARTED)
        await script.handle.cancel(reason="rain")
        await is_taken_back(script, "CANCELLED", "cancelled by an operator: rain")


async def test_a_wait_that_times_out_rolls_the_saga_back(play: Play) -> None:
    """Its error would end the workflow."""
    async with play(TripWithTimeout) as script:
        await flight_is_booked(script)
        await is_taken_back(script, "UNCAUGHT_ERROR", "TimeoutError")


async def test_a_plain_failure_of_the_workflow_rolls_the_saga_back(play: Play) -> None:
    """Whoever raises it: no saga ends with its record open."""
    async with play(TripThatFails) as script:
        await flight_is_booked(script)
        await is_taken_back(script, "UNCAUGHT_ERROR", "HotelGone: the hotel has burnt down")


async def test_a_failure_past_the_pivot_closes_the_record_as_completed(play: Play) -> None:
    """Nothing is taken back there; the workflow ends with the error."""
    async with play(TripThatFails) as script:
        await script.start(replace(ORDER, price_minor=0))
        await opened(script)
        await obey(script, BookFlightCommand, BookHotelCommand, ConfirmTripCommand)
        assert (await script.failed()).type == "NoPostcard"


@pytest.mark.parametrize("cache", [1000, 0], ids=["cached", "evicted"])
async def test_a_run_that_leaves_the_cache_in_a_plain_wait_is_not_rolled_back(
    play: Play, caplog: pytest.LogCaptureFixture, cache: int
) -> None:
    """That cancels it as well, also where Temporal has cancelled it before."""
    async with play(TripWithSleep, max_cached_workflows=cache) as script:
        await flight_is_booked(script)
        await until(script, EventType.EVENT_TYPE_TIMER_STARTED)
        async with script.orchestrator_away():
            pass
        await script.handle.cancel()
        await is_taken_back(script, "CANCELLED", "cancelled by an operator")
    assert not [record for record in caplog.records if record.levelname != "INFO"]


async def test_why_it_fails_is_sure_before_it_is_asked_how_an_earlier_run_ended(
    script: Script,
) -> None:
    """The memo says so while that question is open; whoever cancels then hears that it is too late.

    When the earlier run had completed, the saga does not fail.
    """
    await script.start(ORDER)
    for _ in range(2):
        await script.expect(OpenTripCommand)
        script.fail(BROKEN)
    await script.recorded()
    assert await script.handle.query("stuck") == ["OpenTrip"]
    failing = await memo(script)
    assert failing.failure is not None
    assert (failing.failure.reason, failing.failure.step) == ("STEP_UNAVAILABLE", "OpenTrip")
    assert [state.step for state in failing.retriables] == ["OpenTrip"]
    assert await script.handle.execute_update("request_stop") is False
    await script.handle.signal("retry", "OpenTrip")
    await opened(script, "COMPLETED")
    await script.expect(ConfirmTripCommand)
    assert (await memo(script)).failure is None
    script.answer(Done(reference="8"))
    assert await script.completed() == ["completed"]


async def test_a_reset_compensates_what_this_run_never_reached(script: Script) -> None:
    """The run before may have booked the hotel; how far it came is unknown, and is compensated."""
    await script.start(ORDER)
    await opened(script)
    await obey(script, BookFlightCommand)
    await script.expect(BookHotelCommand)
    await script.reset()
    await opened(script, "OPEN")
    flight = await script.expect(BookFlightCommand)
    await script.handle.signal("stop")
    script.answer(yes(flight))
    await opened(script, "OPEN")
    await take_back(script, CancelHotelCommand, CancelFlightCommand, TakeTripBackCommand)
    assert (await script.failed()).message == "CANCELLED"


async def test_a_trip_that_was_booked_before_is_not_booked_again(script: Script) -> None:
    """Nobody can stop it, and nothing is sent again but what closes the record."""
    await script.start(ORDER)
    await script.expect(OpenTripCommand)
    await script.handle.signal("stop")
    await script.handle.cancel()
    script.answer(TripOpened(reference="7", earlier_run="COMPLETED"))
    await obey(script, ConfirmTripCommand)
    assert await script.completed() == ["completed"]


async def test_an_archive_that_refuses_has_nothing_to_close_but_the_record(script: Script) -> None:
    """It was taken back before, or is somebody else's: no step of it is compensated."""
    await script.start(ORDER)
    await script.expect(OpenTripCommand)
    script.fail(NOT_OPENED)
    await take_back(script, TakeTripBackCommand)
    await script.failed()


@pytest.mark.parametrize("known", ["NONE", "OPEN", "COMPLETED"])
async def test_how_an_earlier_run_ended_is_asked_until_it_is_known(play: Play, known: str) -> None:
    """Nothing is taken back, and nothing completed, on a guess."""
    async with play(RecordedTrip, policy=SOON) as script:
        await script.start(ORDER)
        for _ in range(3):
            await script.expect(OpenTripCommand)
            script.fail(BROKEN)
        await opened(script, known)
        if known == "COMPLETED":
            await obey(script, ConfirmTripCommand)
            await script.completed()
            return
        earlier = (CancelHotelCommand, CancelFlightCommand) if known == "OPEN" else ()
        await take_back(script, *earlier, TakeTripBackCommand)
        await script.failed()


async def stuck_flight(script: Script) -> None:
    """The hotel is full, and the flight's booking does not get cancelled."""
    await script.start(ORDER)
    await opened(script)
    await obey(script, BookFlightCommand)
    await script.expect(BookHotelCommand)
    script.fail(SOLD_OUT)
    await script.expect_compensation(CancelFlightCommand, of=BookFlightCommand)
    script.fail(BROKEN)
    await script.recorded()
    assert await script.handle.query("stuck") == ["BookFlight"]


async def test_what_was_settled_stays_settled_after_a_reset(script: Script) -> None:
    """The flight is neither booked nor cancelled again, and the memo names who settled it."""
    await stuck_flight(script)
    await script.handle.signal("settle", "BookFlight")
    await script.expect_compensation(TakeTripBackCommand, of=OpenTripCommand)
    await script.reset()
    await opened(script, "OPEN")
    await opened(script, "OPEN")
    await take_back(script, CancelHotelCommand)
    closing = await script.expect_compensation(TakeTripBackCommand, of=OpenTripCommand)
    retriables = (await memo(script)).retriables
    settled = {r.step: r.settlement and r.settlement.by for r in retriables}
    assert settled == {"BookHotel": None, "BookFlight": "otto", "OpenTrip": None}
    script.answer(yes(closing))
    await script.failed()


async def test_a_question_that_nobody_answers_may_be_settled(script: Script) -> None:
    """What an earlier run did is unknown then, and is taken back."""
    await script.start(ORDER)
    for _ in range(2):
        await script.expect(OpenTripCommand)
        script.fail(BROKEN)
    await script.recorded()
    assert await script.handle.query("stuck") == ["OpenTrip"]
    await script.handle.signal("settle", "OpenTrip")
    await take_back(script, CancelHotelCommand, CancelFlightCommand, TakeTripBackCommand)
    await script.failed()
