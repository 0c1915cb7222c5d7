"""Who decides what an order's lines cost: whoever places it, or the stock service's list prices."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from application.errors import NotNow, PricesWrong
from application.shop import Shop
from contracts.money import money
from contracts.placing import PlaceOrder

Rule = Literal["caller", "at_least_list", "list"]


async def check(
    order: PlaceOrder, rule: Rule, shop: Shop, is_placed: Callable[[], Awaitable[bool]]
) -> None:
    """Find the prices of an order right by the rule; one that was placed already keeps its own.

    Raises:
        PricesWrong: a line's price is not what the rule says.
        NotNow: list prices are to decide, and cannot be read.
    """
    if rule == "caller":
        return
    try:
        prices = await shop.list_prices({line.sku for line in order.lines}, order.currency)
    except NotNow:
        if await is_placed():
            return
        raise
    wrong = _wrong(order, rule, prices)
    if wrong and not await is_placed():
        raise PricesWrong(wrong)


def _wrong(order: PlaceOrder, rule: Rule, prices: Mapping[str, int]) -> dict[int, str]:
    """Return what is wrong with the price of each line, by its number from 0."""
    wrong = {}
    for number, line in enumerate(order.lines):
        listed = prices.get(line.sku)
        offered = line.unit_price_minor
        if listed is None:
            wrong[number] = f"{line.sku} has no list price in {order.currency}"
        elif offered < listed or (rule == "list" and offered != listed):
            wrong[number] = (
                f"{money(offered, order.currency)} is offered, "
                f"the list price is {money(listed, order.currency)}"
            )
    return wrong
