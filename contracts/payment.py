"""What is said to and by the payment service."""

from typing import Literal

from contracts.base import Command, Contract, Currency, Event, Identifier, Refusal, TotalMinor


class ProcessPaymentCommand(Command):
    """Take the price of an order from its customer's wallet."""

    customer_id: Identifier
    currency: Currency
    amount_minor: TotalMinor


class PaymentCompletedEvent(Event):
    """The order is paid."""

    event: Literal["PaymentCompletedEvent"] = "PaymentCompletedEvent"
    currency: Currency
    amount_minor: TotalMinor


class PaymentFailedEvent(Refusal):
    """The payment service declined; no money moved."""

    event: Literal["PaymentFailedEvent"] = "PaymentFailedEvent"
    reason: Literal["INSUFFICIENT_FUNDS", "UNKNOWN_CUSTOMER", "CURRENCY_MISMATCH", "ALREADY_COMPENSATED"]


class RefundPaymentCommand(Command):
    """Give back what `ProcessPaymentCommand` took, if it took anything."""

    customer_id: Identifier
    currency: Currency
    amount_minor: TotalMinor


class PaymentRefundedEvent(Event):
    """Nothing of the order's price is kept; `refunded_minor` is 0 when nothing had been taken."""

    event: Literal["PaymentRefundedEvent"] = "PaymentRefundedEvent"
    currency: Currency
    refunded_minor: TotalMinor


class WalletQuery(Contract):
    """Ask for one customer's wallet."""

    customer_id: Identifier


class WalletView(Contract):
    """A customer's wallet; `balance_minor` in minor units of `currency`."""

    customer_id: str
    currency: str
    balance_minor: int
