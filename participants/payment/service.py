"""The payment service: charges and refunds wallets, once per command."""

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from contracts.payment import (
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletView,
)
from participants.payment.tables import FENCE, LEDGER, METADATA, PAYMENTS, WALLETS
from temporal_saga.database import create_tables, reading
from temporal_saga.fence import AlreadyCompensated, Fence, Refused

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

        def charge(connection: sa.Connection) -> PaymentCompletedEvent:
            paid = sa.update(WALLETS).where(
                WALLETS.c.customer_id == command.customer_id,
                WALLETS.c.currency == command.currency,
                WALLETS.c.balance_minor >= command.amount_minor,
            )
            balance = WALLETS.c.balance_minor - command.amount_minor
            if connection.execute(paid.values(balance_minor=balance)).rowcount == 0:
                raise Refused(_decline(connection, command))
            payment = command.model_dump(include={"order_id", "customer_id", "currency", "amount_minor"})
            connection.execute(sa.insert(PAYMENTS).values(**payment))
            customer = _wallet_account(command.customer_id)
            _post(connection, command.idempotency_key, customer, SHOP, command.amount_minor, command.currency)
            return PaymentCompletedEvent(order_id=command.order_id, currency=command.currency, amount_minor=command.amount_minor)

        try:
            return self._fence.forward(command, charge, PaymentCompletedEvent, PaymentFailedEvent)
        except AlreadyCompensated as late:
            return PaymentFailedEvent(order_id=command.order_id, reason="ALREADY_COMPENSATED", message=str(late))

    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Give back what the payment took; nothing, if it took nothing.

        Raises:
            KeyReused: the command's key names another refund.
        """

        def give_back(connection: sa.Connection, charged: bool) -> PaymentRefundedEvent:
            amount = command.amount_minor if charged else 0
            event = PaymentRefundedEvent(order_id=command.order_id, currency=command.currency, refunded_minor=amount)
            if not charged:
                return event
            wallet = sa.update(WALLETS).where(WALLETS.c.customer_id == command.customer_id)
            connection.execute(wallet.values(balance_minor=WALLETS.c.balance_minor + amount))
            payment = sa.update(PAYMENTS).where(PAYMENTS.c.order_id == command.order_id)
            connection.execute(payment.values(refunded_minor=amount))
            customer = _wallet_account(command.customer_id)
            _post(connection, command.idempotency_key, SHOP, customer, amount, command.currency)
            return event

        return self._fence.compensate(command, give_back, PaymentRefundedEvent)

    def open_wallets(self, wallets: Iterable[WalletView]) -> None:
        """Open each wallet with its first deposit; one that is open already stays as it is."""
        with self._engine.begin() as connection:
            known = set(connection.scalars(sa.select(WALLETS.c.customer_id)))
            for wallet in wallets:
                if wallet.customer_id in known:
                    continue
                known.add(wallet.customer_id)
                connection.execute(sa.insert(WALLETS).values(**wallet.model_dump()))
                customer = _wallet_account(wallet.customer_id)
                _post(
                    connection,
                    f"deposit/{wallet.customer_id}",
                    DEPOSITS,
                    customer,
                    wallet.balance_minor,
                    wallet.currency,
                )

    def wallet(self, customer_id: str) -> WalletView | None:
        """Return a customer's wallet, or None when there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(WALLETS).where(WALLETS.c.customer_id == customer_id)).one_or_none()
        return None if row is None else WalletView.model_validate(row._asdict())


def _decline(connection: sa.Connection, command: ProcessPaymentCommand) -> PaymentFailedEvent:
    """Say why the charge found no wallet to take from."""
    customer_id, order_id = command.customer_id, command.order_id
    row = connection.execute(sa.select(WALLETS).where(WALLETS.c.customer_id == customer_id)).one_or_none()
    if row is None:
        return PaymentFailedEvent(order_id=order_id, reason="UNKNOWN_CUSTOMER", message=f"customer {customer_id} has no wallet")
    if row.currency != command.currency:
        return PaymentFailedEvent(
            order_id=order_id,
            reason="CURRENCY_MISMATCH",
            message=f"the wallet of {customer_id} is in {row.currency}, the order in {command.currency}",
            details={"wallet_currency": row.currency, "order_currency": command.currency},
        )
    return PaymentFailedEvent(
        order_id=order_id,
        reason="INSUFFICIENT_FUNDS",
        message=f"{_money(command.amount_minor)} {row.currency} asked, {_money(row.balance_minor)} {row.currency} left",
        details={"asked_minor": command.amount_minor, "balance_minor": row.balance_minor},
    )


def _post(connection: sa.Connection, transaction_id: str, debit: str, credit: str, amount: int, currency: str) -> None:
    """Write both legs of one movement of money."""
    legs = [{"account": debit, "amount_minor": -amount}, {"account": credit, "amount_minor": amount}]
    shared = {"transaction_id": transaction_id, "currency": currency, "at": datetime.now(UTC)}
    connection.execute(sa.insert(LEDGER), [shared | leg for leg in legs])


def _wallet_account(customer_id: str) -> str:
    return f"wallet:{customer_id}"


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"
