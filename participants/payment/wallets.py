"""Wallets as the means of payment: in our own database, and in one transaction with the fence."""

from typing import Any

import sqlalchemy as sa

from contracts.money import money
from contracts.payment import (
    CapturePaymentCommand,
    PaymentCapturedEvent,
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from participants.payment.ledger import SHOP, post, wallet_account
from participants.payment.tables import FENCE, INTENTS, PAYMENTS, WALLETS
from temporal_saga.database import reading
from temporal_saga.fence import AlreadyCompensated, Fence
from temporal_saga.keys import compensated_key

# Statements of each order are built once: that costs as much as sending them.

_NEW_PAYMENT = sa.insert(PAYMENTS)
_BEGAN_BY_CARD = sa.exists().where(INTENTS.c.key == sa.bindparam("payment_key"))
_PAYMENT_FROM_WALLET = (
    sa.update(WALLETS)
    .where(
        WALLETS.c.customer_id == sa.bindparam("customer"),
        WALLETS.c.currency == sa.bindparam("price_currency"),
        WALLETS.c.balance_minor >= sa.bindparam("price_minor"),
        ~_BEGAN_BY_CARD,
    )
    .values(balance_minor=WALLETS.c.balance_minor - sa.bindparam("price_minor"))
)


class NothingHeld(Exception):
    """this release serves no cards, and a wallet holds nothing that could be captured."""


class BegunByCard(Exception):
    """the payment was begun by card, and this worker serves wallets."""


class Wallets:
    """Charges and refunds wallets; the double-entry ledger has every movement."""

    def __init__(self, engine: sa.Engine) -> None:
        """Charge the wallets of this database."""
        self._engine = engine
        self._fence = Fence(engine, FENCE)

    def process(self, command: ProcessPaymentCommand) -> PaymentCompletedEvent | PaymentFailedEvent:
        """Charge the customer once, or refuse for a reason of business.

        Raises:
            KeyReused: the command's key names another payment.
            BegunByCard: money may be held on a card for it; the step is tried again, and is stuck
                until cards are served.
        """

        def charge(connection: sa.Connection) -> PaymentFailedEvent | None:
            while not _take(connection, command):
                _check_no_card(connection, command.idempotency_key)
                # If money comes in before the lock, the next round takes it.
                if decline := _decline(command, _lock(connection, command.customer_id)):
                    return decline
            payment = command.model_dump(
                include={"order_id", "customer_id", "currency", "amount_minor"}
            )
            connection.execute(_NEW_PAYMENT, payment)
            customer = wallet_account(command.customer_id)
            post(
                connection,
                command.idempotency_key,
                customer,
                SHOP,
                command.amount_minor,
                command.currency,
            )
            return None

        answer = PaymentCompletedEvent(
            order_id=command.order_id, currency=command.currency, amount_minor=command.amount_minor
        )
        try:
            return self._fence.forward(command, answer, charge, PaymentFailedEvent)
        except AlreadyCompensated as late:
            return PaymentFailedEvent(
                order_id=command.order_id, reason="ALREADY_COMPENSATED", message=str(late)
            )

    def capture(self, command: CapturePaymentCommand) -> PaymentCapturedEvent:
        """Refuse to say that what a card holds was taken.

        Raises:
            NothingHeld: always; the step is tried again, and is stuck until cards are served.
        """
        raise NothingHeld(f"{command.reference}: {NothingHeld.__doc__}")

    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Give back what the payment took; nothing, if it took nothing.

        Raises:
            KeyReused: the command's key names another refund.
            BegunByCard: the payment is a card's; the step is tried again, and is stuck until cards
                are served.
        """
        payment_key = compensated_key(command.idempotency_key)

        def give_back(connection: sa.Connection, was_charged: bool) -> PaymentRefundedEvent:
            if not was_charged:
                _check_no_card(connection, payment_key)
                return refund_event(command.currency, 0)
            # The payment's own record says what was taken and from whom, whatever the refund names.
            payment = sa.update(PAYMENTS).where(PAYMENTS.c.order_id == command.order_id)
            payment_row = connection.execute(
                payment.values(refunded_minor=PAYMENTS.c.amount_minor).returning(PAYMENTS)
            ).one_or_none()
            if payment_row is None:
                raise BegunByCard(f"{payment_key}: {BegunByCard.__doc__}")
            wallet = sa.update(WALLETS).where(WALLETS.c.customer_id == payment_row.customer_id)
            connection.execute(
                wallet.values(balance_minor=WALLETS.c.balance_minor + payment_row.amount_minor)
            )
            customer = wallet_account(payment_row.customer_id)
            post(
                connection,
                command.idempotency_key,
                SHOP,
                customer,
                payment_row.amount_minor,
                payment_row.currency,
            )
            return refund_event(payment_row.currency, payment_row.amount_minor)

        def refund_event(currency: str, amount_minor: int) -> PaymentRefundedEvent:
            return PaymentRefundedEvent(
                order_id=command.order_id, currency=currency, refunded_minor=amount_minor
            )

        return self._fence.compensate(
            command, refund_event(command.currency, command.amount_minor), give_back
        )

    def has_paid(self, order_id: str) -> bool:
        """Tell whether an order was paid from a wallet."""
        payment = sa.select(PAYMENTS.c.order_id).where(PAYMENTS.c.order_id == order_id)
        with reading(self._engine) as connection:
            return connection.execute(payment).one_or_none() is not None


def _take(connection: sa.Connection, command: ProcessPaymentCommand) -> bool:
    """Take the price from the wallet; False when it cannot pay, is not there, or a card may."""
    price = {
        "customer": command.customer_id,
        "price_currency": command.currency,
        "price_minor": command.amount_minor,
        "payment_key": command.idempotency_key,
    }
    return connection.execute(_PAYMENT_FROM_WALLET, price).rowcount == 1


def _check_no_card(connection: sa.Connection, payment_key: str) -> None:
    """Find that a payment was not begun by card; raises `BegunByCard`."""
    if connection.execute(sa.select(_BEGAN_BY_CARD), {"payment_key": payment_key}).scalar_one():
        raise BegunByCard(f"{payment_key}: {BegunByCard.__doc__}")


def _lock(connection: sa.Connection, customer_id: str) -> sa.Row[Any] | None:
    """Lock a customer's wallet, so that what is decided from it stays true.

    Return it, or None when there is none.
    """
    return connection.execute(
        sa.select(WALLETS).where(WALLETS.c.customer_id == customer_id).with_for_update()
    ).one_or_none()


def _decline(command: ProcessPaymentCommand, row: sa.Row[Any] | None) -> PaymentFailedEvent | None:
    """Say why the wallet cannot pay, or None when it can."""
    customer_id = command.customer_id
    order_id = command.order_id
    if row is None:
        return PaymentFailedEvent(
            order_id=order_id,
            reason="UNKNOWN_CUSTOMER",
            message=f"customer {customer_id} has no wallet",
            details={"customer_id": customer_id},
        )
    if row.currency != command.currency:
        return PaymentFailedEvent(
            order_id=order_id,
            reason="CURRENCY_MISMATCH",
            message=f"the wallet of {customer_id} is in {row.currency}, "
            f"the order in {command.currency}",
            details={"wallet_currency": row.currency, "order_currency": command.currency},
        )
    if row.balance_minor >= command.amount_minor:
        return None
    return PaymentFailedEvent(
        order_id=order_id,
        reason="INSUFFICIENT_FUNDS",
        message=f"the order costs {money(command.amount_minor, row.currency)}, "
        f"and there are {money(row.balance_minor, row.currency)} in the wallet",
        details={
            "asked_minor": command.amount_minor,
            "balance_minor": row.balance_minor,
            "currency": row.currency,
        },
    )
