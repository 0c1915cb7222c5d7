"""`python -m operations.shop.seed`: loads products, stock and wallets from the shop days, so that there is a shop to order from.

The rule, so that every customer can pay and stock can serve at least their first order, and later ones may be refused:

- A customer's wallet holds twice the price of his first order.
- Of a product there is twice what all customers' first orders take together; nothing, when none of them takes it. Its list price
  is the first that somebody paid.

It serves `make up`, with all days as one, and `make demo`, with the one day that it places: of either day in `data/` one order in
twenty or more then fails for stock, and one in fifty or more for money, in whatever sequence they come. On a day on which nobody
orders twice, all can be served. What exists already stays as it is: loading again changes nothing.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from config import Settings, read_settings
from contracts.payment import WalletView
from contracts.placing import PlaceOrder
from contracts.stock import StockView
from operations.shop.shop_days import CURRENCY, ShopData, read_days
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database

SHOP_DAYS = Path(__file__).parents[2] / "data" / "online-retail"
TIMES_THE_FIRST_ORDERS = 2


@dataclass(frozen=True)
class Shop:
    """What is loaded, and a small order that it can serve."""

    wallets: tuple[WalletView, ...]
    products: tuple[StockView, ...]
    example: PlaceOrder


def shop_of(data: ShopData) -> Shop:
    """Return the shop that the rule makes of the shop days; the example is one piece of the first order's first line."""
    first = {order.customer_id: order for order in reversed(data.orders)}.values()
    taken: Counter[str] = Counter()
    for line in (line for order in first for line in order.lines):
        taken[line.sku] += line.quantity
    wallets = [
        WalletView(
            customer_id=o.customer_id,
            currency=o.currency,
            balance_minor=TIMES_THE_FIRST_ORDERS * o.total_minor,
        )
        for o in first
    ]
    products = [
        StockView(
            sku=sku,
            name=name,
            available=TIMES_THE_FIRST_ORDERS * taken[sku],
            prices={CURRENCY: data.prices[sku]},
        )
        for sku, name in data.products.items()
    ]
    opening = data.orders[0]
    line = opening.lines[0].model_copy(update={"quantity": 1})
    return Shop(
        tuple(wallets),
        tuple(products),
        opening.model_copy(update={"order_id": None, "lines": (line,)}),
    )


def seed(settings: Settings, shop: Shop) -> None:
    """Load the shop into the payment service's and the stock service's databases, where it is not there yet."""
    payment = open_database(settings.database_url("payment"))
    PaymentService.open(payment).open_wallets(shop.wallets)
    payment.dispose()
    stock = open_database(settings.database_url("stock"))
    StockService.open(stock).add_products(shop.products)
    stock.dispose()


def main() -> None:
    """Load what is missing and say what the shop days held."""
    settings = read_settings()
    if settings.shop == "none":
        print("SHOP=none: the shop stays as it is")
        return
    try:
        data = read_days(sorted(SHOP_DAYS.glob("*.csv")))
        shop = shop_of(data)
        seed(settings, shop)
    except (OSError, ValueError, ValidationError, SQLAlchemyError) as error:
        sys.exit(f"the shop could not be loaded: {error}")
    left_out = ", ".join(f"{count} {reason}" for reason, count in data.skipped.items())
    print(
        f"the shop has {len(shop.products)} products and {len(shop.wallets)} customers; rows left out: {left_out}"
    )


if __name__ == "__main__":
    main()
