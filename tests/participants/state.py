"""What the participants' databases hold, as tests look at it."""

from datetime import timedelta

import sqlalchemy as sa

from contracts.acts import TakenDecisions
from contracts.order import OrderRejectedEvent
from contracts.payment import WalletView
from contracts.record import OrderRecord
from contracts.states import StateMove
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.payment.tables import LEDGER
from participants.stock.service import StockService
from temporal_saga.database import reading
from tests.commands import START

REUSED = OrderRejectedEvent(
    order_id="7",
    reason="ORDER_ID_REUSED",
    message="the order id 7 belongs to another order; choose another id",
    details={"order_id": "7"},
)
LATER = START + timedelta(days=1)


def record(orders: OrderService, order_id: str = "7") -> OrderRecord:
    """Return an order's record, which must be there."""
    order_record = orders.find(order_id)
    assert order_record is not None
    return order_record


def moves_on_record(orders: OrderService, order_id: str = "7") -> tuple[StateMove, ...]:
    """Return the moves of an order's saga; none where there is no such order."""
    on_record = orders.recorded_order(order_id)
    return on_record.moves if on_record is not None else ()


def decisions(orders: OrderService, order_id: str = "7") -> TakenDecisions:
    """Return what people decided about an order, which must be there."""
    on_record = orders.recorded_order(order_id)
    assert on_record is not None
    return on_record.decisions


def all_on_record(
    orders: OrderService,
) -> tuple[OrderRecord | None, tuple[StateMove, ...], tuple[str, str | None] | None]:
    """Return everything that the service tells of order 7."""
    return orders.find("7"), moves_on_record(orders), orders.identity("7")


def open_two_wallets(payment: PaymentService) -> None:
    """Open a wallet for ann with 10.00 GBP, and an empty one in EUR for bob."""
    payment.open_wallets(
        [
            WalletView(customer_id="ann", currency="GBP", balance_minor=1_000),
            WalletView(customer_id="bob", currency="EUR", balance_minor=0),
        ]
    )


def balance(payment: PaymentService, customer_id: str = "ann") -> int:
    """Return what a customer has."""
    wallet = payment.wallet(customer_id)
    assert wallet is not None
    return wallet.balance_minor


def legs(engine: sa.Engine, transaction_id: str) -> dict[str, int]:
    """Return the legs of one movement by account."""
    legs_of_transaction = sa.select(LEDGER.c.account, LEDGER.c.amount_minor).where(
        LEDGER.c.transaction_id == transaction_id
    )
    with reading(engine) as connection:
        return {row.account: row.amount_minor for row in connection.execute(legs_of_transaction)}


def available(stock: StockService, sku: str = "A") -> int:
    """Return how many pieces there are of a product."""
    product = stock.product(sku)
    assert product is not None
    return product.available
