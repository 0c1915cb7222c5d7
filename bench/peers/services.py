"""Order, payment and stock as a peer calls them in its own process."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from bench.peers import commands
from contracts.base import Event, Refusal
from contracts.placing import PlaceOrder
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database

E = TypeVar("E", bound=Event)


class Refused(Exception):
    """A service said no; asking again will not help."""


class Services:
    """The three services, each with its own database in a data directory.

    Each call is one transaction with one fsync, and takes effect once however often it is made.
    """

    def __init__(self, data_dir: Path, threads: int) -> None:
        """Serve from the databases in `data_dir`, for so many threads at once."""

        def database(name: str) -> str:
            return f"sqlite:///{data_dir.absolute()}/{name}.db"

        self._engines = [
            open_database(database(name), pool_size=threads, only_writes=True)
            for name in ("order", "payment", "stock")
        ]
        order, payment, stock = self._engines
        self._order = OrderService.open(order)
        self._payment = PaymentService.open(payment)
        self._stock = StockService.open(stock)

    def close(self) -> None:
        """Close the connections to the databases."""
        for engine in self._engines:
            engine.dispose()

    def register(self, order: PlaceOrder) -> None:
        """Open the order's record."""
        _event_of(self._order.register(commands.register(order, datetime.now(UTC))))

    def cancel(self, order: PlaceOrder, reason: str) -> None:
        """Close the order's record as CANCELLED."""
        self._order.cancel(commands.cancel(order, datetime.now(UTC), reason))

    def charge(self, order: PlaceOrder) -> None:
        """Take the price from the customer's wallet."""
        _event_of(self._payment.process(commands.charge(order)))

    def refund(self, order: PlaceOrder) -> None:
        """Give the price back."""
        self._payment.refund(commands.refund(order))

    def take(self, order: PlaceOrder) -> None:
        """Take the lines from stock."""
        _event_of(self._stock.decrease(commands.take(order)))

    def put_back(self, order: PlaceOrder) -> None:
        """Put the lines back into stock."""
        self._stock.restore(commands.put_back(order))

    def confirm(self, order: PlaceOrder) -> None:
        """Close the order's record as CONFIRMED."""
        _event_of(self._order.confirm(commands.confirm(order, datetime.now(UTC))))


def _event_of(answer: E | Refusal) -> E:
    if isinstance(answer, Refusal):
        raise Refused(f"{answer.reason}: {answer.message}")
    return answer
