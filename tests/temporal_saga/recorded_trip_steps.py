"""What opens and closes the record of a recorded trip; its bookings are those of the example."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from temporalio import activity

from examples.trip_steps import REFUSALS as REFUSALS_OF_BOOKINGS
from examples.trip_steps import Command, Done
from temporal_saga.call import Call
from temporal_saga.on_record import Closing, EarlierRun, Opening

C = TypeVar("C")
D = TypeVar("D", bound=Done)

REFUSALS = REFUSALS_OF_BOOKINGS | {"NotOpened"}


class OpenTripCommand(Command):
    """Open the trip's record."""


class ConfirmTripCommand(Command):
    """Close the record of a trip that was booked."""


class TakeTripBackCommand(Command):
    """Close the record of a trip that was taken back."""


ARCHIVE_COMMANDS = (OpenTripCommand, ConfirmTripCommand, TakeTripBackCommand)


@dataclass(frozen=True)
class TripOpened(Done):
    """The trip is on record, and that is how an earlier run of it stands there."""

    earlier_run: str = "NONE"


@activity.defn(name="OpenTrip")
def open_trip(command: OpenTripCommand) -> TripOpened:
    """Open it, or raise NotOpened."""
    raise NotImplementedError


@activity.defn(name="ConfirmTrip")
def confirm_trip(command: ConfirmTripCommand) -> Done:
    """Close it."""
    raise NotImplementedError


@activity.defn(name="TakeTripBack")
def take_trip_back(command: TakeTripBackCommand) -> Done:
    """Close it, also when it was never opened."""
    raise NotImplementedError


def opening(traveller: str) -> Opening[OpenTripCommand, TripOpened]:
    """Return how the record is opened."""
    call = _call(open_trip, OpenTripCommand, traveller)
    return Opening(call, lambda event: EarlierRun(event.earlier_run))


def closing(traveller: str) -> Closing:
    """Return how the record is closed."""
    confirm = _call(confirm_trip, ConfirmTripCommand, traveller)
    return Closing("OpenTrip", confirm, _call(take_trip_back, TakeTripBackCommand, traveller))


def _call(stub: Callable[[C], D], command: Callable[..., C], traveller: str) -> Call[C, D]:
    return Call("archive", stub, partial(command, traveller=traveller), f"for {traveller}")
