"""What is said to and by the payment service."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from contracts.base import (
    MAX_DEPOSIT_MINOR,
    ROWS,
    Command,
    Contract,
    Currency,
    Event,
    Identifier,
    KeyedCommand,
    PendingEvent,
    Refusal,
    TotalMinor,
    not_zero,
    refuse_repeats,
)
from contracts.money import CurrencyInUse
from contracts.text import Name

MOST_REFERENCE = 255


def is_none(value: object) -> bool:
    """Tell whether a field is left out of JSON: as it is where wallets pay."""
    return value is None


Reference = Annotated[str, Field(min_length=1, max_length=MOST_REFERENCE)]
"""The card provider's id of a payment."""


class ProcessPaymentCommand(Command):
    """Take the price of an order from its customer's wallet, or hold it on their card."""

    customer_id: Identifier
    currency: Currency
    amount_minor: TotalMinor


class PaymentCompletedEvent(Event):
    """The order is paid, or the money for it is held on a card.

    `reference` is the card provider's id of what is held, which is to be captured; None when
    nothing is held.
    """

    event: Literal["PaymentCompletedEvent"] = "PaymentCompletedEvent"
    currency: Currency
    amount_minor: TotalMinor
    reference: Reference | None = Field(default=None, exclude_if=is_none)


class PaymentActionRequiredEvent(PendingEvent):
    """The customer's bank asks the customer first, on the page at `url`.

    `answer_seconds` is how long the order waits for that, from the first such event on.
    """

    event: Literal["PaymentActionRequiredEvent"] = "PaymentActionRequiredEvent"
    url: str
    answer_seconds: int


class PaymentFailedEvent(Refusal):
    """The payment service declined; no money moved."""

    event: Literal["PaymentFailedEvent"] = "PaymentFailedEvent"
    reason: Literal[
        "INSUFFICIENT_FUNDS",
        "UNKNOWN_CUSTOMER",
        "CURRENCY_MISMATCH",
        "CARD_DECLINED",
        "CARD_EXPIRED",
        "AUTHENTICATION_FAILED",
        "AMOUNT_NOT_PAYABLE",
        "ALREADY_COMPENSATED",
    ]


Payment = PaymentCompletedEvent | PaymentActionRequiredEvent
"""What `ProcessPaymentCommand` is answered with, where it is not refused."""


class CapturePaymentCommand(Command):
    """Take the money that is held on a card."""

    reference: Reference
    currency: Currency
    amount_minor: TotalMinor


class PaymentCapturedEvent(Event):
    """The money is taken."""

    event: Literal["PaymentCapturedEvent"] = "PaymentCapturedEvent"
    currency: Currency
    captured_minor: TotalMinor


class RefundPaymentCommand(Command):
    """Give back what `ProcessPaymentCommand` took, if it took anything."""

    customer_id: Identifier
    currency: Currency
    amount_minor: TotalMinor


class PaymentRefundedEvent(Event):
    """Nothing of the order's price is kept; `refunded_minor` is 0 when nothing had been taken.

    `released_minor` is what had been held on a card and was never taken; None when nothing was.
    """

    event: Literal["PaymentRefundedEvent"] = "PaymentRefundedEvent"
    currency: Currency
    refunded_minor: TotalMinor
    released_minor: TotalMinor | None = Field(default=None, exclude_if=is_none)


class WalletView(Contract):
    """A customer's wallet; `balance_minor` in minor units of `currency`."""

    customer_id: str
    currency: str
    balance_minor: int


# What the shop's own people tell the payment service; no order's saga does.


class WalletOpening(Contract):
    """A customer's wallet to be opened, with what it holds at first."""

    customer_id: Identifier
    currency: CurrencyInUse
    opening_balance_minor: Annotated[int, Field(strict=True, ge=0, le=MAX_DEPOSIT_MINOR)] = 0


W = TypeVar("W", bound=WalletOpening)


def each_customer_once(wallets: tuple[W, ...]) -> tuple[W, ...]:
    """Return wallets of which no customer has two."""
    refuse_repeats(wallet.customer_id for wallet in wallets)
    return wallets


class OpenWalletsCommand(KeyedCommand):
    """Open the wallets that are not open yet; the others stay as they are."""

    wallets: Annotated[tuple[WalletOpening, ...], ROWS, AfterValidator(each_customer_once)]


class WalletsOpenedEvent(Contract):
    """The wallets are open: so many were opened, so many were open.

    `in_other_currency` has the currency of each that is open in another one than was told.
    """

    event: Literal["WalletsOpenedEvent"] = "WalletsOpenedEvent"
    opened: int
    left: int
    in_other_currency: dict[str, str] = Field(default_factory=dict)


Deposit = Annotated[
    int,
    Field(
        strict=True,
        ge=-MAX_DEPOSIT_MINOR,
        le=MAX_DEPOSIT_MINOR,
        description="in minor units, e.g. pence",
        json_schema_extra={"not": {"const": 0}},
    ),
    AfterValidator(not_zero),
]


class DepositMoneyCommand(KeyedCommand):
    """Put money into a wallet (positive), or take a deposit back (negative).

    Args:
        customer_id: whose wallet.
        currency: of the amount, which must be the wallet's, in use or not: what an old wallet holds
            can be taken out.
        amount_minor: how much.
        reason: why.
        by: whose token said so; "" where nobody is asked who they are.
    """

    customer_id: Identifier
    currency: Currency
    amount_minor: Deposit
    reason: Name
    by: str = ""


class MoneyDepositedEvent(Contract):
    """So much was put in, or taken back; so much is in the wallet from then on."""

    event: Literal["MoneyDepositedEvent"] = "MoneyDepositedEvent"
    customer_id: str
    currency: str
    amount_minor: int
    balance_minor: int


class DepositRefusedEvent(Contract):
    """No money moved."""

    event: Literal["DepositRefusedEvent"] = "DepositRefusedEvent"
    reason: Literal[
        "UNKNOWN_CUSTOMER", "CURRENCY_MISMATCH", "INSUFFICIENT_FUNDS", "TOO_MUCH", "KEY_REUSED"
    ]
    message: str
