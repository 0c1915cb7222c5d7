"""What is said to and by the stock service (the literature's product service)."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from contracts.base import (
    MAX_LINES,
    MAX_PIECES,
    ROWS,
    Command,
    Contract,
    Event,
    KeyedCommand,
    PriceMinor,
    Quantity,
    Refusal,
    Sku,
    not_zero,
    refuse_repeats,
)
from contracts.money import CurrencyInUse
from contracts.text import Name

MAX_PRICES = 20


class StockLine(Contract):
    """So many of one product."""

    sku: Sku
    quantity: Quantity


StockLines = Annotated[tuple[StockLine, ...], Field(min_length=1, max_length=MAX_LINES)]


class DecreaseStockCommand(Command):
    """Take every line of an order from stock, or none."""

    lines: StockLines


class StockDecreasedEvent(Event):
    """Every line is taken."""

    event: Literal["StockDecreasedEvent"] = "StockDecreasedEvent"


class StockDecreaseFailedEvent(Refusal):
    """At least one line cannot be served, so none was taken; `details` names the lines."""

    event: Literal["StockDecreaseFailedEvent"] = "StockDecreaseFailedEvent"
    reason: Literal["OUT_OF_STOCK", "UNKNOWN_SKU", "ALREADY_COMPENSATED"]


class RestoreStockCommand(Command):
    """Put back what `DecreaseStockCommand` took, if it took anything."""

    lines: StockLines


class StockRestoredEvent(Event):
    """Nothing of the order is taken any more; `restored` is False when nothing had been taken."""

    event: Literal["StockRestoredEvent"] = "StockRestoredEvent"
    restored: bool


class StockView(Contract):
    """A product, how many of it can be sold, and its list price by currency, in minor units."""

    sku: str
    name: str
    available: int
    prices: dict[str, int] = Field(default_factory=dict)


# What the shop's own people tell the stock service; no order's saga does.


Pieces = Annotated[int, Field(strict=True, ge=0, le=MAX_PIECES)]
Prices = Annotated[
    dict[CurrencyInUse, PriceMinor],
    Field(max_length=MAX_PRICES, description="list price by currency"),
]


class ProductOffer(Contract):
    """A product as the shop offers it.

    Args:
        sku: what it is ordered by.
        name: what people call it.
        opening_stock: how many there are of it at first; it counts only when the product is new.
        prices: its list prices, in place of those it had; None leaves them as they are.
    """

    sku: Sku
    name: Name
    opening_stock: Pieces = 0
    prices: Prices | None = None


Offer = TypeVar("Offer", bound=ProductOffer)


def each_sku_once(products: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Return products of which none is offered twice."""
    refuse_repeats(product.sku for product in products)
    return products


class OfferProductsCommand(KeyedCommand):
    """Add the products that are new, and give the others their names and prices."""

    products: Annotated[tuple[ProductOffer, ...], ROWS, AfterValidator(each_sku_once)]


class ProductsOfferedEvent(Contract):
    """The products are on offer: so many were added, so many changed, so many were as told."""

    event: Literal["ProductsOfferedEvent"] = "ProductsOfferedEvent"
    added: int
    changed: int
    left: int


Change = Annotated[
    int,
    Field(strict=True, ge=-MAX_PIECES, le=MAX_PIECES, json_schema_extra={"not": {"const": 0}}),
    AfterValidator(not_zero),
]


class MoveStockCommand(KeyedCommand):
    """Take a delivery in (positive), or pieces out that no order took (negative).

    Args:
        sku: of what.
        change: how many pieces.
        reason: why.
        by: whose token said so; "" where nobody is asked who they are.
    """

    sku: Sku
    change: Change
    reason: Name
    by: str = ""


class StockMovedEvent(Contract):
    """So many pieces moved; so many are available from then on."""

    event: Literal["StockMovedEvent"] = "StockMovedEvent"
    sku: str
    change: int
    available: int


class StockMovementRefusedEvent(Contract):
    """Nothing moved."""

    event: Literal["StockMovementRefusedEvent"] = "StockMovementRefusedEvent"
    reason: Literal["UNKNOWN_SKU", "OUT_OF_STOCK", "TOO_MUCH", "KEY_REUSED"]
    message: str
