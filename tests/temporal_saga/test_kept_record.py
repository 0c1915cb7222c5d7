"""`OnRecord.at`, `Call.to` and `Branch.to`: a saga that has no record of its own."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from temporal_saga.testing import Script
from temporal_saga.testing.participants import Participants
from tests.temporal_saga.kept_booking import (
    BookingNeverBegun,
    BookingWithoutWayBack,
    BookingWithUnnamedBranch,
    BookingWithUnnamedStep,
    ChargeCard,
    HoldSeat,
    KeptBooking,
    NothingBegun,
    RefundCard,
    ReleaseSeat,
    SeatHeld,
    UnbegunBooking,
)

COMMANDS: dict[str, list[type]] = {
    "box-office": [HoldSeat, ReleaseSeat],
    "bank": [ChargeCard, RefundCard],
}
SOLD_OUT = ApplicationError("no seat is left", type="SoldOut", non_retryable=True)
DECLINED = ApplicationError("the card's limit is 5", type="CardDeclined", non_retryable=True)
BROKEN = ApplicationError("the terminal is broken", non_retryable=True)
NUMBERS = count(1)


@pytest.fixture(scope="module")
async def services(temporal: Client) -> AsyncIterator[Participants]:
    """Box office and bank."""
    async with Participants(temporal, COMMANDS) as participants:
        yield participants


@pytest.fixture
async def script(temporal: Client, services: Participants) -> AsyncIterator[Script]:
    """One booking's story."""
    saga_id = f"kept-{next(NUMBERS)}"
    async with Script(temporal, services, KeptBooking, saga_id=saga_id) as story:
        yield story


async def hold_seat(script: Script) -> None:
    """Let the seat be held."""
    assert (await script.expect(HoldSeat, guest="eve")).idempotency_key.endswith("/HoldSeat")
    script.answer(SeatHeld(12))


async def begin_charge(script: Script) -> None:
    """Start a booking, and let it come to the charge."""
    await script.start("eve")
    await hold_seat(script)
    await script.expect(ChargeCard, guest="eve")


async def take_back(script: Script) -> ApplicationError:
    """Expect that everything is taken back; return the workflow's error."""
    await script.expect_compensation(RefundCard, of=ChargeCard, guest="eve")
    script.answer(None)
    return await release_seat(script)


async def release_seat(script: Script) -> ApplicationError:
    """Expect that the seat alone is taken back; return the workflow's error."""
    await script.expect_compensation(ReleaseSeat, of=HoldSeat, guest="eve")
    script.answer(None)
    return await script.failed()


async def activities(script: Script) -> list[str]:
    """Return the names of the activities of the last run, in order."""
    events = (await script.handle.fetch_history()).events
    kind = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in events
        if event.event_type == kind
    ]


async def test_the_record_is_opened_first_and_confirmed_last(script: Script) -> None:
    """Without a word of it in the saga, and the end of the block is the pivot."""
    await begin_charge(script)
    script.answer(None)
    assert await script.completed() == "seat 12"
    assert await activities(script) == ["OpenRecord", "HoldSeat", "ChargeCard", "ConfirmRecord"]


async def test_a_saga_that_is_rolled_back_fails_its_workflow(script: Script) -> None:
    """With the reason as the error's type, and all of the failure in its detail."""
    await begin_charge(script)
    script.fail(BROKEN)
    error = await take_back(script)
    assert error.type == "STEP_UNAVAILABLE"
    assert error.details[0]["step"] == "ChargeCard"
    assert (await activities(script))[-1] == "CancelRecord"


async def test_a_refused_step_is_not_compensated(script: Script) -> None:
    """The seats before it are."""
    await begin_charge(script)
    script.fail(SOLD_OUT)
    assert (await release_seat(script)).type == "SoldOut"


async def test_a_no_that_the_saga_does_not_know_is_named(script: Script) -> None:
    """Its author forgot it among the refusals: it is no outage, and is compensated like one."""
    await begin_charge(script)
    script.fail(DECLINED)
    error = await take_back(script)
    assert error.type == "STEP_UNAVAILABLE"
    assert "no usable answer: CardDeclined, which is not among the saga's refusals" in error.message


async def test_a_cancel_during_the_last_step_is_in_time(script: Script) -> None:
    """The end of the block is the pivot, and not before it."""
    await begin_charge(script)
    await script.handle.signal("stop", "rain")
    script.answer(None)
    error = await take_back(script)
    assert (error.type, error.message) == ("CANCELLED", "rain")


async def test_a_reset_takes_back_what_the_run_before_may_have_done(script: Script) -> None:
    """The record knows that there was one: the charge is refunded, which this run never reached."""
    await begin_charge(script)
    await script.reset()
    await script.expect(HoldSeat)
    await script.handle.signal("stop", "rain")
    script.answer(SeatHeld(12))
    assert (await take_back(script)).type == "CANCELLED"
    openings = [name for name in await activities(script) if name == "OpenRecord"]
    assert len(openings) == 2


async def test_a_saga_that_completed_is_not_run_again(
    temporal: Client, services: Participants
) -> None:
    """Started again under its id, it sends nothing but what closes the record."""
    async with Script(temporal, services, KeptBooking, saga_id="kept-twice") as first:
        await begin_charge(first)
        first.answer(None)
        assert await first.completed() == "seat 12"
    async with Script(temporal, services, KeptBooking, saga_id="kept-twice") as second:
        await second.start("eve")
        assert await second.completed() == "seat 0"
        assert await activities(second) == ["OpenRecord", "ConfirmRecord"]


async def test_a_saga_whose_id_leaves_no_room_for_its_keys_fails_at_once(
    temporal: Client, services: Participants
) -> None:
    """Its steps might be done under keys that fit, and its compensations never."""
    async with Script(temporal, services, UnbegunBooking, saga_id="k" * 177) as script:
        await script.start()
        assert (await script.failed()).type == "SagaIdTooLong"
        assert await activities(script) == []


async def test_a_saga_that_was_rolled_back_stays_so(
    temporal: Client, services: Participants
) -> None:
    """Started again under its id, it is refused by its record."""
    async with Script(temporal, services, KeptBooking, saga_id="kept-back") as first:
        await begin_charge(first)
        first.fail(BROKEN)
        await take_back(first)
    async with Script(temporal, services, KeptBooking, saga_id="kept-back") as second:
        await second.start("eve")
        assert (await second.failed()).type == "AlreadyCompensated"
        assert await activities(second) == ["OpenRecord", "CancelRecord"]


@pytest.mark.parametrize("release", [BookingWithUnnamedStep, BookingWithoutWayBack])
async def test_a_step_that_the_record_was_not_told_of_is_not_sent(
    temporal: Client, services: Participants, release: type
) -> None:
    """After a restart nobody would take it back; what was done before is."""
    saga_id = f"kept-{release.__name__}"
    async with Script(temporal, services, release, saga_id=saga_id) as script:
        await script.start("eve")
        await hold_seat(script)
        error = await release_seat(script)
        assert error.type == "MISNAMED_STEP"
        assert "ChargeCard was not named as the record was opened" in error.message
        assert "name it in begin(…), or in open(then=…), with its comp" in error.message


async def test_a_branch_that_the_record_was_not_told_of_keeps_all_from_being_sent(
    temporal: Client, services: Participants
) -> None:
    """Nothing is to be taken back then."""
    async with Script(
        temporal, services, BookingWithUnnamedBranch, saga_id="kept-branch"
    ) as script:
        await script.start("eve")
        assert (await script.failed()).type == "MISNAMED_STEP"
        assert await activities(script) == ["OpenRecord", "CancelRecord"]


@pytest.mark.parametrize(
    ("release", "problem"),
    [
        (BookingNeverBegun, "HoldSeat comes before the record is open: first await record.begin("),
        (NothingBegun, "the record was never opened: first await record.begin("),
    ],
)
async def test_a_record_that_was_never_opened_is_a_defect(
    temporal: Client, services: Participants, release: type, problem: str
) -> None:
    """Nothing is sent, and a corrected worker goes on."""
    saga_id = f"kept-{release.__name__}"
    async with Script(temporal, services, release, saga_id=saga_id) as script:
        await script.start("eve", task_timeout=timedelta(seconds=1))
        failed_task = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        async for event in script.handle.fetch_history_events(wait_new_event=True):
            if event.event_type == failed_task:
                break
        assert problem in event.workflow_task_failed_event_attributes.failure.message
        assert await activities(script) == []
        async with script.orchestrator_away(back_as=KeptBooking):
            pass
        await hold_seat(script)
        await script.expect(ChargeCard)
        script.answer(None)
        assert await script.handle.result() == "seat 12"
