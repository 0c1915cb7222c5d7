"""What the recorded trip says to its participants; passed through the sandbox."""

from temporalio import activity

from tests.temporal_saga.composed.messages import Command, Done, calls


class OpenTripCommand(Command):
    """Open the trip's record."""


class ConfirmTripCommand(Command):
    """Close the record of a trip that was booked."""


class TakeTripBackCommand(Command):
    """Close the record of a trip that was taken back."""


class BookFlightCommand(Command):
    """Book the flight."""


class CancelFlightCommand(Command):
    """Take the booking back."""


class BookHotelCommand(Command):
    """Book the hotel."""


class CancelHotelCommand(Command):
    """Take the booking back."""


class TripOpened(Done):
    """The trip is on record, and that is how an earlier run of it stands there."""

    earlier_run: str = "NONE"


@activity.defn(name="OpenTrip")
def open_trip(command: OpenTripCommand) -> TripOpened:
    """Open it."""
    raise NotImplementedError


COMMANDS = (
    OpenTripCommand,
    ConfirmTripCommand,
    TakeTripBackCommand,
    BookFlightCommand,
    CancelFlightCommand,
    BookHotelCommand,
    CancelHotelCommand,
)
CALLS = calls("archive", *COMMANDS[1:])
TAKES_BACK: dict[type, type] = {
    TakeTripBackCommand: OpenTripCommand,
    CancelFlightCommand: BookFlightCommand,
    CancelHotelCommand: BookHotelCommand,
}
