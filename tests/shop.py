"""A shop in three databases, with an order of every kind.

What the invariants are true of, until somebody corrupts it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from config import Settings
from contracts.payment import WalletView
from contracts.placing import OrderLine, PlaceOrder
from contracts.record import Compensation, Failure, Settlement
from contracts.steps import PARTICIPANTS, STEPS
from contracts.stock import StockView
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from tests.commands import (
    START,
    cancel,
    confirm,
    deposit,
    move,
    pay,
    put_back,
    refund,
    register,
    take,
)
from tests.tables import METADATA, create_tables

GIFT = OrderLine(sku="GIFT", quantity=1, unit_price_minor=0)
MUG = OrderLine(sku="MUG", quantity=2, unit_price_minor=300)
CAP = OrderLine(sku="CAP", quantity=1, unit_price_minor=450)

WHY = Failure(
    step="DecreaseStock",
    event="StockDecreaseFailedEvent",
    reason="OUT_OF_STOCK",
    message="there is none",
)
EVE = Settlement(by="Eve", reason="the bank refuses it", evidence="letter 42", at=START)


class Shop:
    """The three services with customers ann and bob, and a few things to sell."""

    def __init__(
        self, new_database: Callable[[], str], open_engine: Callable[[str], sa.Engine]
    ) -> None:
        self.orders_placed: dict[str, PlaceOrder] = {}
        urls = {name: new_database() for name in PARTICIPANTS}
        self.settings = Settings.model_validate(
            {f"{name}_database_url": url for name, url in urls.items()}
        )
        self.engines = {name: open_engine(url) for name, url in urls.items()}
        for name, engine in self.engines.items():
            create_tables(engine, METADATA[name])
        self.order = OrderService(self.engines["order"])
        self.payment = PaymentService(self.engines["payment"])
        self.stock = StockService(self.engines["stock"])
        self.payment.open_wallets(
            [
                WalletView(customer_id="ann", currency="GBP", balance_minor=10_000),
                WalletView(customer_id="bob", currency="GBP", balance_minor=1_000),
            ]
        )
        self.stock.add_products(
            StockView(sku=sku, name=sku, available=20) for sku in ("CAP", "GIFT", "MUG")
        )

    def trade(self) -> None:
        """Let ann's orders go every way that an order can go.

        done, free: completed. back, free-back: all was done and taken back. short: refused by
        stock. poor: refused by payment. dead: compensated before anything of it arrived. kept: its
        refund was settled by hand. open: paid, and not yet further.

        Money and stock come in, and go out again, without an order, too.
        """
        self.payment.deposit(deposit("bonus", 500))
        self.payment.deposit(deposit("correction", -100))
        self.stock.move(move("delivery", 5, sku="CAP"))
        self.stock.move(move("breakage", -5, sku="CAP"))
        for order_id in ("done", "back", "short", "kept", "open"):
            self.pay(order_id, MUG, CAP, MUG)
        for order_id in ("free", "free-back"):
            self.pay(order_id, GIFT)
        for order_id in ("done", "back", "free", "free-back"):
            self.take(order_id)
        for order_id in ("done", "free"):
            self.confirm(order_id)
        self.stock.decrease(take("short", ("CAP", 21)))
        self.register("poor", CAP)
        self.payment.process(pay("poor", 450, customer_id="zoe"))
        for order_id in ("back", "free-back", "short", "poor", "dead"):
            self.cancel(order_id)
        self.payment.process(pay("dead", 450))
        self.close("kept", *one_settled("ProcessPayment"))

    def take_over(self, shop: "Shop") -> None:
        """Let everything be as in another shop, which takes less than to trade once more."""
        for name, metadata in METADATA.items():
            with self.engines[name].begin() as connection:
                for table in reversed(metadata.sorted_tables):
                    connection.execute(table.delete())
                for table in metadata.sorted_tables:
                    if rows := shop.rows[table]:
                        connection.execute(table.insert(), rows)
        self.orders_placed |= shop.orders_placed

    @cached_property
    def rows(self) -> Mapping[sa.Table, Sequence[dict[str, Any]]]:
        """What all tables had when this was first asked for: of a shop that nobody changes."""
        rows: dict[sa.Table, Sequence[dict[str, Any]]] = {}
        for name, metadata in METADATA.items():
            with self.engines[name].connect() as connection:
                for table in metadata.sorted_tables:
                    rows[table] = [*map(dict, connection.execute(sa.select(table)).mappings())]
        return rows

    def pay(self, order_id: str, *lines: OrderLine) -> None:
        """Register an order and charge for it."""
        self.register(order_id, *lines)
        self.payment.process(pay(order_id, self.orders_placed[order_id].total_minor))

    def register(self, order_id: str, *lines: OrderLine) -> None:
        """Open an order of ann's."""
        self.orders_placed[order_id] = order_of(*lines)
        self.order.register(register(order_id, self.orders_placed[order_id]))

    def take(self, order_id: str) -> None:
        """Take an order's lines from stock."""
        self.stock.decrease(
            take(
                order_id,
                *((line.sku, line.quantity) for line in self.orders_placed[order_id].lines),
            )
        )

    def cancel(self, order_id: str) -> None:
        """Take back all that an order did, as a saga does."""
        order = self.orders_placed.get(order_id, order_of(CAP))
        self.stock.restore(put_back(order_id, *((line.sku, line.quantity) for line in order.lines)))
        self.payment.refund(refund(order_id, order.total_minor))
        self.close(
            order_id,
            Compensation(step="ProcessPayment", command="RefundPaymentCommand", state="DONE"),
        )

    def confirm(self, order_id: str) -> None:
        """Close an order as confirmed, whatever is kept of it."""
        self.order.confirm(confirm(order_id))

    def close(self, order_id: str, *compensations: Compensation) -> None:
        """Close an order as cancelled, whatever is kept of it."""
        order = self.orders_placed.get(order_id, order_of(CAP))
        self.order.cancel(cancel(order_id, order, failure=WHY, compensations=compensations))

    def corrupt(self, participant: str, *statements: str) -> None:
        """Do something to a participant's database behind its back."""
        with self.engines[participant].begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))


def one_settled(step: str) -> Sequence[Compensation]:
    """Return the compensations of a rollback of which a person settled one."""
    command = {row.name: row.compensation.command for row in STEPS if row.compensation}[step]
    return (Compensation(step=step, command=command, state="SETTLED", settled=EVE),)


def without_constraints(table: str) -> tuple[str, str]:
    """Return the statements that replace a table by one with the same rows, without constraints."""
    return (
        f"ALTER TABLE {table} RENAME TO {table}_before",
        f"CREATE TABLE {table} AS SELECT * FROM {table}_before",
    )


def order_of(*lines: OrderLine) -> PlaceOrder:
    """Return an order of ann's."""
    return PlaceOrder(customer_id="ann", currency="GBP", lines=lines)
