"""The payment service's activities."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from activities.boundary import accepted
from contracts.payment import (
    PaymentCompletedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletQuery,
    WalletView,
)
from participants.payment.service import PaymentService


class PaymentActivities:
    """Hands commands to the payment service."""

    def __init__(self, service: PaymentService) -> None:
        """Serve commands with `service`."""
        self._service = service

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """Every activity, for a worker to register."""
        return [self.process, self.refund, self.read_wallet]

    @activity.defn(name="ProcessPayment", no_thread_cancel_exception=True)
    def process(self, command: ProcessPaymentCommand) -> PaymentCompletedEvent:
        """Charge the customer."""
        return accepted(self._service.process(command))

    @activity.defn(name="RefundPayment", no_thread_cancel_exception=True)
    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Take the charge back."""
        return self._service.refund(command)

    @activity.defn(name="ReadWallet", no_thread_cancel_exception=True)
    def read_wallet(self, query: WalletQuery) -> WalletView | None:
        """Look up a wallet."""
        return self._service.wallet(query.customer_id)
