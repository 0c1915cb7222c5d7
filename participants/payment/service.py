"""The payment service: charges and refunds wallets, once per command."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from contracts.money import money
from contracts.payment import (
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletView,
)
from participants.payment.tables import FENCE, LEDGER, METADATA, PAYMENTS, WALLETS
from temporal_saga.database import create_tables, insert_missing, reading
from temporal_saga.fence import AlreadyCompensated, Fence

SHOP = "shop"
DEPOSITS = "deposits"


class PaymentService:
    """Keeps customers' wallets and the double-entry ledger of every movement."""

    def __init__(self, engine: sa.Engine) -> None:
        """Serve from the database behind `engine`; creates the tables that are missing."""
        create_tables(engine, METADATA)
        self._engine = engine
        self._fence = Fence(engine, FENCE)

    def process(self, command: ProcessPaymentCommand) -> PaymentCompletedEvent | PaymentFailedEvent:
        """Charge the customer once, or refuse for a reason of business.

        Raises:
            KeyReused: the command's key names another payment.
        """

        def charge(connection: sa.Connection) -> PaymentFailedEvent | None:
            while not _take(connection, command):
                # Should money come in before the lock, there is no decline, and the next round takes it.
                if decline := _decline(command, _lock(connection, command.customer_id)):
                    return decline
            payment = command.model_dump(include={"order_id", "customer_id", "currency", "amount_minor"})
            connection.execute(sa.insert(PAYMENTS).values(**payment))
            customer = _wallet_account(command.customer_id)
            _post(connection, command.idempotency_key, customer, SHOP, command.amount_minor, command.currency)
            return None

        paid = PaymentCompletedEvent(order_id=command.order_id, currency=command.currency, amount_minor=command.amount_minor)
        try:
            return self._fence.forward(command, paid, charge, PaymentFailedEvent)
        except AlreadyCompensated as late:
            return PaymentFailedEvent(order_id=command.order_id, reason="ALREADY_COMPENSATED", message=str(late))

    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Give back what the payment took; nothing, if it took nothing.

        Raises:
            KeyReused: the command's key names another refund.
        """

        def give_back(connection: sa.Connection, charged: bool) -> PaymentRefundedEvent:
            if not charged:
                return refunded(command.currency, 0)
            # The payment's own record says what was taken and from whom, whatever the refund names.
            payment = sa.update(PAYMENTS).where(PAYMENTS.c.order_id == command.order_id)
            paid = connection.execute(payment.values(refunded_minor=PAYMENTS.c.amount_minor).returning(PAYMENTS)).one()
            wallet = sa.update(WALLETS).where(WALLETS.c.customer_id == paid.customer_id)
            connection.execute(wallet.values(balance_minor=WALLETS.c.balance_minor + paid.amount_minor))
            customer = _wallet_account(paid.customer_id)
            _post(connection, command.idempotency_key, SHOP, customer, paid.amount_minor, paid.currency)
            return refunded(paid.currency, paid.amount_minor)

        def refunded(currency: str, amount_minor: int) -> PaymentRefundedEvent:
            return PaymentRefundedEvent(order_id=command.order_id, currency=currency, refunded_minor=amount_minor)

        return self._fence.compensate(command, refunded(command.currency, command.amount_minor), give_back)

    def open_wallets(self, wallets: Iterable[WalletView]) -> None:
        """Open each wallet with its first deposit; one that is open already stays as it is."""
        with self._engine.begin() as connection:
            # In the order of their owners, so that two that open the same wallets never wait in a circle.
            by_owner = {wallet.customer_id: wallet for wallet in sorted(wallets, key=lambda wallet: wallet.customer_id)}
            for customer_id in insert_missing(connection, WALLETS, [wallet.model_dump() for wallet in by_owner.values()]):
                deposit, opened = f"deposit/{customer_id}", by_owner[customer_id]
                _post(connection, deposit, DEPOSITS, _wallet_account(customer_id), opened.balance_minor, opened.currency)

    def wallet(self, customer_id: str) -> WalletView | None:
        """Return a customer's wallet, or None when there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(WALLETS).where(WALLETS.c.customer_id == customer_id)).one_or_none()
        return None if row is None else WalletView.model_validate(row._asdict())


def _take(connection: sa.Connection, command: ProcessPaymentCommand) -> bool:
    """Take the price from the wallet; False when it cannot pay, or is not there."""
    wallet = sa.update(WALLETS).where(
        WALLETS.c.customer_id == command.customer_id,
        WALLETS.c.currency == command.currency,
        WALLETS.c.balance_minor >= command.amount_minor,
    )
    return connection.execute(wallet.values(balance_minor=WALLETS.c.balance_minor - command.amount_minor)).rowcount == 1


def _lock(connection: sa.Connection, customer_id: str) -> sa.Row[Any] | None:
    """Lock a customer's wallet, so that what is decided from it stays true; return it, or None when there is none."""
    return connection.execute(sa.select(WALLETS).where(WALLETS.c.customer_id == customer_id).with_for_update()).one_or_none()


def _decline(command: ProcessPaymentCommand, row: sa.Row[Any] | None) -> PaymentFailedEvent | None:
    """Say why the wallet cannot pay, or None when it can."""
    customer_id, order_id = command.customer_id, command.order_id
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
            message=f"the wallet of {customer_id} is in {row.currency}, the order in {command.currency}",
            details={"wallet_currency": row.currency, "order_currency": command.currency},
        )
    if row.balance_minor >= command.amount_minor:
        return None
    return PaymentFailedEvent(
        order_id=order_id,
        reason="INSUFFICIENT_FUNDS",
        message=f"the order costs {money(command.amount_minor, row.currency)}, "
        f"and there are {money(row.balance_minor, row.currency)} in the wallet",
        details={"asked_minor": command.amount_minor, "balance_minor": row.balance_minor, "currency": row.currency},
    )


def _post(connection: sa.Connection, transaction_id: str, debit: str, credit: str, amount: int, currency: str) -> None:
    """Write both legs of one movement of money."""
    legs = [{"account": debit, "amount_minor": -amount}, {"account": credit, "amount_minor": amount}]
    shared = {"transaction_id": transaction_id, "currency": currency, "at": datetime.now(UTC)}
    connection.execute(sa.insert(LEDGER), [shared | leg for leg in legs])


def _wallet_account(customer_id: str) -> str:
    return f"wallet:{customer_id}"
