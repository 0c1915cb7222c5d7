"""The orders that every contestant is given, and the shop that they are ordered from."""

from pathlib import Path

from contracts.payment import WalletView
from contracts.placing import OrderLine, PlaceOrder
from contracts.stock import StockView
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database

CUSTOMERS = 50
PRODUCTS = 50
CURRENCY = "GBP"
PRICE_MINOR = 250
OPENING_BALANCE_MINOR = 10**11
OPENING_STOCK = 10**8


def order(prefix: str, number: int) -> PlaceOrder:
    """Return the order of this number: two lines of one piece each.

    Customers and products come in turn.
    """
    lines = tuple(
        OrderLine(sku=sku(number + shift), quantity=1, unit_price_minor=PRICE_MINOR)
        for shift in (0, PRODUCTS // 2)
    )
    return PlaceOrder(
        order_id=f"{prefix}-{number}",
        customer_id=customer(number),
        currency=CURRENCY,
        lines=lines,
    )


def orders(prefix: str, count: int) -> list[PlaceOrder]:
    """Return so many orders; no two prefixes share one."""
    return [order(prefix, number) for number in range(count)]


def customer(number: int) -> str:
    """Return the customer of the order of this number."""
    return f"customer-{number % CUSTOMERS}"


def sku(number: int) -> str:
    """Return a product of the order of this number."""
    return f"product-{number % PRODUCTS}"


def database_url(folder: Path, participant: str) -> str:
    """Return where a participant keeps its data: in the folder, as `make up` has it."""
    return f"sqlite:///{folder.absolute()}/{participant}.db"


def open_shop(folder: Path) -> None:
    """Make the three databases in a folder, with wallets and stock that no run exhausts."""
    engines = {
        name: open_database(database_url(folder, name)) for name in ("order", "payment", "stock")
    }
    OrderService.open(engines["order"])
    PaymentService.open(engines["payment"]).open_wallets(
        WalletView(
            customer_id=customer(number), currency=CURRENCY, balance_minor=OPENING_BALANCE_MINOR
        )
        for number in range(CUSTOMERS)
    )
    StockService.open(engines["stock"]).add_products(
        StockView(sku=sku(number), name=sku(number), available=OPENING_STOCK)
        for number in range(PRODUCTS)
    )
    for engine in engines.values():
        engine.dispose()
