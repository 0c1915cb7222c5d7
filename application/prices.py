"""Who decides what an order's lines cost: whoever places it, or the stock service's list prices."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from application.errors import NotNow, PricesWrong
from application.shop import Shop
from contracts.money import money
from contracts.placing import PlaceOrder

Rule = Literal["caller", "at_least_list", "list"]


class PriceRule:
    """Finds the prices of orders right or wrong."""

    def __init__(self, rule: Rule, shop: Shop) -> None:
        """Apply `rule` to the list prices of `shop`."""
        self._rule = rule
        self._shop = shop

    async def check(self, order: PlaceOrder, is_placed: Callable[[], Awaitable[bool]]) -> None:
        """Find the prices of an order right; one that was placed already keeps its own.

        Raises:
            PricesWrong: a line's price is not what the rule says.
            NotNow: list prices are to decide, and cannot be read.
        """
        if self._rule == "caller":
            return
        skus = {line.sku for line in order.lines}
        try:
            list_prices = await self._shop.list_prices(skus, order.currency)
        except NotNow:
            if await is_placed():
                return
            raise
        wrong = self._wrong(order, list_prices)
        if wrong and not await is_placed():
            raise PricesWrong(wrong)

    def _wrong(self, order: PlaceOrder, list_prices: Mapping[str, int]) -> dict[int, str]:
        """Return what is wrong with the price of each line, by its number from 0."""
        wrong = {}
        for number, line in enumerate(order.lines):
            list_price = list_prices.get(line.sku)
            offer = line.unit_price_minor
            if list_price is None:
                wrong[number] = f"{line.sku} has no list price in {order.currency}"
            elif offer < list_price or (self._rule == "list" and offer != list_price):
                wrong[number] = (
                    f"{money(offer, order.currency)} is offered, "
                    f"the list price is {money(list_price, order.currency)}"
                )
        return wrong
