"""The stock service's activities."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from activities.boundary import accepted
from contracts.stock import (
    DecreaseStockCommand,
    RestoreStockCommand,
    StockDecreasedEvent,
    StockQuery,
    StockRestoredEvent,
    StockView,
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
        return [self.decrease, self.restore, self.read_stock]

    @activity.defn(name="DecreaseStock", no_thread_cancel_exception=True)
    def decrease(self, command: DecreaseStockCommand) -> StockDecreasedEvent:
        """Take the lines from stock."""
        return accepted(self._service.decrease(command))

    @activity.defn(name="RestoreStock", no_thread_cancel_exception=True)
    def restore(self, command: RestoreStockCommand) -> StockRestoredEvent:
        """Put the lines back."""
        return self._service.restore(command)

    @activity.defn(name="ReadStock", no_thread_cancel_exception=True)
    def read_stock(self, query: StockQuery) -> StockView | None:
        """Look up a product."""
        return self._service.product(query.sku)
