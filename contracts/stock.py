"""What is said to and by the stock service (the literature's product service)."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import MAX_LINES, Command, Contract, Event, Quantity, Refusal, Sku


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


class StockQuery(Contract):
    """Ask for one product."""

    sku: Sku


class StockView(Contract):
    """A product and how many of it can be sold."""

    sku: str
    name: str
    available: int
