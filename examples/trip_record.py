"""The record of a trip: an archive knows of each trip, and how it ended.

A saga that has nobody to keep its record leaves it to a participant's fence (`OnRecord.at`).
"""

from dataclasses import dataclass

from examples.trip_steps import Command, Done, TripOrder
from temporal_saga.workflow import Call, Closing, Opening


class OpenTripCommand(Command):
    """Open the trip's record."""


class ConfirmTripCommand(Command):
    """Close the record of a trip that was booked and paid."""


class CancelTripCommand(Command):
    """Close the record of a trip that was taken back, also when it was never opened."""


@dataclass(frozen=True)
class TripOpened(Done):
    """The trip is on record, and that is how an earlier run of it stands there."""

    earlier_run: str = "NONE"


def opening(trip: TripOrder) -> Opening[OpenTripCommand, TripOpened]:
    """Open the record, and learn how an earlier run stands there; or be refused."""
    call = Call.to("archive", OpenTripCommand(traveller=trip.traveller), TripOpened)
    return Opening(call, lambda event: event.earlier_run)


def closing(trip: TripOrder) -> Closing:
    """Close the record, either way."""
    confirm = Call.to("archive", ConfirmTripCommand(traveller=trip.traveller))
    cancel = Call.to("archive", CancelTripCommand(traveller=trip.traveller))
    return Closing("OpenTrip", confirm, cancel)
