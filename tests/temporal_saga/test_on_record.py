"""Every saga with a record gets reset, restart and settlement: here a trip, that is no order."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from examples.trip_steps import (
    BookFlightCommand,
    BookHotelCommand,
    CancelFlightCommand,
    CancelHotelCommand,
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
from tests.temporal_saga.trips import BROKEN, ORDER, SOLD_OUT, yes

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
    assert await script.completed() == ["booked"]


async def test_a_rollback_closes_the_record_last(script: Script) -> None:
    """Of a saga that was the first of its id, only what it did itself is taken back."""
    await script.start(ORDER)
    await opened(script)
    await obey(script, BookFlightCommand)
    await script.expect(BookHotelCommand)
    script.fail(SOLD_OUT)
    await take_back(script, CancelFlightCommand, TakeTripBackCommand)
    assert (await script.failed()).details[0] == ["rolling back", "rolled back"]


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
    assert await script.completed() == ["booked before"]


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
    memo = SagaMemo.of(await (await script.handle.describe()).memo())
    settled = {r.step: r.settlement and r.settlement.by for r in memo.retriables}
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
