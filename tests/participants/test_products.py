"""What a shop tells the stock service of its products.

That stock and books are right is checked after every test.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from contracts.stock import (
    ProductOffer,
    ProductsOfferedEvent,
    StockView,
)
from participants.stock.service import StockService
from temporal_saga.fence import KeyReused
from tests.commands import move, offer, take
from tests.concurrency import at_once
from tests.participants.state import available

APPLE = ProductOffer(sku="A", name="apple", opening_stock=5, prices={"GBP": 30, "EUR": 35})
BREAD = ProductOffer(sku="B", name="bread")


def counts(event: ProductsOfferedEvent) -> tuple[int, int, int]:
    return event.added, event.changed, event.left


def test_a_product_is_added_with_its_stock_and_prices(stock: StockService) -> None:
    """What is new is added as it is told."""
    assert counts(stock.offer(offer("1", APPLE, BREAD))) == (2, 0, 0)
    apple = StockView(sku="A", name="apple", available=5, prices={"EUR": 35, "GBP": 30})
    assert stock.product("A") == apple
    assert stock.product("B") == StockView(sku="B", name="bread", available=0, prices={})


@pytest.mark.parametrize(
    ("change", "prices"),
    [
        ({"name": "green apple"}, {"EUR": 35, "GBP": 30}),
        ({"prices": {"GBP": 31}}, {"GBP": 31}),
        ({"prices": {}}, {}),
        ({"name": "green apple", "prices": {"USD": 1}}, {"USD": 1}),
    ],
)
def test_a_known_product_gets_its_name_and_prices(
    stock: StockService, change: dict[str, Any], prices: dict[str, int]
) -> None:
    """Name and prices change as told; prices that are given replace those there were."""
    stock.offer(offer("1", APPLE, BREAD))
    apple_offer = APPLE.model_copy(update=change)
    assert counts(stock.offer(offer("2", apple_offer, BREAD))) == (0, 1, 1)
    assert stock.product("A") == StockView(
        sku="A", name=apple_offer.name, available=5, prices=prices
    )


def test_what_was_sold_stays_sold_when_the_same_is_offered_again(stock: StockService) -> None:
    """The opening stock counts once, and prices that are not told stay."""
    stock.offer(offer("1", APPLE))
    stock.decrease(take("1", ("A", 2)))
    silent = APPLE.model_copy(update={"prices": None})
    for key, again in (("2", APPLE), ("3", silent)):
        assert counts(stock.offer(offer(key, again))) == (0, 0, 1)
        assert stock.product("A") == StockView(
            sku="A", name="apple", available=3, prices={"EUR": 35, "GBP": 30}
        )


def test_an_offer_repeated_answers_as_it_did(stock: StockService) -> None:
    """A command that comes again, as after a kill, changes nothing, whatever happened since."""
    first = stock.offer(offer("1", APPLE))
    stock.offer(offer("2", APPLE.model_copy(update={"name": "green apple"})))
    assert stock.offer(offer("1", APPLE)) == first
    product = stock.product("A")
    assert product is not None
    assert product.name == "green apple", "a late repetition does not undo what came after it"
    with pytest.raises(KeyReused):
        stock.offer(offer("1", BREAD))


def test_many_who_offer_the_same_at_once_add_it_once(stock: StockService) -> None:
    """Whoever comes first adds it; nobody waits in a circle."""
    products = [
        ProductOffer(sku=f"S{number}", name="x", opening_stock=7, prices={"GBP": number})
        for number in range(20)
    ]
    orders = (products, products[::-1]) * 4
    offers = [offer(str(number), *events) for number, events in enumerate(orders)]
    events = at_once([partial(stock.offer, command) for command in offers])
    assert sum(event.added for event in events) == 20
    assert {available(stock, product.sku) for product in products} == {7}


def test_an_offer_in_the_middle_of_a_sale_waits_for_it(stock: StockService) -> None:
    """Names and stock change side by side, and neither is lost."""
    stock.offer(offer("1", APPLE.model_copy(update={"opening_stock": 50})))
    sales = [partial(stock.decrease, take(str(number), ("A", 1))) for number in range(8)]
    names = [
        partial(stock.offer, offer(f"n{number}", APPLE.model_copy(update={"name": f"a{number}"})))
        for number in range(4)
    ]
    moves = [partial(stock.move, move(str(number), 10)) for number in range(4)]
    doings: list[Callable[[], Any]] = [*sales, *names, *moves]
    at_once(doings)
    assert available(stock) == 50 - 8 + 40
