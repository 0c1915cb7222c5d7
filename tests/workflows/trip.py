"""A saga that is no order: a seat and a room are booked, and then the ticket is printed. For tests of the saga core alone."""

from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from temporal_saga import policy
from temporal_saga.call import Call
from temporal_saga.duty import Settlement
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.saga import Branch, Saga


class TripCommand(BaseModel):
    """What each participant is told."""

    idempotency_key: str


class BookSeatCommand(TripCommand):
    """Book a seat."""


class FreeSeatCommand(TripCommand):
    """Give it back."""


class BookRoomCommand(TripCommand):
    """Book a room."""


class FreeRoomCommand(TripCommand):
    """Give it back."""


class PrintTicketCommand(TripCommand):
    """Print what cannot be taken back."""


class AskWeatherCommand(TripCommand):
    """Asked by a message handler, beside the saga."""


@activity.defn(name="BookSeat")
def book_seat(command: BookSeatCommand) -> str:
    """Book it."""
    raise NotImplementedError


@activity.defn(name="FreeSeat")
def free_seat(command: FreeSeatCommand) -> str:
    """Free it."""
    raise NotImplementedError


@activity.defn(name="BookRoom")
def book_room(command: BookRoomCommand) -> str:
    """Book it."""
    raise NotImplementedError


@activity.defn(name="FreeRoom")
def free_room(command: FreeRoomCommand) -> str:
    """Free it."""
    raise NotImplementedError


@activity.defn(name="PrintTicket")
def print_ticket(command: PrintTicketCommand) -> str:
    """Print it."""
    raise NotImplementedError


SEAT = Branch(
    Call("seats", book_seat, partial(BookSeatCommand), "Book a seat"),
    Call("seats", free_seat, partial(FreeSeatCommand), "Free the seat"),
)
ROOM = Branch(
    Call("rooms", book_room, partial(BookRoomCommand), "Book a room"),
    Call("rooms", free_room, partial(FreeRoomCommand), "Free the room"),
)
TICKET = Call("tickets", print_ticket, partial(PrintTicketCommand), "Print the ticket")

COMMANDS: dict[str, tuple[type, ...]] = {
    "seats": (BookSeatCommand, FreeSeatCommand),
    "rooms": (BookRoomCommand, FreeRoomCommand),
    "tickets": (PrintTicketCommand, AskWeatherCommand),
}


class Plan(BaseModel):
    """How the trip is taken: seat and room side by side, or with a pause between them, and within how many seconds."""

    side_by_side: bool = False
    pause_seconds: float = 0
    deadline_seconds: float | None = None


@workflow.defn(name="Trip")
class Trip:
    """Books, and takes back in reverse what was booked."""

    def __init__(self) -> None:
        """Begin with nothing booked."""
        self.saga = Saga(workflow.info().workflow_id, refusals={"Full"}, policy=policy.current())

    @workflow.run
    async def run(self, plan: Plan) -> str:
        """Take the trip."""
        saga = self.saga
        if plan.deadline_seconds is not None:
            saga.set_deadline(workflow.now() + timedelta(seconds=plan.deadline_seconds))
        try:
            if plan.side_by_side:
                await saga.parallel(SEAT, ROOM)
            else:
                await saga.step(SEAT.call, compensation=SEAT.compensation)
                await self.between(plan)
                await saga.step(ROOM.call, compensation=ROOM.compensation)
            saga.pivot()
            await saga.finish(TICKET)
        except SagaStopped as stopped:
            await saga.roll_back()
            await saga.close()
            raise ApplicationError(stopped.failure.reason, type="TripFailed") from stopped
        await saga.close()
        return "bon voyage"

    async def between(self, plan: Plan) -> None:
        """Wait as long as planned."""
        if plan.pause_seconds:
            await self.saga.pause(lambda: False, timedelta(seconds=plan.pause_seconds))

    @workflow.signal
    def say(self, *_anything: Any) -> None:
        """Tell the saga everything that it can be told, whether it makes sense or not."""
        self.saga.retry("NoSuchStep")
        self.saga.settle("NoSuchStep", Settlement("otto", "no reason", "none", workflow.now()))
        self.saga.stop(Failure("CHANGED_MIND", "we stay at home"))

    @workflow.update
    async def ask_weather(self) -> str:
        """Ask somebody, and wait for the answer."""
        command = AskWeatherCommand(idempotency_key=f"{workflow.info().workflow_id}/AskWeather")
        weather: str = await workflow.execute_activity(
            "AskWeather",
            command,
            task_queue="tickets",
            result_type=str,
            start_to_close_timeout=timedelta(seconds=30),
        )
        return weather


@workflow.defn(name="Trip")
class BrokenTrip(Trip):
    """The release with a defect, between two steps."""

    @workflow.run
    async def run(self, plan: Plan) -> str:
        """Take the trip, as far as it goes."""
        return await super().run(plan)

    async def between(self, plan: Plan) -> None:
        """Fail as no business ever does."""
        raise KeyError(plan)
