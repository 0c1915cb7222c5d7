"""The trip of `examples/trip.py` as it stands, with what people may say to any saga."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType

from examples.trip import Trip
from examples.trip_record import CancelTripCommand
from examples.trip_steps import (
    BookFlightCommand,
    CancelFlightCommand,
    TakePaymentCommand,
)
from temporal_saga.workflow import Policy
from tests.temporal_saga.attention import until_stuck
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trips import (
    BOOKED,
    BOOKINGS_BACK,
    BROKEN,
    ORDER,
    SOLD_OUT,
    all_succeed,
    begin_booking,
    book,
    is_cancelled,
    papers_are_sent,
    take_back,
    until,
    yes,
)

THOUGHTFUL = replace(ORDER, may_change_mind_seconds=3600)
OTTO = {"by": "otto", "reason": "rain"}


async def test_a_trip_is_booked_side_by_side_paid_once_and_told_of(play: Play) -> None:
    """The traveller confirms; behind the pivot, ticket and voucher are sent."""
    async with play(Trip) as script:
        await book(script, THOUGHTFUL)
        await until(script, EventType.EVENT_TYPE_TIMER_STARTED)
        await script.handle.signal("confirm")
        script.answer(yes(await script.expect(TakePaymentCommand, amount_minor=99900)))
        assert await papers_are_sent(script) == [*BOOKED, "SendTicket", "SendVoucher"]


async def test_a_traveller_who_changes_their_mind_has_nothing_booked(play: Play) -> None:
    """Any saga takes a cancel; one that comes in the pause ends it."""
    async with play(Trip) as script:
        await book(script, THOUGHTFUL)
        await until(script, EventType.EVENT_TYPE_TIMER_STARTED)
        await script.handle.execute_update("request_cancel", OTTO)
        await take_back(script, *BOOKINGS_BACK)
        assert (await is_cancelled(script)).message == "cancelled by otto: rain"


async def test_a_person_settles_what_is_stuck(play: Play) -> None:
    """The airline does not cancel, which keeps nobody else waiting."""
    policy = Policy(stuck_attempts=1, longest_pause=timedelta(hours=1))
    async with play(Trip, policy=policy) as script:
        flight, hotel, car = await begin_booking(script)
        script.fail(SOLD_OUT, to=car)
        all_succeed(script, flight, hotel)
        await take_back(script, BOOKINGS_BACK[1])
        await script.expect_compensation(CancelFlightCommand, of=BookFlightCommand)
        script.fail(BROKEN)
        await until_stuck(script)
        settlement: dict[str, Any] = {**OTTO, "step": "BookFlight", "evidence": "ticket 12"}
        await script.handle.signal("settle_step", settlement)
        await take_back(script, CancelTripCommand)
        assert (await script.failed()).details[0]["reason"] == "SoldOut"
