"""A shop in three databases, with an order of every kind: what the invariants are true of, until somebody corrupts it."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from contracts.order import Compensation, Failure, OrderLine, PlaceOrder, Settlement
from contracts.payment import WalletView
from contracts.stock import StockView
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from tests.participants.commands import START, cancel, confirm, pay, put_back, refund, register, take

GIFT = OrderLine(sku="GIFT", quantity=1, unit_price_minor=0)
MUG = OrderLine(sku="MUG", quantity=2, unit_price_minor=300)
CAP = OrderLine(sku="CAP", quantity=1, unit_price_minor=450)

WHY = Failure(step="DecreaseStock", event="StockDecreaseFailedEvent", reason="OUT_OF_STOCK", message="there is none")
EVE = Settlement(by="Eve", reason="the bank refuses it", evidence="letter 42", at=START)


class Shop:
    """The three services, and a customer, ann, whose orders went every way that an order can go.

    done, free: completed. back, free-back: all was done and taken back. short: refused by stock. poor: refused by payment.
    dead: compensated before anything of it arrived. kept: its refund was settled by hand. open: paid, and not yet further.
    """

    def __init__(self, new_database: Callable[[], str], opened: Callable[[str], sa.Engine]) -> None:
        self.ordered: dict[str, PlaceOrder] = {}
        self.urls = {name: new_database() for name in ("order", "payment", "stock")}
        self.engines = {name: opened(url) for name, url in self.urls.items()}
        self.order = OrderService(self.engines["order"])
        self.payment = PaymentService(self.engines["payment"])
        self.stock = StockService(self.engines["stock"])
        self.payment.open_wallets(
            [
                WalletView(customer_id="ann", currency="GBP", balance_minor=10_000),
                WalletView(customer_id="bob", currency="GBP", balance_minor=1_000),
            ]
        )
        self.stock.add_products(StockView(sku=sku, name=sku, available=20) for sku in ("CAP", "GIFT", "MUG"))
        for order_id in ("done", "back", "short", "kept", "open"):
            self.pay(order_id, MUG, CAP, MUG)
        for order_id in ("free", "free-back"):
            self.pay(order_id, GIFT)
        for order_id in ("done", "back", "free", "free-back"):
            self.take(order_id)
        for order_id in ("done", "free"):
            self.order.confirm(confirm(order_id))
        self.stock.decrease(take("short", ("CAP", 21)))
        self.order.register(register("poor", _order(CAP)))
        self.payment.process(pay("poor", 450, customer_id="zoe"))
        for order_id in ("back", "free-back", "short", "poor", "dead"):
            self.cancel(order_id)
        self.payment.process(pay("dead", 450))
        self.order.cancel(cancel("kept", self.ordered["kept"], failure=WHY, compensations=settled("ProcessPayment")))

    def pay(self, order_id: str, *lines: OrderLine) -> None:
        """Register an order and charge for it."""
        self.ordered[order_id] = order = _order(*lines)
        self.order.register(register(order_id, order))
        self.payment.process(pay(order_id, order.total_minor))

    def take(self, order_id: str) -> None:
        """Take an order's lines from stock."""
        self.stock.decrease(take(order_id, *((line.sku, line.quantity) for line in self.ordered[order_id].lines)))

    def cancel(self, order_id: str) -> None:
        """Take back all that an order did, as a saga does."""
        order = self.ordered.get(order_id, _order(CAP))
        self.stock.restore(put_back(order_id, *((line.sku, line.quantity) for line in order.lines)))
        self.payment.refund(refund(order_id, order.total_minor))
        self.order.cancel(cancel(order_id, order, failure=WHY, compensations=()))

    def corrupt(self, participant: str, *statements: str) -> None:
        """Do something to a participant's database behind its back."""
        with self.engines[participant].begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def settled(step: str) -> Sequence[Compensation]:
    """Return the compensations of a rollback of which a person settled one."""
    command = {"ProcessPayment": "RefundPaymentCommand", "DecreaseStock": "RestoreStockCommand"}[step]
    return (Compensation(step=step, command=command, state="SETTLED", settled=EVE),)


def without_constraints(table: str) -> tuple[str, str]:
    """Return the statements that put a table without keys and checks in the place of one, with the same rows."""
    return f"ALTER TABLE {table} RENAME TO {table}_before", f"CREATE TABLE {table} AS SELECT * FROM {table}_before"


def _order(*lines: OrderLine) -> PlaceOrder:
    return PlaceOrder(customer_id="ann", currency="GBP", lines=lines)
