"""What a saga makes of the fence's errors when a participant lets them pass, and of odd words."""

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from examples.trip_record import OpenTripCommand
from examples.trip_steps import (
    BookCarCommand,
    CancelCarCommand,
    CancelFlightCommand,
    CancelHotelCommand,
)
from temporal_saga.fence import AlreadyCompensated, KeyReused
from temporal_saga.policy import ALREADY_COMPENSATED, KEY_REUSED
from temporal_saga.testing import Script
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trips import (
    BOOKINGS,
    BOOKINGS_BACK,
    ORDER,
    SOLD_OUT,
    all_succeed,
    begin_paying,
    by_signal,
    failed_for,
    is_opened,
    take_back,
    until,
)

LATE = ApplicationError("this command came late", type=AlreadyCompensated.__name__)
"""As Temporal makes it of an exception that an activity raises: it could be tried again."""

REUSED = ApplicationError("this key was used before", type=KeyReused.__name__)


def test_the_saga_knows_the_fences_errors_by_their_types() -> None:
    """The halves share no import, so the names are said twice."""
    assert AlreadyCompensated.__name__ == ALREADY_COMPENSATED
    assert KeyReused.__name__ == KEY_REUSED


async def test_a_step_after_its_compensation_is_refused_at_once(script: Script) -> None:
    """It is not tried again, and there is nothing of it to compensate."""
    await begin_paying(script)
    script.fail(LATE)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == (ALREADY_COMPENSATED, "TakePayment")


async def test_an_opening_after_its_compensation_is_refused_at_once(script: Script) -> None:
    """The saga was taken back already: only its record is closed."""
    await script.start(ORDER)
    await script.expect(OpenTripCommand)
    script.fail(LATE)
    assert await failed_for(script) == (ALREADY_COMPENSATED, "OpenTrip")


async def test_an_earlier_run_that_was_taken_back_is_asked_for_once(script: Script) -> None:
    """In-doubt resolution ends with that answer: what this run did is compensated."""
    await script.start(ORDER)
    await is_opened(script, earlier_run="OPEN")
    bookings = await script.expect_all(*BOOKINGS)
    await by_signal(script)
    all_succeed(script, *bookings)
    await script.expect(OpenTripCommand)
    script.fail(LATE)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


async def test_a_compensation_of_a_used_key_is_stuck_at_once(script: Script) -> None:
    """Ten tries would find the same: a person is called, and the other compensations go on."""
    await begin_paying(script)
    script.fail(SOLD_OUT)
    await script.expect_compensation(CancelCarCommand, of=BookCarCommand)
    script.fail(REUSED)
    await take_back(script, CancelHotelCommand, CancelFlightCommand)
    assert await script.handle.query("stuck") == ["BookCar"]
    await script.handle.signal("retry", "BookCar")
    await take_back(script, CancelCarCommand)
    assert await failed_for(script) == ("SoldOut", "TakePayment")


@pytest.mark.parametrize("word", ["PERHAPS", "open"])
async def test_an_unknown_word_for_an_earlier_run_is_a_defect(play: Play, word: str) -> None:
    """It is taken for none of the three: the run stays open for a corrected worker."""
    async with play() as script:
        await script.start(ORDER)
        await is_opened(script, earlier_run=word)
        await until(script, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        assert not script.has_more
