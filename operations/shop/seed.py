"""`python -m operations.shop.seed`: fills an empty shop from the shop days.

The rule lets every customer pay and stock serve at least their first order; later ones may fail:

- A customer's wallet holds twice the price of their first order.
- With PAYMENT=cards each customer has a card of Stripe's test cards as well (`card_of`).
- Of a product there is twice what all customers' first orders take together, and nothing when none
  of them takes it. Its list price is the first that somebody paid.

`make up` loads all days as one, `make demo` the one day that it places. Of either day in `data/` at
least one order in twenty then fails for stock, and one in fifty for money, in whatever sequence
they come. On a day on which nobody orders twice, all can be served. What exists already stays as it
is: loading again changes nothing.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
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

ACCEPTED = "pm_card_visa"
DECLINED = "pm_card_chargeDeclinedInsufficientFunds"
ASKED_FIRST = "pm_card_authenticationRequired"
"""Stripe's test cards: one whose bank asks the customer first, on a page of its own."""


LIVE = "_live_"
"""Stands in the keys of accounts whose payments are real ones."""


@dataclass(frozen=True)
class Shop:
    """What is loaded, and a small order that it can serve."""

    wallets: tuple[WalletView, ...]
    products: tuple[StockView, ...]
    example: PlaceOrder


def shop_of(data: ShopData) -> Shop:
    """Return the shop that the rule makes of the days.

    Its example is one piece of the first order's first line.
    """
    # In reverse, so that of a customer's orders the first one is the last that is put in.
    first_orders = {order.customer_id: order for order in reversed(data.orders)}.values()
    quantities: Counter[str] = Counter()
    for line in (line for order in first_orders for line in order.lines):
        quantities[line.sku] += line.quantity
    wallets = [
        WalletView(
            customer_id=order.customer_id,
            currency=order.currency,
            balance_minor=TIMES_THE_FIRST_ORDERS * order.total_minor,
        )
        for order in first_orders
    ]
    products = [
        StockView(
            sku=sku,
            name=name,
            available=TIMES_THE_FIRST_ORDERS * quantities[sku],
            prices={CURRENCY: data.prices[sku]},
        )
        for sku, name in data.products.items()
    ]
    first = data.orders[0]
    line = first.lines[0].model_copy(update={"quantity": 1})
    return Shop(
        tuple(wallets),
        tuple(products),
        first.model_copy(update={"order_id": None, "lines": (line,)}),
    )


def seed(settings: Settings, shop: Shop) -> None:
    """Load what is missing of the shop into the payment service's and stock service's databases.

    Raises:
        SQLAlchemyError: a database does not take it.
        ConnectionError: the card provider gives no answer.
    """
    payment = open_database(settings.database_url("payment"))
    PaymentService.open(payment).open_wallets(shop.wallets)
    if settings.payment == "cards":
        _put_cards_on_file(settings, payment, shop)
    payment.dispose()
    stock = open_database(settings.database_url("stock"))
    StockService.open(stock).add_products(shop.products)
    stock.dispose()


def _put_cards_on_file(settings: Settings, payment: sa.Engine, shop: Shop) -> None:
    """Give each customer a test card; with the key of a live account nobody gets one.

    Raises:
        ConnectionError: the card provider gives no answer.
    """
    key = settings.card_api_key.get_secret_value()
    if LIVE in key:
        return
    # Not above: Stripe's library costs a third of a second of CPU, and 25 MB.
    from participants.payment.card_api import CardApi  # noqa: PLC0415
    from participants.payment.card_errors import ProviderAway  # noqa: PLC0415
    from participants.payment.card_file import add_cards  # noqa: PLC0415

    api = CardApi(key, settings.card_api_url)
    customers = sorted(wallet.customer_id for wallet in shop.wallets)
    try:
        add_cards(payment, api, {customer: card_of(n) for n, customer in enumerate(customers, 1)})
    except ProviderAway as error:
        why = " ".join(str(error).split())
        raise ConnectionError(f"customers' cards could not be put on file: {why}") from error


def card_of(place: int) -> str:
    """Return the card of the customer at this place: one in 20 is declined, two in 20 are asked."""
    if place % 20 == 0:
        return DECLINED
    return ASKED_FIRST if place % 20 in (5, 15) else ACCEPTED


def main() -> None:
    """Load what is missing and print what the shop days held."""
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
    counts = ", ".join(f"{count} {reason}" for reason, count in data.skip_counts.items())
    print(
        f"the shop has {len(shop.products)} products and {len(shop.wallets)} customers; "
        f"rows left out: {counts}"
    )


if __name__ == "__main__":
    main()
