import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import Settings
from contracts.payment import ProcessPaymentCommand
from contracts.placing import PlaceOrder
from operations.shop.seed import (
    ACCEPTED,
    ASKED_FIRST,
    DECLINED,
    SHOP_DAYS,
    Shop,
    card_of,
    seed,
    shop_of,
)
from operations.shop.shop_days import ShopData, read_days
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from tests.stack import free_port

DAYS = sorted(SHOP_DAYS.glob("*.csv"))


@pytest.fixture(scope="module")
def days() -> ShopData:
    return read_days(DAYS)


@pytest.fixture(scope="module")
def shop(days: ShopData) -> Shop:
    return shop_of(days)


def test_every_first_order_can_be_paid_and_served(days: ShopData, shop: Shop) -> None:
    """In any sequence each first order finds enough in its wallet, and all enough in stock."""
    balance = {wallet.customer_id: wallet.balance_minor for wallet in shop.wallets}
    available = {product.sku: product.available for product in shop.products}
    customers: set[str] = set()
    quantities: Counter[str] = Counter()
    for order in days.orders:
        if order.customer_id not in customers:
            customers.add(order.customer_id)
            assert balance[order.customer_id] >= order.total_minor
            for line in order.lines:
                quantities[line.sku] += line.quantity
    assert customers == balance.keys()
    assert all(available[sku] >= count for sku, count in quantities.items())


def endings(orders: Sequence[PlaceOrder], shop: Shop) -> Counter[str]:
    """Return how many of the orders would end in which way, one after the other."""
    balance = {wallet.customer_id: wallet.balance_minor for wallet in shop.wallets}
    available = Counter({product.sku: product.available for product in shop.products})
    counts: Counter[str] = Counter()
    for order in orders:
        quantities: Counter[str] = Counter()
        for line in order.lines:
            quantities[line.sku] += line.quantity
        if balance[order.customer_id] < order.total_minor:
            counts["INSUFFICIENT_FUNDS"] += 1
        elif not quantities <= available:
            counts["OUT_OF_STOCK"] += 1
        else:
            balance[order.customer_id] -= order.total_minor
            available.subtract(quantities)
            counts["COMPLETED"] += 1
    return counts


@pytest.mark.parametrize(
    ("path", "complete_count", "out_of_stock", "insufficient_funds"),
    [(DAYS[0], 108, 7, 6), (DAYS[1], 113, 11, 13)],
    ids=[path.stem for path in DAYS],
)
def test_the_days_end_as_their_readme_says(
    path: Path, complete_count: int, out_of_stock: int, insufficient_funds: int
) -> None:
    """One after the other, so many of a day's orders complete, and so many fail for each reason."""
    data = read_days([path])
    counts = {
        "COMPLETED": complete_count,
        "OUT_OF_STOCK": out_of_stock,
        "INSUFFICIENT_FUNDS": insufficient_funds,
    }
    assert endings(data.orders, shop_of(data)) == counts


@pytest.mark.parametrize("path", DAYS, ids=lambda path: path.stem)
def test_of_either_day_a_real_share_fails_in_both_ways(path: Path) -> None:
    """On a shop of this day, at least one order in 20 fails for stock and one in 50 for money."""
    data = read_days([path])
    shop = shop_of(data)
    assert shop == shop_of(read_days([path]))
    for seed_ in range(20):
        counts = endings(random.Random(seed_).sample(data.orders, len(data.orders)), shop)
        assert counts["OUT_OF_STOCK"] >= len(data.orders) / 20, seed_
        assert counts["INSUFFICIENT_FUNDS"] >= len(data.orders) / 50, seed_
        assert counts["COMPLETED"] >= len(data.orders) / 2, seed_


def test_the_example_is_an_order_of_the_shop(shop: Shop) -> None:
    """The order that people are told to try can be paid by its customer and served from stock."""
    wallets = {wallet.customer_id: wallet for wallet in shop.wallets}
    products = {product.sku: product for product in shop.products}
    (line,) = shop.example.lines
    assert wallets[shop.example.customer_id].balance_minor >= shop.example.total_minor > 0
    assert wallets[shop.example.customer_id].currency == shop.example.currency
    assert products[line.sku].available >= line.quantity
    assert products[line.sku].prices == {shop.example.currency: line.unit_price_minor}
    assert shop.example.order_id is None


def test_seeding_again_changes_nothing(tmp_path: Path, shop: Shop) -> None:
    """What was spent since the shop was loaded stays spent when it is loaded again."""
    settings = Settings(data_dir=tmp_path)
    seed(settings, shop)
    payment = PaymentService(engine := open_database(settings.database_url("payment")))
    order = shop.example
    command = {
        "idempotency_key": "order-1/ProcessPayment",
        "order_id": "1",
        **order.model_dump(include={"customer_id", "currency"}),
    }
    payment.process(ProcessPaymentCommand(**command, amount_minor=order.total_minor))
    before = payment.wallet(order.customer_id)
    seed(settings, shop)
    assert (
        payment.wallet(order.customer_id)
        == before
        != next(w for w in shop.wallets if w.customer_id == order.customer_id)
    )
    engine.dispose()
    stock = StockService(engine := open_database(settings.database_url("stock")))
    assert [stock.product(product.sku) for product in shop.products[:5]] == list(shop.products[:5])
    engine.dispose()


def test_a_live_account_gets_no_test_cards(shop: Shop, tmp_path: Path) -> None:
    """Nobody is asked at all; with a test key a provider that is away is named in one line."""
    settings = Settings(
        data_dir=tmp_path,
        payment="cards",
        card_api_url=f"http://127.0.0.1:{free_port()}",
        card_api_key=SecretStr("sk_live_of_a_shop"),
    )
    seed(settings, shop)
    test_key = SecretStr("sk_test_of_a_shop")
    with pytest.raises(ConnectionError, match=r"^customers' cards could not be put on file: .+$"):
        seed(settings.model_copy(update={"card_api_key": test_key}), shop)


def test_most_cards_are_good(shop: Shop) -> None:
    """One in twenty is declined, two in twenty ask their customer: some of each in a small shop."""
    cards = Counter(card_of(place) for place in range(1, len(shop.wallets) + 1))
    assert set(cards) == {ACCEPTED, ASKED_FIRST, DECLINED}
    assert cards[ACCEPTED] > 0.8 * cards.total()
