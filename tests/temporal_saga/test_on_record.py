"""Every saga with a record gets reset, restart and settlement: here a trip, that is no order."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from examples.trip_record import (
    CancelTripCommand,
    ConfirmTripCommand,
    OpenTripCommand,
    TripOpened,
)
from examples.trip_steps import (
    CancelFlightCommand,
    RefundPaymentCommand,
)
from temporal_saga.memo import SagaMemo
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trip_releases import (
    AskWeatherCommand,
    TripThatBooksLate,
    TripThatEndsThere,
    TripThatFails,
    TripThatFailsLate,
    TripThatStopsLate,
    TripWithoutStep,
    TripWithSleep,
    TripWithTimeout,
)
from tests.temporal_saga.trips import (
    BOOKED,
    BOOKINGS,
    BOOKINGS_BACK,
    BROKEN,
    EVERYTHING_BACK,
    ORDER,
    SOLD_OUT,
    TAKES_BACK,
    all_succeed,
    begin_booking,
    begin_paying,
    book,
    failed_for,
    is_cancelled,
    is_confirmed,
    is_opened,
    papers_are_sent,
    take_back,
    until,
    yes,
)

REJECTED = ApplicationError("taken back before", type="TripRejected", non_retryable=True)
PATIENT = Policy(stuck_attempts=1, longest_pause=timedelta(hours=1))
"""Stuck after one try, and then tried when somebody says so."""

SOON = Policy(stuck_attempts=1, longest_pause=timedelta(milliseconds=50))


@pytest.fixture
async def script(play: Play) -> AsyncIterator[Script]:
    """One trip's story."""
    async with play(policy=PATIENT) as story:
        yield story
        assert story.history, "the story has no end: let the test await completed() or failed()"


async def memo(script: Script) -> SagaMemo:
    """Return what the saga has decided so far."""
    return SagaMemo.of(await (await script.handle.describe()).memo())


async def test_the_record_is_opened_first_and_confirmed_last(script: Script) -> None:
    """Around the steps, without a word of it among them."""
    script.answer(yes(await begin_paying(script)))
    assert await papers_are_sent(script) == [*BOOKED, "SendTicket", "SendVoucher"]


async def test_a_rollback_closes_the_record_last(script: Script) -> None:
    """Of a saga that was the first of its id, only what it did itself is taken back."""
    await begin_paying(script)
    script.fail(SOLD_OUT)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("SoldOut", "TakePayment")


async def is_taken_back(script: Script, reason: str, message: str) -> None:
    """Expect that the bookings are taken back, that the record is closed and why."""
    first, *others = BOOKINGS_BACK
    compensation: Any = await script.expect_compensation(first, of=TAKES_BACK[first])
    failure = (await memo(script)).failure
    assert failure is not None
    assert (failure.reason, failure.message, failure.step) == (reason, message, None)
    script.answer(yes(compensation))
    await take_back(script, *others)
    assert await failed_for(script) == (reason, None)


async def test_an_error_that_is_no_step_s_rolls_the_saga_back(play: Play) -> None:
    """An activity outside of the steps fails: what was done is not left behind."""
    async with play(TripWithoutStep) as script:
        await book(script)
        await script.expect(AskWeatherCommand)
        script.fail(RuntimeError("fog"))
        await is_taken_back(script, "UNCAUGHT_ERROR", "RuntimeError: fog")


async def test_temporals_cancel_of_a_plain_wait_rolls_the_saga_back(play: Play) -> None:
    """It reaches a sleep as an error that ends the workflow."""
    async with play(TripWithSleep) as script:
        await book(script)
        await until(script, EventType.EVENT_TYPE_TIMER_STARTED)
        await script.handle.cancel(reason="rain")
        await is_taken_back(script, "CANCELLED", "cancelled by an operator: rain")


async def test_a_wait_that_times_out_rolls_the_saga_back(play: Play) -> None:
    """Its error would end the workflow."""
    async with play(TripWithTimeout) as script:
        await book(script)
        await is_taken_back(script, "UNCAUGHT_ERROR", "TimeoutError")


async def test_a_plain_failure_of_the_workflow_rolls_the_saga_back(play: Play) -> None:
    """Whoever raises it: no saga ends with its record open."""
    async with play(TripThatFails) as script:
        await book(script)
        await is_taken_back(script, "UNCAUGHT_ERROR", "HotelGone: the hotel has burnt down")


async def test_a_failure_past_the_pivot_closes_the_record_as_completed(play: Play) -> None:
    """Nothing is taken back there; the workflow ends with the error."""
    async with play(TripThatFailsLate) as script:
        await script.start(ORDER)
        await is_opened(script)
        script.answer(yes(await script.expect(ConfirmTripCommand)))
        assert (await script.failed()).type == "NoPostcard"


@pytest.mark.parametrize(
    ("release", "why"),
    [
        (TripThatBooksLate, "BookFlight comes after the pivot: finish() takes such steps"),
        (TripThatStopsLate, "the flight is gone"),
    ],
)
async def test_what_may_not_come_past_the_pivot_leaves_the_run_open(
    play: Play, release: type, why: str
) -> None:
    """Nothing is sent and nothing taken back: a corrected worker goes on."""
    async with play(release) as script:
        await script.start(ORDER, task_timeout=timedelta(seconds=1))
        await is_opened(script)
        await until(script, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        assert why in str((await script.handle.fetch_history()).events)
        async with script.orchestrator_away(back_as=TripThatEndsThere):
            pass
        script.answer(yes(await script.expect(ConfirmTripCommand)))
        assert await script.handle.result() == []


@pytest.mark.parametrize("cache", [1000, 0], ids=["cached", "evicted"])
async def test_a_run_that_leaves_the_cache_in_a_plain_wait_is_not_rolled_back(
    play: Play, caplog: pytest.LogCaptureFixture, cache: int
) -> None:
    """That cancels it as well, also where Temporal has cancelled it before."""
    async with play(TripWithSleep, max_cached_workflows=cache) as script:
        await book(script)
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
    assert await script.handle.execute_update("request_cancel") is False
    await script.handle.signal("retry", "OpenTrip")
    await is_opened(script, "COMPLETED")
    confirm = await script.expect(ConfirmTripCommand)
    assert (await memo(script)).failure is None
    script.answer(yes(confirm))
    assert await script.completed() == []


async def test_a_reset_compensates_what_this_run_never_reached(script: Script) -> None:
    """The run before may have been paid; how far it came is unknown, and is compensated."""
    await begin_paying(script)
    await script.reset()
    await is_opened(script, "OPEN")
    bookings = await script.expect_all(*BOOKINGS)
    await script.handle.signal("cancel", "rain")
    all_succeed(script, *bookings)
    await is_opened(script, "OPEN")
    await take_back(script, *EVERYTHING_BACK)
    assert (await is_cancelled(script)).message == "rain"


async def test_a_trip_that_was_booked_before_is_not_booked_again(script: Script) -> None:
    """Nobody can stop it, and nothing is sent again but what closes the record."""
    await script.start(ORDER)
    await script.expect(OpenTripCommand)
    await script.handle.signal("cancel")
    await script.handle.cancel()
    script.answer(TripOpened(reference="7", earlier_run="COMPLETED"))
    assert await is_confirmed(script) == []


async def test_an_archive_that_refuses_has_nothing_to_close_but_the_record(script: Script) -> None:
    """It was taken back before, or is somebody else's: no step of it is compensated."""
    await script.start(ORDER)
    await script.expect(OpenTripCommand)
    script.fail(REJECTED)
    assert await failed_for(script) == ("TripRejected", "OpenTrip")


@pytest.mark.parametrize("earlier_run", ["NONE", "OPEN", "COMPLETED"])
async def test_how_an_earlier_run_ended_is_asked_until_it_is_known(
    play: Play, earlier_run: str
) -> None:
    """Nothing is taken back, and nothing completed, on a guess."""
    async with play(policy=SOON) as script:
        await script.start(ORDER)
        for _ in range(3):
            await script.expect(OpenTripCommand)
            script.fail(BROKEN)
        await is_opened(script, earlier_run)
        if earlier_run == "COMPLETED":
            assert await is_confirmed(script) == []
            return
        await take_back(script, *(EVERYTHING_BACK if earlier_run == "OPEN" else ()))
        assert await failed_for(script) == ("STEP_UNAVAILABLE", "OpenTrip")


async def stuck_flight(script: Script) -> None:
    """The hotel is full, and the flight's booking does not get cancelled."""
    flight, hotel, car = await begin_booking(script)
    all_succeed(script, flight)
    script.fail(SOLD_OUT, to=hotel)
    script.fail(SOLD_OUT, to=car)
    await script.expect_compensation(CancelFlightCommand, of=TAKES_BACK[CancelFlightCommand])
    script.fail(BROKEN)
    await script.recorded()
    assert await script.handle.query("stuck") == ["BookFlight"]


SETTLE = ["BookFlight", "otto", "by hand", "ticket 12"]


async def test_what_was_settled_stays_settled_after_a_reset(script: Script) -> None:
    """The flight is neither booked nor cancelled again, and the memo names who settled it."""
    await stuck_flight(script)
    await script.handle.signal("settle", args=SETTLE)
    await script.expect_compensation(CancelTripCommand, of=OpenTripCommand)
    await script.reset()
    await is_opened(script, "OPEN")
    await is_opened(script, "OPEN")
    await take_back(script, RefundPaymentCommand, *BOOKINGS_BACK[:2])
    closing = await script.expect_compensation(CancelTripCommand, of=OpenTripCommand)
    saga_memo = await memo(script)
    settled_by = {r.step: r.settlement.by for r in saga_memo.retriables if r.settlement}
    assert settled_by == {"BookFlight": "otto"}
    assert [(s.name, s.ignored) for s in saga_memo.signals] == [("settle", None)]
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
    await script.handle.signal("settle", args=["OpenTrip", "otto", "by hand", "ticket 12"])
    await take_back(script, *EVERYTHING_BACK)
    await is_cancelled(script)


async def test_the_memo_tells_what_became_of_each_signal(script: Script) -> None:
    """Taken, or why not; and of one that nobody knows."""
    payment = await begin_paying(script)
    for name in ("retry", "dance", "confirm", "cancel"):
        await script.handle.signal(name, "BookFlight")
    script.answer(yes(payment))
    refund: Any = await script.expect_compensation(
        RefundPaymentCommand, of=TAKES_BACK[RefundPaymentCommand]
    )
    await script.handle.signal("cancel")
    assert await script.handle.query("closing")
    assert [(s.number, s.name, s.ignored) for s in (await memo(script)).signals] == [
        (1, "retry", "BookFlight is not stuck: nothing of it is to be taken back or completed"),
        (2, "dance", "there is no such message"),
        (3, "confirm", None),
        (4, "cancel", None),
        (5, "cancel", "it is too late to cancel"),
    ]
    script.answer(yes(refund))
    await take_back(script, *BOOKINGS_BACK)
    await is_cancelled(script)
