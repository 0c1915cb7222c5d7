"""The stock service's activities."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from contracts.stock import (
    DecreaseStockCommand,
    MoveStockCommand,
    OfferProductsCommand,
    ProductsOfferedEvent,
    RestoreStockCommand,
    StockDecreasedEvent,
    StockDecreaseFailedEvent,
    StockMovedEvent,
    StockMovementRefusedEvent,
    StockRestoredEvent,
)
from participants.stock.service import StockService


class StockActivities:
    """Hands commands to the stock service."""

    def __init__(self, service: StockService) -> None:
        """Serve commands with `service`."""
        self._service = service

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """Every activity, for a worker to register."""
        return [self.decrease, self.restore, self.offer, self.move]

    @activity.defn(name="DecreaseStock", no_thread_cancel_exception=True)
    def decrease(
        self, command: DecreaseStockCommand
    ) -> StockDecreasedEvent | StockDecreaseFailedEvent:
        """Take the lines from stock."""
        return self._service.decrease(command)

    @activity.defn(name="RestoreStock", no_thread_cancel_exception=True)
    def restore(self, command: RestoreStockCommand) -> StockRestoredEvent:
        """Put the lines back."""
        return self._service.restore(command)

    @activity.defn(name="OfferProducts", no_thread_cancel_exception=True)
    def offer(self, command: OfferProductsCommand) -> ProductsOfferedEvent:
        """Add products that are new, and give the others their names and prices."""
        return self._service.offer(command)

    @activity.defn(name="MoveStock", no_thread_cancel_exception=True)
    def move(self, command: MoveStockCommand) -> StockMovedEvent | StockMovementRefusedEvent:
        """Move pieces that no order moves.

        A refusal is returned, not raised: no saga rolls back for it.
        """
        return self._service.move(command)
