"""The record of a trip: an archive knows of each trip, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from temporalio import activity

from examples.trip_steps import Command, Done, TripOrder
from temporal_saga.workflow import Call, Closing, Opening

C = TypeVar("C")
D = TypeVar("D", bound=Done)


class OpenTripCommand(Command):
    """Open the trip's record."""


class ConfirmTripCommand(Command):
    """Close the record of a trip that was booked and paid."""


class CancelTripCommand(Command):
    """Close the record of a trip that was taken back."""


@dataclass(frozen=True)
class TripOpened(Done):
    """The trip is on record, and that is how an earlier run of it stands there."""

    earlier_run: str = "NONE"


@activity.defn(name="OpenTrip")
def open_trip(command: OpenTripCommand) -> TripOpened:
    """Open it, or raise TripRejected."""
    raise NotImplementedError


@activity.defn(name="ConfirmTrip")
def confirm_trip(command: ConfirmTripCommand) -> Done:
    """Close it."""
    raise NotImplementedError


@activity.defn(name="CancelTrip")
def cancel_trip(command: CancelTripCommand) -> Done:
    """Close it, also when it was never opened."""
    raise NotImplementedError


def opening(trip: TripOrder) -> Opening[OpenTripCommand, TripOpened]:
    """Open the record, and learn how an earlier run stands there."""
    call = _call(open_trip, OpenTripCommand, trip)
    return Opening(call, lambda event: event.earlier_run)


def closing(trip: TripOrder) -> Closing:
    """Close the record, either way."""
    confirm = _call(confirm_trip, ConfirmTripCommand, trip)
    return Closing("OpenTrip", confirm, _call(cancel_trip, CancelTripCommand, trip))


def _call(stub: Callable[[C], D], command: Callable[..., C], trip: TripOrder) -> Call[C, D]:
    build = partial(command, traveller=trip.traveller)
    return Call("archive", stub, build, summary=f"for {trip.traveller}")
