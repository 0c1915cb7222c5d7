"""How a payment is authorised at the card provider and taken back, for `ProviderFence`.

A payment is made without effect first, and then confirmed by its reference. So a call whose answer
is lost, or that comes late, or is repeated when the provider has forgotten its key, makes at most
one more payment without effect: only the one whose reference is on record is ever confirmed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.payment import (
    PaymentActionRequiredEvent,
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from participants.payment.card_api import CardApi
from participants.payment.card_currencies import why_not_payable
from participants.payment.card_errors import NotPayable, ProviderAway, refusal
from participants.payment.card_payment import ORDER_ID, SAGA_STEP, CardPayment
from temporal_saga.provider import (
    Declined,
    Done,
    Intent,
    Outcome,
    Pending,
    Prepared,
    TakenBack,
)

Authorised = Outcome[PaymentActionRequiredEvent, PaymentCompletedEvent, PaymentFailedEvent]

WITH_EFFECT = ("requires_capture", "succeeded", "requires_action", "processing")


@dataclass(frozen=True)
class Card:
    """A customer's card, by its names at the provider."""

    customer: str
    payment_method: str


class CardEffect:
    """What authorising and capturing have in common: how they are taken back."""

    def __init__(self, api: CardApi, order_id: str, currency: str) -> None:
        """Act for one order."""
        self.api = api
        self.order_id = order_id
        self.currency = currency
        self.reference: str | None = None
        """Of the payment that was taken back, if there was one."""
        self.has_read_list = False
        """Whether the look-up read a list, which has the newest payment too; search may not."""

    def take_back(self, intent: Intent, outcome: Any) -> PaymentRefundedEvent | None:
        """Release what is held, or give back what was captured and is left.

        Of a payment that the provider does not know there is nothing to take back: a call that
        comes late makes one without effect, and nobody confirms it. Where only search says so, the
        provider may know of one all the same.
        """
        if outcome is None and not self.has_read_list:
            return None
        reference = self.reference = outcome.reference if outcome is not None else None
        if reference is None:
            return self.refund_event()
        payment = self.api.payment(reference, intent.seconds_left)
        if payment.status not in ("canceled", "succeeded"):
            payment = self.api.cancel(reference, intent.seconds_left)
        match payment.status:
            case "canceled":
                released_minor = payment.amount_minor if payment.was_authorised else 0
                return self.refund_event(released_minor=released_minor)
            case "succeeded":
                step = intent.compensation_key
                self.api.refund(reference, step, f"{step}/{intent.caller}", intent.seconds_left)
                refunded_minor = self.api.refunded_minor(reference, intent.seconds_left)
                if refunded_minor < payment.captured_minor:  # a refund can fail, also later
                    raise ProviderAway(
                        f"{refunded_minor} of {payment.captured_minor} of {reference} went back: "
                        "see with the provider and the customer how the rest does"
                    )
                return self.refund_event(
                    refunded_minor=refunded_minor,
                    released_minor=payment.amount_minor - payment.captured_minor,
                )
        raise ProviderAway(f"{reference} is {payment.status}, and cannot be cancelled now")

    def refund_event(
        self, *, refunded_minor: int = 0, released_minor: int = 0
    ) -> PaymentRefundedEvent:
        """Return what is answered when so much was taken back."""
        return PaymentRefundedEvent(
            order_id=self.order_id,
            currency=self.currency,
            refunded_minor=refunded_minor,
            released_minor=released_minor,
        )


class Authorisation(CardEffect):
    """Has the price of an order held on its customer's card."""

    def __init__(
        self,
        api: CardApi,
        command: ProcessPaymentCommand | RefundPaymentCommand,
        card_of: Callable[[str], Card | None],
        *,
        return_url: str = "",
        answer_seconds: int = 0,
    ) -> None:
        """Act for one command: the one that authorises, or the one that takes that back."""
        super().__init__(api, command.order_id, command.currency)
        self.command = command
        self.card_of = card_of
        self.return_url = return_url
        self.answer_seconds = answer_seconds

    def look_up(self, intent: Intent) -> Authorised | None:
        """Find the payment by its reference; without one, by what it wrote at the provider.

        A reference is lost with a database that was put back from a backup. So may be the card of
        a customer, or another one is on file since: search finds what their list has not. A first
        payment is not looked for there, as search serves few calls, and each order would be one.
        """
        if self.command.amount_minor == 0:
            return Done(self._success())
        if intent.reference is not None:
            payment = self.api.payment(intent.reference, intent.seconds_left)
            return self._outcome(payment, intent)
        card = self.card_of(self.command.customer_id)
        payments: list[CardPayment] = []
        if card is not None:
            payments = self.api.payments_of(card.customer, intent.key, intent.seconds_left)
            self.has_read_list = True
        if not payments and (card is None or isinstance(self.command, RefundPaymentCommand)):
            payments = self.api.payments_found(intent.key, intent.seconds_left)
        payments.sort(key=lambda payment: _weight(payment.status))
        return self._outcome(payments[0], intent) if payments else None

    def call(self, intent: Intent) -> Authorised:
        """Make the payment; with its reference, have the money held."""
        if intent.reference is None:
            return self._create(intent)
        form = {"return_url": self.return_url} if self.return_url else {}
        # A 500 is remembered with its key, so that each attempt has one of its own.
        key = f"{intent.key}/confirm/{intent.attempt}"
        try:
            payment = self.api.confirm(intent.reference, form, key, intent.seconds_left)
        except NotPayable as error:  # as where the card was taken off the customer's file there
            payment = self.api.cancel(intent.reference, intent.seconds_left)
            if payment.status == "canceled":
                return Declined(refusal(self.order_id, error.error), intent.reference)
        return self._outcome(payment, intent)

    def _create(self, intent: Intent) -> Authorised:
        card = self.card_of(self.command.customer_id)
        if card is None:
            return Declined(self._unknown_customer())
        if (why := why_not_payable(self.currency, self.command.amount_minor)) is not None:
            return Declined(self._refusal("AMOUNT_NOT_PAYABLE", why))
        key = f"{intent.key}/{intent.attempt}"
        try:
            payment = self.api.create(self._form(card, intent), key, intent.seconds_left)
        except NotPayable as error:
            return Declined(refusal(self.order_id, error.error))
        return Prepared(payment.reference)

    def _form(self, card: Card, intent: Intent) -> Mapping[str, Any]:
        return {
            "amount": self.command.amount_minor,
            "currency": self.command.currency.lower(),
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "customer": card.customer,
            "payment_method": card.payment_method,
            "metadata": {ORDER_ID: self.order_id, SAGA_STEP: intent.key},
        }

    def _outcome(self, payment: CardPayment, intent: Intent) -> Authorised:
        reference = payment.reference
        match payment.status:
            case "requires_confirmation":
                return Prepared(reference)
            case "requires_action" if payment.page is not None:
                return Pending(self._action_required(payment), reference)
            case "requires_capture":
                return Done(self._success(reference), reference)
            case "succeeded":
                refunded_minor = self.api.refunded_minor(reference, intent.seconds_left)
                is_left = refunded_minor < payment.captured_minor
                return (
                    Done(self._success(reference), reference) if is_left else TakenBack(reference)
                )
        return self._failure(payment, intent)

    def _failure(self, payment: CardPayment, intent: Intent) -> Authorised:
        reference = payment.reference
        asks_nowhere = payment.status == "requires_action"
        if asks_nowhere or payment.status == "requires_payment_method":
            # Closed before it is said, or another card might still pay for an order that failed.
            # If one just has, the payment stands as this answer says.
            payment = self.api.cancel(reference, intent.seconds_left)
            if payment.status != "canceled":
                return self._outcome(payment, intent)
        if payment.status != "canceled":
            raise ProviderAway(f"{reference} is {payment.status}: it is not known what follows")
        if payment.decline:
            return Declined(refusal(self.order_id, payment.decline), reference)
        if asks_nowhere:
            why = "the bank asks the customer, and there is no page to send them to"
            return Declined(self._refusal("AUTHENTICATION_FAILED", why), reference)
        return TakenBack(reference)

    def _success(self, reference: str | None = None) -> PaymentCompletedEvent:
        return PaymentCompletedEvent(
            order_id=self.order_id,
            currency=self.currency,
            amount_minor=self.command.amount_minor,
            reference=reference,
        )

    def _action_required(self, payment: CardPayment) -> PaymentActionRequiredEvent:
        return PaymentActionRequiredEvent(
            order_id=self.order_id, url=payment.page or "", answer_seconds=self.answer_seconds
        )

    def _refusal(self, reason: Any, message: str, **details: str) -> PaymentFailedEvent:
        return PaymentFailedEvent(
            order_id=self.order_id, reason=reason, message=message, details=details
        )

    def _unknown_customer(self) -> PaymentFailedEvent:
        customer_id = self.command.customer_id
        message = f"customer {customer_id} has no card"
        return self._refusal("UNKNOWN_CUSTOMER", message, customer_id=customer_id)


def _weight(status: str) -> int:
    """Return the place of a payment among those of one command: one with an effect is first."""
    if status in WITH_EFFECT:
        return 0
    return 2 if status == "requires_confirmation" else 1
