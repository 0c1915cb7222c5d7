"""The payment service's activities."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from activities.later import retried_later
from contracts.payment import (
    CapturePaymentCommand,
    DepositMoneyCommand,
    DepositRefusedEvent,
    MoneyDepositedEvent,
    OpenWalletsCommand,
    Payment,
    PaymentCapturedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletsOpenedEvent,
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
        return [self.process, self.capture, self.refund, self.open_wallets, self.deposit]

    @activity.defn(name="ProcessPayment", no_thread_cancel_exception=True)
    def process(self, command: ProcessPaymentCommand) -> Payment | PaymentFailedEvent:
        """Charge the customer, or have the money held on their card."""
        with retried_later():
            return self._service.process(command)

    @activity.defn(name="CapturePayment", no_thread_cancel_exception=True)
    def capture(self, command: CapturePaymentCommand) -> PaymentCapturedEvent:
        """Take the money that is held."""
        with retried_later():
            return self._service.capture(command)

    @activity.defn(name="RefundPayment", no_thread_cancel_exception=True)
    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Take the charge back, or release what is held."""
        with retried_later():
            return self._service.refund(command)

    @activity.defn(name="OpenWallets", no_thread_cancel_exception=True)
    def open_wallets(self, command: OpenWalletsCommand) -> WalletsOpenedEvent:
        """Open the wallets that are not open yet."""
        return self._service.open_new(command)

    @activity.defn(name="DepositMoney", no_thread_cancel_exception=True)
    def deposit(self, command: DepositMoneyCommand) -> MoneyDepositedEvent | DepositRefusedEvent:
        """Put money in, or take it back.

        A refusal is returned, not raised: no saga rolls back for it.
        """
        return self._service.deposit(command)
