"""The ledger's accounts, and writing a movement of money between two of them."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from participants.payment.tables import LEDGER

SHOP = "shop"
DEPOSITS = "deposits"

_NEW_LEGS = sa.insert(LEDGER)


def wallet_account(customer_id: str) -> str:
    """Return the account of a customer's wallet."""
    return f"wallet:{customer_id}"


def post(
    connection: sa.Connection,
    transaction_id: str,
    debit: str,
    credit: str,
    amount: int,
    currency: str,
) -> None:
    """Write both legs of one movement of money."""
    movement = legs(transaction_id, debit, credit, amount, currency)
    connection.execute(_NEW_LEGS, movement)


def legs(
    transaction_id: str, debit: str, credit: str, amount: int, currency: str
) -> list[dict[str, Any]]:
    """Return both legs of one movement of money, as rows of the ledger."""
    common_columns = {
        "transaction_id": transaction_id,
        "currency": currency,
        "at": datetime.now(UTC),
    }
    return [
        common_columns | {"account": debit, "amount_minor": -amount},
        common_columns | {"account": credit, "amount_minor": amount},
    ]
