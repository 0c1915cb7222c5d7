"""The steps of a trip: what each participant is sent, what it answers, what takes it back."""

from dataclasses import dataclass

from temporal_saga.workflow import Branch, Call


@dataclass(frozen=True)
class TripOrder:
    """What a traveller orders.

    Args:
        traveller: who.
        price_minor: what it costs, in the smallest unit of the currency.
        may_change_mind_seconds: how long the payment waits after the bookings, for second thoughts.
        deadline_seconds: by when everything must be booked and paid; None for no limit.
    """

    traveller: str
    price_minor: int
    may_change_mind_seconds: float = 0
    deadline_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Command:
    """What every command carries: its key, under which it takes effect once, and for whom."""

    idempotency_key: str = ""
    traveller: str


class BookFlightCommand(Command):
    """Book the flight."""


class CancelFlightCommand(Command):
    """Take the booking of the flight back."""


class BookHotelCommand(Command):
    """Book the hotel."""


class CancelHotelCommand(Command):
    """Take the booking of the hotel back."""


class BookCarCommand(Command):
    """Book the car."""


class CancelCarCommand(Command):
    """Take the booking of the car back."""


@dataclass(frozen=True, kw_only=True)
class TakePaymentCommand(Command):
    """Take the traveller's money."""

    amount_minor: int


class RefundPaymentCommand(Command):
    """Give back what was taken."""


class SendTicketCommand(Command):
    """Send the ticket for the flight. It cannot be taken back."""


class SendVoucherCommand(Command):
    """Send the voucher for hotel and car. It cannot be taken back."""


@dataclass(frozen=True)
class Done:
    """A participant's yes, with the number under which it keeps it."""

    reference: str


REFUSALS = frozenset({"TripRejected", "SoldOut", "PaymentDeclined"})
"""The types of `ApplicationError` that are a participant's no. Every other error is an outage."""


# Each step of one trip, with what takes it back beside it: all that this needs is known before the
# step. A step's name is its activity's, and that is its command's. What is taken back is what the
# participant has under the step's key: the traveller may have other trips.


def flight(trip: TripOrder) -> Branch:
    """Book the flight."""
    book = BookFlightCommand(traveller=trip.traveller)
    return Branch.to("flights", book, CancelFlightCommand(traveller=trip.traveller), Done)


def hotel(trip: TripOrder) -> Branch:
    """Book the hotel."""
    book = BookHotelCommand(traveller=trip.traveller)
    return Branch.to("hotels", book, CancelHotelCommand(traveller=trip.traveller), Done)


def car(trip: TripOrder) -> Branch:
    """Book the car."""
    book = BookCarCommand(traveller=trip.traveller)
    return Branch.to("cars", book, CancelCarCommand(traveller=trip.traveller), Done)


def payment(trip: TripOrder) -> Branch:
    """Take the payment."""
    take = TakePaymentCommand(traveller=trip.traveller, amount_minor=trip.price_minor)
    return Branch.to("payments", take, RefundPaymentCommand(traveller=trip.traveller), Done)


def ticket(trip: TripOrder) -> Call[SendTicketCommand, Done]:
    """Send the ticket for the flight, after the pivot."""
    return Call.to("post", SendTicketCommand(traveller=trip.traveller), Done)


def voucher(trip: TripOrder) -> Call[SendVoucherCommand, Done]:
    """Send the voucher for hotel and car, after the pivot."""
    return Call.to("post", SendVoucherCommand(traveller=trip.traveller), Done)
