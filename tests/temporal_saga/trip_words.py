"""What the trip saga says."""

from tests.temporal_saga.words import Command, calls

QUEUE = "travel"


class ChargeCommand(Command):
    """Charge the traveller."""


class RefundCommand(Command):
    """Take the charge back."""


class BookFlightCommand(Command):
    """Book the flight."""


class CancelFlightCommand(Command):
    """Take the flight's booking back."""


class BookHotelCommand(Command):
    """Book the hotel."""


class CancelHotelCommand(Command):
    """Take the hotel's booking back."""


class SendTicketCommand(Command):
    """Send the ticket, after the pivot."""


class SendVoucherCommand(Command):
    """Send the hotel's voucher, after the pivot."""


TAKES_BACK: dict[type[Command], type[Command]] = {
    RefundCommand: ChargeCommand,
    CancelFlightCommand: BookFlightCommand,
    CancelHotelCommand: BookHotelCommand,
}
COMMANDS: tuple[type[Command], ...] = (
    *TAKES_BACK,
    *TAKES_BACK.values(),
    SendTicketCommand,
    SendVoucherCommand,
)
CALLS = calls(QUEUE, *COMMANDS)
