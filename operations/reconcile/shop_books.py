"""Our own books: the payments by card on record, and how the order service has their orders."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from operations.audit.invariants import snapshot
from operations.audit.ledger_reconciliation import in_words, settled_by_participant
from operations.reconcile.join import OrderRow, ShopPayment
from participants.order.tables import ORDERS
from participants.payment.tables import CARD_PAYMENTS

ROWS = 1_000
"""So many are in memory at once."""

PAYMENT = "payment"


def read_orders(engine: sa.Engine) -> Iterator[OrderRow]:
    """Yield how each order stands, and who settled its payment by hand.

    Raises:
        CannotRead: the order database cannot be read.
    """
    query = sa.select(ORDERS.c.order_id, ORDERS.c.status, ORDERS.c.compensations)
    with snapshot(engine) as connection:
        for row in connection.execution_options(yield_per=ROWS).execute(query):
            yield OrderRow(row.order_id, row.status, _settlement(row.compensations))


def read_payments(engine: sa.Engine) -> Iterator[ShopPayment]:
    """Yield what the payment service has on record of each payment by card.

    Raises:
        CannotRead: the payment database cannot be read.
    """
    query = sa.select(*(CARD_PAYMENTS.c[name] for name in ShopPayment._fields))
    with snapshot(engine) as connection:
        for row in connection.execution_options(yield_per=ROWS).execute(query):
            yield ShopPayment(*row)


def _settlement(compensations: Any) -> str | None:
    """Say who settled an order's payment by hand, and by what evidence; None when nobody did."""
    compensation = settled_by_participant(compensations).get(PAYMENT)
    if compensation is None or compensation.settled is None:
        return None
    return in_words(compensation.command, compensation.settled)
