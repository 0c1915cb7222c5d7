"""The steps of a trip: what each participant is sent, what it answers, what takes it back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from temporalio import activity

from temporal_saga.workflow import Branch, Call

C = TypeVar("C")


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


@dataclass(frozen=True)
class Command:
    """What every command carries: its key, under which it takes effect once, and for whom."""

    idempotency_key: str
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


@dataclass(frozen=True)
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

BEFORE_THE_PIVOT = frozenset({"OpenTrip", "BookFlight", "BookHotel", "BookCar", "TakePayment"})
"""The steps that are taken back."""


# A stub types an activity without its implementation, which runs in the participant's own worker.


@activity.defn(name="BookFlight")
def book_flight(command: BookFlightCommand) -> Done:
    """Book it, or raise SoldOut."""
    raise NotImplementedError


@activity.defn(name="CancelFlight")
def cancel_flight(command: CancelFlightCommand) -> Done:
    """Cancel it; nothing, when it was not booked."""
    raise NotImplementedError


@activity.defn(name="BookHotel")
def book_hotel(command: BookHotelCommand) -> Done:
    """Book it, or raise SoldOut."""
    raise NotImplementedError


@activity.defn(name="CancelHotel")
def cancel_hotel(command: CancelHotelCommand) -> Done:
    """Cancel it; nothing, when it was not booked."""
    raise NotImplementedError


@activity.defn(name="BookCar")
def book_car(command: BookCarCommand) -> Done:
    """Book it, or raise SoldOut."""
    raise NotImplementedError


@activity.defn(name="CancelCar")
def cancel_car(command: CancelCarCommand) -> Done:
    """Cancel it; nothing, when it was not booked."""
    raise NotImplementedError


@activity.defn(name="TakePayment")
def take_payment(command: TakePaymentCommand) -> Done:
    """Take it, or raise PaymentDeclined."""
    raise NotImplementedError


@activity.defn(name="RefundPayment")
def refund_payment(command: RefundPaymentCommand) -> Done:
    """Refund it; nothing, when it was not taken."""
    raise NotImplementedError


@activity.defn(name="SendTicket")
def send_ticket(command: SendTicketCommand) -> Done:
    """Send it."""
    raise NotImplementedError


@activity.defn(name="SendVoucher")
def send_voucher(command: SendVoucherCommand) -> Done:
    """Send it."""
    raise NotImplementedError


# Each step of one trip, with what takes it back on the next line. A step's name is its activity's.


def flight(trip: TripOrder) -> Branch:
    """Book the flight."""
    return Branch(
        _call("flights", book_flight, BookFlightCommand, trip),
        _call("flights", cancel_flight, CancelFlightCommand, trip),
    )


def hotel(trip: TripOrder) -> Branch:
    """Book the hotel."""
    return Branch(
        _call("hotels", book_hotel, BookHotelCommand, trip),
        _call("hotels", cancel_hotel, CancelHotelCommand, trip),
    )


def car(trip: TripOrder) -> Branch:
    """Book the car."""
    return Branch(
        _call("cars", book_car, BookCarCommand, trip),
        _call("cars", cancel_car, CancelCarCommand, trip),
    )


def payment(trip: TripOrder) -> Branch:
    """Take the payment."""
    return Branch(
        _call("payments", take_payment, TakePaymentCommand, trip, amount_minor=trip.price_minor),
        _call("payments", refund_payment, RefundPaymentCommand, trip),
    )


def ticket(trip: TripOrder) -> Call[Any, Done]:
    """Send the ticket, after the pivot."""
    return _call("post", send_ticket, SendTicketCommand, trip)


def voucher(trip: TripOrder) -> Call[Any, Done]:
    """Send the voucher for hotel and car, after the pivot."""
    return _call("post", send_voucher, SendVoucherCommand, trip)


def _call(
    participant: str,
    stub: Callable[[C], Done],
    command: Callable[..., C],
    trip: TripOrder,
    **fields: Any,
) -> Call[C, Done]:
    build = partial(command, traveller=trip.traveller, **fields)
    return Call(participant, stub, build, summary=f"for {trip.traveller}")
