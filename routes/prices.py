"""Who decides what an order's lines cost: whoever places it, or the stock service's list prices."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Literal

from fastapi.exceptions import RequestValidationError

from contracts.money import money
from contracts.placing import PlaceOrder
from routes.problems import Problem
from routes.shop import Shop

Rule = Literal["caller", "at_least_list", "list"]


async def check(
    order: PlaceOrder, rule: Rule, shop: Shop, is_placed: Callable[[], Awaitable[bool]]
) -> None:
    """Find the prices of an order right by the rule; one that was placed already keeps its own.

    Raises:
        RequestValidationError: a line's price is not what the rule says.
        Problem: 503 when list prices are to decide and cannot be read.
    """
    if rule == "caller":
        return
    try:
        prices = await shop.list_prices({line.sku for line in order.lines}, order.currency)
    except Problem:
        if await is_placed():
            return
        raise
    wrong = list(_wrong(order, rule, prices))
    if wrong and not await is_placed():
        raise RequestValidationError(wrong)


def _wrong(order: PlaceOrder, rule: Rule, prices: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with the price of each line, as pydantic tells of a field."""
    for number, line in enumerate(order.lines):
        listed, asked = prices.get(line.sku), line.unit_price_minor
        if listed is None:
            told = f"{line.sku} has no list price in {order.currency}"
        elif asked == listed or (rule == "at_least_list" and asked > listed):
            continue
        else:
            offered = money(asked, order.currency)
            told = f"{offered} is offered, the list price is {money(listed, order.currency)}"
        yield {"loc": ("body", "lines", number, "unit_price_minor"), "msg": told, "type": "price"}
