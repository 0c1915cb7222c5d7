"""Trips that are told in more than one place."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.exceptions import ApplicationError

from temporal_saga.testing import Script
from tests.temporal_saga.trip_words import (
    TAKES_BACK,
    BookFlightCommand,
    BookHotelCommand,
    CancelFlightCommand,
    CancelHotelCommand,
    ChargeCommand,
    RefundCommand,
    SendTicketCommand,
    SendVoucherCommand,
)
from tests.temporal_saga.words import Command, No, yes

Cancel = Callable[[Script], Awaitable[Any]]

SOLD_OUT = No(reason="SOLD_OUT")
BROKEN = ApplicationError("the disk is gone", type="Broken", non_retryable=True)
EVERYTHING = (CancelHotelCommand, CancelFlightCommand, RefundCommand)


async def book(
    script: Script, *deadline_seconds: float
) -> tuple[BookFlightCommand, BookHotelCommand]:
    """Start a trip and charge for it; return the bookings, both under way."""
    await script.start(*deadline_seconds)
    script.answer(yes(await script.expect(ChargeCommand)))
    flight, hotel = await script.expect_all(BookFlightCommand, BookHotelCommand)
    return flight, hotel


async def both(script: Script, first: Command, second: Command) -> None:
    """Let two commands succeed, in this order."""
    script.answer(yes(first), to=first)
    script.answer(yes(second), to=second)


async def pass_the_pivot(script: Script) -> tuple[SendTicketCommand, SendVoucherCommand]:
    """Book a trip; return what is to be sent, both under way."""
    await both(script, *await book(script))
    ticket, voucher = await script.expect_all(SendTicketCommand, SendVoucherCommand)
    return ticket, voucher


async def take_back(script: Script, *commands: type[Command]) -> None:
    """Expect these compensations in this order, and let the participants carry them out."""
    for kind in commands:
        script.answer(yes(await script.expect_compensation(kind, of=TAKES_BACK[kind])))


async def failed_for(script: Script) -> tuple[str, str | None]:
    """Expect that the trip fails; return the reason, and the step."""
    told = (await script.failed()).details[0]
    return told["reason"], told["step"]


async def goes_on(script: Script) -> None:
    """See that the saga has heard everything so far, and does not roll back yet."""
    await script.recorded()
    assert await script.handle.query("closing") is False


async def by_signal(script: Script) -> None:
    """Stop it as a person does."""
    await script.handle.signal("stop")


async def by_update(script: Script) -> None:
    """Stop it as a program does."""
    await script.handle.execute_update("request_stop")


async def by_temporal(script: Script) -> None:
    """Stop it as `temporal workflow cancel` does."""
    await script.handle.cancel()


async def completed(script: Script) -> None:
    """Everybody says yes."""
    ticket, voucher = await pass_the_pivot(script)
    await both(script, voucher, ticket)
    await script.completed()


async def hotel_sold_out(script: Script) -> None:
    """The hotel has no room, and the flight is still being booked."""
    flight, hotel = await book(script)
    script.answer(SOLD_OUT, to=hotel)
    await goes_on(script)
    script.answer(yes(flight))
    await take_back(script, CancelFlightCommand, RefundCommand)
    assert await failed_for(script) == ("SOLD_OUT", "BookHotel")


async def flight_unknown(script: Script) -> None:
    """The airline fails without saying what it did, and the hotel is still being booked."""
    flight, hotel = await book(script)
    script.fail(BROKEN, to=flight)
    await goes_on(script)
    script.answer(yes(hotel))
    await take_back(script, *EVERYTHING)
    assert await failed_for(script) == ("STEP_UNAVAILABLE", "BookFlight")


async def cancelled(script: Script) -> None:
    """Temporal cancels between the two answers."""
    flight, hotel = await book(script)
    script.answer(yes(hotel), to=hotel)
    await script.recorded()
    await by_temporal(script)
    await goes_on(script)
    script.answer(yes(flight))
    await take_back(script, *EVERYTHING)
    assert await failed_for(script) == ("CANCELLED", None)


STORIES = (completed, hotel_sold_out, flight_unknown, cancelled)
