"""Both books joined by order, in a temporary file: however long they are, memory does not grow."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

SCHEMA = """
CREATE TABLE orders (order_id TEXT PRIMARY KEY, status TEXT NOT NULL, settlement TEXT)
    WITHOUT ROWID;
CREATE TABLE shop (
    order_id TEXT PRIMARY KEY, reference TEXT, currency TEXT NOT NULL,
    captured_minor INTEGER NOT NULL, refunded_minor INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE payments (
    id TEXT PRIMARY KEY, order_id TEXT, currency TEXT NOT NULL,
    held_minor INTEGER NOT NULL, captured_minor INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX payments_of_order ON payments (order_id);
CREATE TABLE refunds (
    id TEXT PRIMARY KEY, payment TEXT NOT NULL, amount_minor INTEGER NOT NULL,
    created_at INTEGER NOT NULL, reason TEXT, by_whom TEXT, is_ours INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX refunds_of_payment ON refunds (payment);
"""

NEW_ROWS = {
    "orders": "INSERT OR IGNORE INTO orders VALUES (?, ?, ?)",
    "shop": "INSERT INTO shop VALUES (?, ?, ?, ?, ?)",
    "payments": "INSERT OR IGNORE INTO payments VALUES (?, ?, ?, ?, ?)",
    "refunds": "INSERT OR IGNORE INTO refunds VALUES (?, ?, ?, ?, ?, ?, ?)",
}
"""Of an order the first status that was read stands, and a page may repeat what the last had."""

BY_ORDER = """
SELECT order_id FROM shop UNION SELECT order_id FROM payments WHERE order_id IS NOT NULL
ORDER BY order_id
"""
WITHOUT_ORDER = """
SELECT * FROM payments WHERE order_id IS NULL AND (held_minor > 0 OR captured_minor > 0)
ORDER BY id
"""


class ShopPayment(NamedTuple):
    """What the payment service has on record of an order; `reference` is the provider's id."""

    order_id: str
    reference: str | None
    currency: str
    captured_minor: int
    refunded_minor: int


class ProviderPayment(NamedTuple):
    """A payment in the provider's books."""

    id: str
    order_id: str | None
    currency: str
    held_minor: int
    captured_minor: int

    @property
    def has_money(self) -> bool:
        """Whether a card was ever charged for it, or still is held for it."""
        return self.held_minor > 0 or self.captured_minor > 0


class ProviderRefund(NamedTuple):
    """A refund in the provider's books; `is_ours` when the payment service asked for it."""

    id: str
    payment: str
    amount_minor: int
    created_at: int
    reason: str | None
    by_whom: str | None
    is_ours: bool


class OrderRow(NamedTuple):
    """How the order service has an order; `settlement` says who settled its payment by hand."""

    order_id: str
    status: str
    settlement: str | None = None


class Account(NamedTuple):
    """One order in all books; `order` is None when the order service does not know it."""

    order_id: str
    order: OrderRow | None
    shop: ShopPayment | None
    payments: tuple[ProviderPayment, ...]
    refunds: tuple[ProviderRefund, ...]


class Join:
    """A temporary file, which is gone when it is closed, or its process dies."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._rows.executescript(f"PRAGMA temp_store = FILE; {SCHEMA} BEGIN")

    def close(self) -> None:
        """Delete it."""
        self._rows.close()

    def add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows to `orders`, `shop`, `payments` or `refunds`."""
        self._rows.executemany(NEW_ROWS[table], rows)

    def accounts(self) -> Iterator[Account]:
        """Yield each order that either book has a payment of, in the order of their ids."""
        for (order_id,) in self._rows.execute(BY_ORDER):
            orders = self._rows.execute("SELECT * FROM orders WHERE order_id = ?", [order_id])
            shop = self._rows.execute("SELECT * FROM shop WHERE order_id = ?", [order_id])
            order_row = orders.fetchone()
            shop_row = shop.fetchone()
            payments = self._payments(order_id)
            yield Account(
                order_id,
                OrderRow(*order_row) if order_row else None,
                ShopPayment(*shop_row) if shop_row else None,
                tuple(payments),
                tuple(refund for payment in payments for refund in self._refunds(payment.id)),
            )

    def without_order(self) -> Iterator[ProviderPayment]:
        """Yield the payments with money that name no order."""
        for row in self._rows.execute(WITHOUT_ORDER):
            yield ProviderPayment(*row)

    def _payments(self, order_id: str) -> list[ProviderPayment]:
        query = "SELECT * FROM payments WHERE order_id = ? ORDER BY id"
        return [ProviderPayment(*row) for row in self._rows.execute(query, [order_id])]

    def _refunds(self, payment: str) -> list[ProviderRefund]:
        query = "SELECT * FROM refunds WHERE payment = ? ORDER BY created_at, id"
        return [ProviderRefund(*row) for row in self._rows.execute(query, [payment])]
