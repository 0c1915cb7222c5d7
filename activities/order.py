"""The order service's activities."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderCancelledEvent,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
    OrderRejectedEvent,
    RegisterOrderCommand,
)
from participants.order.service import OrderService


class OrderActivities:
    """Hands commands to the order service."""

    def __init__(self, service: OrderService) -> None:
        """Serve commands with `service`."""
        self._service = service

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """Every activity, for a worker to register."""
        return [self.register, self.confirm, self.cancel]

    @activity.defn(name="RegisterOrder", no_thread_cancel_exception=True)
    def register(self, command: RegisterOrderCommand) -> OrderRegisteredEvent | OrderRejectedEvent:
        """Open the order."""
        return self._service.register(command)

    @activity.defn(name="ConfirmOrder", no_thread_cancel_exception=True)
    def confirm(self, command: ConfirmOrderCommand) -> OrderConfirmedEvent | OrderRejectedEvent:
        """Close the order as CONFIRMED."""
        return self._service.confirm(command)

    @activity.defn(name="CancelOrder", no_thread_cancel_exception=True)
    def cancel(self, command: CancelOrderCommand) -> OrderCancelledEvent | OrderRejectedEvent:
        """Close the order as CANCELLED.

        An id that belongs to another order is no error here: there is nothing to compensate.
        """
        return self._service.cancel(command)
