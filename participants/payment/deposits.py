"""Wallets, and the money that comes into them from outside, in a transaction of the service."""

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from contracts.base import MAX_TOTAL_MINOR
from contracts.money import money
from contracts.payment import (
    DepositMoneyCommand,
    DepositRefusedEvent,
    MoneyDepositedEvent,
    WalletView,
)
from participants.payment.ledger import DEPOSITS, legs, post, wallet_account
from participants.payment.tables import DEPOSIT_REASONS, LEDGER, WALLETS
from temporal_saga.database import insert_missing
from temporal_saga.fence import Refused


def open_wallets(connection: sa.Connection, wallets: Iterable[WalletView]) -> set[str]:
    """Open each wallet with its first deposit; one that is open already stays as it is.

    Returns:
        Whose wallets were opened.
    """
    # In the order of their owners, so that two that open the same wallets never wait in a circle.
    in_order = sorted(wallets, key=lambda wallet: wallet.customer_id)
    by_owner = {wallet.customer_id: wallet for wallet in in_order}
    rows = [wallet.model_dump() for wallet in by_owner.values()]
    new_owners = insert_missing(connection, WALLETS, rows)
    first = [
        leg for customer_id in sorted(new_owners) for leg in _first_deposit(by_owner[customer_id])
    ]
    if first:
        connection.execute(sa.insert(LEDGER), first)
    return new_owners


def _first_deposit(wallet: WalletView) -> list[dict[str, Any]]:
    """Return both legs of the deposit that opens a wallet."""
    account = wallet_account(wallet.customer_id)
    return legs(
        f"deposit/{wallet.customer_id}", DEPOSITS, account, wallet.balance_minor, wallet.currency
    )


def currencies(connection: sa.Connection, customers: Collection[str]) -> dict[str, str]:
    """Return the currencies of these customers' wallets."""
    if not customers:
        return {}
    columns = (WALLETS.c.customer_id, WALLETS.c.currency)
    wallets = sa.select(*columns).where(WALLETS.c.customer_id.in_(customers))
    in_order = connection.execute(wallets.order_by(WALLETS.c.customer_id))
    return {row.customer_id: row.currency for row in in_order}


def deposit(connection: sa.Connection, command: DepositMoneyCommand) -> MoneyDepositedEvent:
    """Put money into a wallet, or take it out again.

    Raises:
        Refused: the wallet cannot take it, or not give it.
    """
    query = sa.select(WALLETS).where(WALLETS.c.customer_id == command.customer_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    if refusal := _refusal(command, row):
        raise Refused(refusal)
    key = command.idempotency_key
    amount = command.amount_minor
    currency = command.currency
    wallet = sa.update(WALLETS).where(WALLETS.c.customer_id == command.customer_id)
    more = wallet.values(balance_minor=WALLETS.c.balance_minor + amount)
    balance = connection.scalars(more.returning(WALLETS.c.balance_minor)).one()
    post(connection, key, DEPOSITS, wallet_account(command.customer_id), amount, currency)
    movement = {"transaction_id": key, "reason": command.reason, "said_by": command.by}
    connection.execute(sa.insert(DEPOSIT_REASONS).values(movement))
    return MoneyDepositedEvent(
        customer_id=command.customer_id,
        currency=currency,
        amount_minor=amount,
        balance_minor=balance,
    )


def _refusal(command: DepositMoneyCommand, row: sa.Row[Any] | None) -> DepositRefusedEvent | None:
    """Say why a wallet cannot take a deposit, or not give it back; None when it can."""
    if row is None:
        message = f"customer {command.customer_id} has no wallet"
        return DepositRefusedEvent(reason="UNKNOWN_CUSTOMER", message=message)
    if row.currency != command.currency:
        message = (
            f"the wallet of {command.customer_id} is in {row.currency}, "
            f"the deposit in {command.currency}"
        )
        return DepositRefusedEvent(reason="CURRENCY_MISMATCH", message=message)
    balance = row.balance_minor + command.amount_minor
    if balance < 0:
        amount, balance_text = (
            money(minor, row.currency) for minor in (-command.amount_minor, row.balance_minor)
        )
        message = f"{amount} are to be taken out, and there are {balance_text} in the wallet"
        return DepositRefusedEvent(reason="INSUFFICIENT_FUNDS", message=message)
    if command.amount_minor > 0 and balance > MAX_TOTAL_MINOR:
        message = f"a wallet holds at most {money(MAX_TOTAL_MINOR, row.currency)}"
        return DepositRefusedEvent(reason="TOO_MUCH", message=message)
    return None
