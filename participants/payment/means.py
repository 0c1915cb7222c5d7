"""What customers pay with: our wallets, or cards at a provider."""

from typing import Protocol

from contracts.payment import (
    CapturePaymentCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)


class MeansOfPayment(Protocol):
    """Takes each command of a payment once; what it raises is no answer."""

    def process(
        self, command: ProcessPaymentCommand
    ) -> PaymentCompletedEvent | PaymentActionRequiredEvent | PaymentFailedEvent:
        """Take the price, or hold it: then the event has the reference that is to be captured."""
        ...

    def capture(self, command: CapturePaymentCommand) -> PaymentCapturedEvent:
        """Take what is held."""
        ...

    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Give back what was taken, and release what is held."""
        ...
