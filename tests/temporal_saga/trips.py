"""How tests run the trips of `examples/trip.py`.

Start one, answer its commands, see how it ends.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from examples.trip_record import (
    CancelTripCommand,
    ConfirmTripCommand,
    OpenTripCommand,
    TripOpened,
    closing,
    opening,
)
from examples.trip_steps import (
    BookCarCommand,
    BookFlightCommand,
    BookHotelCommand,
    CancelCarCommand,
    CancelFlightCommand,
    CancelHotelCommand,
    Command,
    Done,
    RefundPaymentCommand,
    SendTicketCommand,
    SendVoucherCommand,
    TakePaymentCommand,
    TripOrder,
    car,
    flight,
    hotel,
    payment,
    ticket,
    voucher,
)
from temporal_saga.branch import Branch
from temporal_saga.call import Call
from temporal_saga.command_names import command_name
from temporal_saga.testing import Script

Cancel = Callable[[Script], Awaitable[Any]]
Bookings = tuple[BookFlightCommand, BookHotelCommand, BookCarCommand]

ORDER = TripOrder(traveller="ada", price_minor=99900)

SOLD_OUT = ApplicationError("nothing is left", type="SoldOut", non_retryable=True)
DECLINED = ApplicationError("the card is blocked", type="PaymentDeclined", non_retryable=True)
BROKEN = ApplicationError("the disk is gone", type="Broken", non_retryable=True)


def command_of(call: Call[Any, Any]) -> type[Command]:
    """Return the class of the command that a call sends."""
    return type(call.command(idempotency_key=""))


RECORD = Branch(opening(ORDER).call, closing(ORDER).cancel)
STEPS = [RECORD, *(step(ORDER) for step in (flight, hotel, car, payment))]
TAKES_BACK = {command_of(back): command_of(call) for call, back in STEPS if back is not None}
"""Each compensation's command, with the command that it takes back."""

TAKEN_BACK_BY = {forward: back for back, forward in TAKES_BACK.items()}

COMMANDS: dict[str, list[type]] = {}
"""The commands that each participant takes."""
BEHIND_THE_PIVOT: list[Call[Any, Any]] = [ticket(ORDER), voucher(ORDER), closing(ORDER).confirm]
for call in chain(*STEPS, BEHIND_THE_PIVOT):
    if call is not None:
        COMMANDS.setdefault(call.participant, []).append(command_of(call))

BOOKINGS = (BookFlightCommand, BookHotelCommand, BookCarCommand)
BOOKED = [command_name(kind) for kind in BOOKINGS]
BOOKINGS_BACK = (CancelCarCommand, CancelHotelCommand, CancelFlightCommand)
EVERYTHING_BACK = (RefundPaymentCommand, *BOOKINGS_BACK)
"""What takes a trip back that was booked, and one that was paid, in the order in which it comes.

Its record is closed behind that.
"""


def yes(command: Command) -> Done:
    """Return what a participant answers when all is well."""
    return Done(reference=command_name(type(command)))


async def is_opened(script: Script, earlier_run: str = "NONE") -> None:
    """Let the archive open the record, and say how an earlier run stands there."""
    await script.expect(OpenTripCommand)
    script.answer(TripOpened(reference="7", earlier_run=earlier_run))


async def begin_booking(script: Script, order: TripOrder = ORDER) -> Bookings:
    """Start a trip, and let its record be opened; return the bookings, all under way."""
    await script.start(order)
    await is_opened(script)
    bookings = await script.expect_all(*BOOKINGS)
    return bookings[0], bookings[1], bookings[2]


async def book(script: Script, order: TripOrder = ORDER) -> None:
    """Start a trip, and let everything be booked."""
    all_succeed(script, *await begin_booking(script, order))


async def begin_paying(script: Script, order: TripOrder = ORDER) -> TakePaymentCommand:
    """Book a trip; return the payment, under way."""
    await book(script, order)
    return await script.expect(TakePaymentCommand)


async def pass_the_pivot(script: Script) -> tuple[SendTicketCommand, SendVoucherCommand]:
    """Book and pay a trip; return what is to be sent, both under way."""
    script.answer(yes(await begin_paying(script)))
    papers = await script.expect_all(SendTicketCommand, SendVoucherCommand)
    return papers[0], papers[1]


async def papers_are_sent(script: Script) -> Any:
    """Let ticket and voucher be sent, the voucher first; return the trip's result."""
    letters = await script.expect_all(SendVoucherCommand, SendTicketCommand)
    all_succeed(script, *letters)
    return await is_confirmed(script)


async def is_confirmed(script: Script) -> Any:
    """Expect that the record is closed and the trip completes; return its result."""
    script.answer(yes(await script.expect(ConfirmTripCommand)))
    return await script.completed()


async def is_cancelled(script: Script) -> ApplicationError:
    """Expect that the record is closed and the trip fails; return its error."""
    await take_back(script, CancelTripCommand)
    return await script.failed()


def all_succeed(script: Script, *commands: Command) -> None:
    """Let these commands succeed, in this order."""
    for command in commands:
        script.answer(yes(command), to=command)


async def take_back(script: Script, *commands: type[Command]) -> None:
    """Expect these compensations in this order, and let the participants carry them out."""
    for kind in commands:
        script.answer(yes(await script.expect_compensation(kind, of=TAKES_BACK[kind])))


async def failed_for(script: Script) -> tuple[str, str | None]:
    """Expect that the record is closed and the trip fails; return the reason, and the step."""
    failure = (await is_cancelled(script)).details[0]
    return failure["reason"], failure["step"]


async def goes_on(script: Script) -> None:
    """See that the saga has heard everything so far, and does not roll back yet."""
    await script.recorded()
    assert await script.handle.query("closing") is False


async def by_signal(script: Script) -> None:
    """Cancel it as a person does."""
    await script.handle.signal("cancel", "changed their mind")


async def by_update(script: Script) -> None:
    """Cancel it as a program does."""
    await script.handle.execute_update("request_cancel", "changed their mind")


async def by_temporal(script: Script) -> None:
    """Cancel it as `temporal workflow cancel` does."""
    await script.handle.cancel()


async def until(script: Script, *kinds: Any) -> None:
    """Wait until the history has events of these kinds, in this order, whatever is between."""
    names = ", ".join(map(EventType.Name, kinds))
    await script.within_patience(_until(script, *kinds), f"events: {names}")


async def _until(script: Script, *kinds: Any) -> None:
    missing = deque(kinds)
    async for event in script.handle.fetch_history_events(wait_new_event=True):
        if event.event_type == missing[0]:
            missing.popleft()
        if not missing:
            return


def story_of(script: Script) -> list[str]:
    """Return what happened in order.

    Commands sent and over, cancels, and commands asked to stop.
    """
    assert script.history is not None
    names: dict[int, str] = {}
    lines = []
    for event in script.history.events:
        match event.event_type:
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                attributes = event.activity_task_scheduled_event_attributes
                names[event.event_id] = attributes.activity_type.name
                lines.append(f"{names[event.event_id]} sent")
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                completion = event.activity_task_completed_event_attributes
                lines.append(f"{names[completion.scheduled_event_id]} over")
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failure = event.activity_task_failed_event_attributes
                lines.append(f"{names[failure.scheduled_event_id]} over")
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                lines.append("cancelled")
            case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
                lines.append("a command was asked to stop")
    return lines


async def completed(script: Script) -> None:
    """Everybody says yes."""
    script.answer(yes(await begin_paying(script)))
    await papers_are_sent(script)


async def hotel_sold_out(script: Script) -> None:
    """The hotel has no room, and flight and car are still being booked."""
    flight, hotel, car = await begin_booking(script)
    script.fail(SOLD_OUT, to=hotel)
    await goes_on(script)
    all_succeed(script, car, flight)
    await take_back(script, CancelCarCommand, CancelFlightCommand)
    assert await failed_for(script) == ("SoldOut", "BookHotel")


async def payment_declined(script: Script) -> None:
    """All is booked, and cannot be paid."""
    await begin_paying(script)
    script.fail(DECLINED)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("PaymentDeclined", "TakePayment")


async def flight_unknown(script: Script) -> None:
    """The airline fails without saying what it did, and the others are still being booked."""
    flight, hotel, car = await begin_booking(script)
    script.fail(BROKEN, to=flight)
    await goes_on(script)
    all_succeed(script, hotel, car)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("STEP_UNAVAILABLE", "BookFlight")


async def cancelled(script: Script) -> None:
    """Temporal cancels between two answers."""
    flight, hotel, car = await begin_booking(script)
    all_succeed(script, hotel)
    await script.recorded()
    await by_temporal(script)
    await goes_on(script)
    all_succeed(script, flight, car)
    await take_back(script, *BOOKINGS_BACK)
    assert await failed_for(script) == ("CANCELLED", None)


STORIES = (completed, hotel_sold_out, payment_declined, flight_unknown, cancelled)
