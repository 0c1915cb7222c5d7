"""The traps of cancellation and rollback on Temporal: a test each, named after the trap."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from examples.trip_record import CancelTripCommand, ConfirmTripCommand
from examples.trip_steps import (
    CancelFlightCommand,
    CancelHotelCommand,
    Done,
    RefundPaymentCommand,
    SendTicketCommand,
    SendVoucherCommand,
    TakePaymentCommand,
)
from temporal_saga.keys import compensated_key
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.steered_trip import SteeredTrip
from tests.temporal_saga.trip_releases import AskWeatherCommand, BrokenTrip, TripWithWeather
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
    by_temporal,
    failed_for,
    is_cancelled,
    is_opened,
    papers_are_sent,
    story_of,
    take_back,
    until,
    yes,
)

THINKS_LONG = replace(ORDER, may_change_mind_seconds=3600)


async def cancel(script: Script) -> None:
    """Cancel through Temporal, and see that the saga has heard it."""
    await by_temporal(script)
    await script.handle.query("closing")


async def test_except_exception_misses_a_cancel_in_a_timer(script: Script) -> None:
    """Cancelled while it waits for nothing but time, ours takes back what it has done."""
    await book(script, THINKS_LONG)
    await script.recorded()
    await cancel(script)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


async def test_one_shield_is_broken_by_a_cancel_during_the_rollback(script: Script) -> None:
    """Cancelled in each compensation, as often as one likes, ours runs the next all the same."""
    await begin_paying(script)
    script.fail(BROKEN)
    for kind in EVERYTHING_BACK:
        await script.expect_compensation(kind, of=TAKES_BACK[kind])
        await cancel(script)
        await cancel(script)
        script.answer(Done(reference="undone"))
    assert await failed_for(script) == ("STEP_UNAVAILABLE", "TakePayment")


async def test_try_cancel_takes_a_step_back_before_it_lands(script: Script) -> None:
    """Cancelled in the middle of a step, ours asks nobody to stop: it ends, and is taken back."""
    payment = await begin_paying(script)
    await cancel(script)
    script.answer(yes(payment))
    await take_back(script, *EVERYTHING_BACK)
    await is_cancelled(script)
    events = story_of(script)
    assert events[events.index("TakePayment sent") :][:5] == [
        "TakePayment sent",
        "cancelled",
        "TakePayment over",
        "RefundPayment sent",
        "RefundPayment over",
    ]
    assert "a command was asked to stop" not in events


async def test_a_step_that_is_cut_off_by_its_timeout_lands_after_it_was_taken_back(
    play: Play,
) -> None:
    """Nobody can prevent that; so the compensation names the step that it takes back.

    The participant's fence knows it by that name.
    """
    second = timedelta(seconds=1)
    async with play(policy=Policy(start_to_close=second, forward_step=second)) as script:
        late = await begin_paying(script)
        script.ignore()
        refund = await script.expect_compensation(RefundPaymentCommand, of=TakePaymentCommand)
        assert compensated_key(refund.idempotency_key) == late.idempotency_key
        script.answer(yes(refund))
        await take_back(script, *BOOKINGS_BACK)
        assert await failed_for(script) == ("STEP_UNAVAILABLE", "TakePayment")


async def test_wait_cancellation_completed_loses_the_cancel(script: Script) -> None:
    """Cancelled in the middle of a step that succeeds, ours does not go on as if nothing was."""
    payment = await begin_paying(script)
    await cancel(script)
    script.answer(yes(payment))
    await take_back(script, *EVERYTHING_BACK)
    assert await failed_for(script) == ("CANCELLED", None)
    description = await script.handle.describe()
    assert description.status == WorkflowExecutionStatus.FAILED


async def test_a_cancel_comes_together_with_the_success_of_the_step(script: Script) -> None:
    """The compensation was registered before the step, so the step is taken back."""
    payment = await begin_paying(script)
    async with script.orchestrator_away():
        script.answer(yes(payment))
        await script.recorded()
        await script.handle.cancel()
    await take_back(script, *EVERYTHING_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


async def test_a_second_cancel_is_never_delivered(script: Script) -> None:
    """Ours asks whether it was cancelled, and needs no second call to believe the first."""
    bookings = await begin_booking(script, THINKS_LONG)
    await cancel(script)
    await cancel(script)
    all_succeed(script, *bookings)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


async def test_a_cancelled_gather_loses_what_its_branches_have_done(script: Script) -> None:
    """Cancelled while steps are under way, ours hears of all.

    Those that are done are taken back.
    """
    flight, hotel, car = await begin_booking(script)
    await cancel(script)
    all_succeed(script, flight)
    await cancel(script)
    all_succeed(script, hotel)
    script.fail(SOLD_OUT, to=car)
    await take_back(script, CancelHotelCommand, CancelFlightCommand)
    assert await failed_for(script) == ("SoldOut", "BookCar")


async def test_a_failing_branch_of_a_gather_leaves_the_others_running(script: Script) -> None:
    """One is refused at once: the rollback begins when the others end, and takes them back."""
    flight, hotel, car = await begin_booking(script)
    script.fail(SOLD_OUT, to=car)
    await until(script, EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
    await script.handle.query("closing")
    all_succeed(script, hotel, flight)
    await take_back(script, CancelHotelCommand, CancelFlightCommand)
    await is_cancelled(script)
    events = story_of(script)
    over = [events.index(f"{name} over") for name in BOOKED]
    assert events.index("BookCar over") == min(over)
    assert events[max(over) + 1 :] == [
        "CancelHotel sent",
        "CancelHotel over",
        "CancelFlight sent",
        "CancelFlight over",
        "CancelTrip sent",
        "CancelTrip over",
    ]


async def test_an_execution_timeout_skips_every_compensation(script: Script) -> None:
    """Our deadline bounds the steps, and everything is taken back after it."""
    await begin_paying(script, replace(ORDER, deadline_seconds=2))
    script.ignore()
    await take_back(script, *EVERYTHING_BACK)
    assert await failed_for(script) == ("DEADLINE_EXCEEDED", "TakePayment")


async def test_an_unexpected_error_in_workflow_code_fails_the_saga_with_everything_kept(
    play: Play,
) -> None:
    """Ours stays open, and goes on where it was once a worker without the defect takes it up.

    Here it is then cancelled.
    """
    async with play(BrokenTrip) as script:
        await script.start(ORDER, task_timeout=timedelta(seconds=1))
        await is_opened(script)
        all_succeed(script, *await script.expect_all(*BOOKINGS))
        await until(script, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        assert (await script.handle.describe()).status == WorkflowExecutionStatus.RUNNING
        async with script.orchestrator_away(back_as=SteeredTrip):
            await script.handle.cancel()
        await take_back(script, *BOOKINGS_BACK, CancelTripCommand)
        with pytest.raises(WorkflowFailureError) as error_info:
            await script.handle.result()
        assert "TripFailed: cancelled by an operator" in str(error_info.value.cause)


async def test_an_error_in_a_handler_ends_or_wedges_the_saga(script: Script) -> None:
    """Whatever ours is told, whenever, only becomes a fact: nonsense changes nothing.

    What is said twice counts once.
    """
    definition = workflow._Definition.from_class(SteeredTrip)
    assert definition is not None
    signals = [name for name in definition.signals if name]
    assert {"cancel", "confirm", "retry", "settle"} == set(signals)
    nonsense: list[list[Any]] = [[7, 8, 9, 10, 11, 12], [{"by": 7}], [None], []]
    bookings = await begin_booking(script)
    await script.handle.signal("cancel", args=[["we stay"] * 1000, {"more": "than expected"}])
    for name in signals:
        for arguments in nonsense:
            await script.handle.signal(name, args=arguments)
    all_succeed(script, *bookings)
    for kind in BOOKINGS_BACK:
        compensation = await script.expect_compensation(kind, of=TAKES_BACK[kind])
        await script.handle.signal("settle", args=["NoSuchStep", "otto", "no reason"])
        await script.handle.signal("cancel")
        script.answer(yes(compensation))
    assert (await is_cancelled(script)).message.startswith("['we stay', 'we stay'")


async def test_a_timeout_error_of_wait_condition_fails_the_saga(script: Script) -> None:
    """Our pause ends when its time is over, and the saga goes on."""
    payment = await begin_paying(script, replace(ORDER, may_change_mind_seconds=0.1))
    script.answer(yes(payment))
    assert await papers_are_sent(script) == [*BOOKED, "SendTicket", "SendVoucher"]


async def test_a_pause_ends_by_what_it_waits_for(script: Script) -> None:
    """The traveller says so, long before the time is over."""
    await book(script, THINKS_LONG)
    await script.handle.signal("confirm")
    script.answer(yes(await script.expect(TakePaymentCommand)))
    assert await papers_are_sent(script) == [*BOOKED, "SendTicket", "SendVoucher"]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
async def test_an_eviction_runs_what_stands_in_finally(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """Evicted after every task, in a step, a pause and a rollback, ours leaves no error behind."""
    caplog.set_level(logging.WARNING)
    async with play(max_cached_workflows=0) as script:
        await book(script, THINKS_LONG)
        await until(script, EventType.EVENT_TYPE_TIMER_STARTED)
        await script.handle.cancel()
        await take_back(script, *BOOKINGS_BACK)
        assert await failed_for(script) == ("CANCELLED", None)
    messages = [record.getMessage() for record in caplog.records]
    # The participants are those of all tests: one that was left with a command may end it only now.
    of_others = [text for text in messages if "activity" in text and script.saga_id not in text]
    assert [text for text in messages if text not in of_others] == []


async def test_a_return_loses_what_a_handler_is_about_to_do(play: Play) -> None:
    """Somebody asked the saga something that takes time: it closes once they are answered."""
    async with play(TripWithWeather) as script:
        script.answer(yes(await begin_paying(script)))
        papers = await script.expect_all(SendTicketCommand, SendVoucherCommand)
        update = asyncio.create_task(script.handle.execute_update("ask_weather"))
        question = await script.expect(AskWeatherCommand)
        all_succeed(script, *papers)
        answer_event = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
        all_succeed(script, await script.expect(ConfirmTripCommand))
        await until(script, *[answer_event] * 8, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
        assert (await script.handle.describe()).status == WorkflowExecutionStatus.RUNNING
        script.answer(Done(reference="sunny"), to=question)
        assert await update == "sunny"
        assert await script.completed() == [*BOOKED, "SendTicket", "SendVoucher"]
