"""How a payment is captured at the card provider, for `ProviderFence`."""

from contracts.payment import (
    CapturePaymentCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    PaymentFailedEvent,
)
from participants.payment.card_api import CardApi
from participants.payment.card_effects import CardEffect
from participants.payment.card_errors import ProviderAway
from participants.payment.card_payment import CardPayment
from temporal_saga.provider import Done, Intent, Outcome

Captured = Outcome[PaymentActionRequiredEvent, PaymentCapturedEvent, PaymentFailedEvent]


class Capture(CardEffect):
    """Takes the money that is held. It is past the saga's pivot: nothing takes it back."""

    def __init__(self, api: CardApi, command: CapturePaymentCommand) -> None:
        """Act for one command."""
        super().__init__(api, command.order_id, command.currency)
        self.command = command

    def look_up(self, intent: Intent) -> Captured | None:
        """Find out whether it was captured; by the command's reference, which no backup loses."""
        payment = self.api.payment(self.command.reference, intent.seconds_left)
        return None if payment.status == "requires_capture" else self._outcome(payment)

    def call(self, intent: Intent) -> Captured:
        """Capture it."""
        key = f"{intent.key}/{intent.attempt}"
        return self._outcome(self.api.capture(self.command.reference, key, intent.seconds_left))

    def _outcome(self, payment: CardPayment) -> Captured:
        if payment.status != "succeeded":
            raise ProviderAway(
                f"nothing is held by {payment.reference} any more, it is {payment.status}: see "
                "with the provider and the customer how the order is paid, and settle the step"
            )
        if payment.captured_minor < self.command.amount_minor:  # the provider released the rest
            raise ProviderAway(
                f"{payment.captured_minor} of {self.command.amount_minor} of {payment.reference} "
                "is captured, and the rest is held no more: see with the provider and the customer "
                "how the order is paid, and settle the step"
            )
        event = PaymentCapturedEvent(
            order_id=self.order_id,
            currency=self.currency,
            captured_minor=payment.captured_minor,
        )
        return Done(event, payment.reference)
