"""What a reader is shown."""

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from contracts.base import Contract
from contracts.order import OrderRecord


class TimelineEntry(Contract):
    """One moment of a saga in business words; `attempt` counts tries of the command that it speaks of."""

    at: datetime
    kind: Literal["state", "command", "event", "decision", "note"]
    name: str
    participant: str | None = None
    attempt: int | None = None
    detail: dict[str, JsonValue] = Field(default_factory=dict)


class Links(Contract):
    """Where to go from an order."""

    self: str
    events: str
    temporal: str


class OrderView(OrderRecord):
    """An order as people see it: its record, its story so far, and where to look further."""

    timeline: tuple[TimelineEntry, ...] = ()
    links: Links


class ListedOrder(OrderRecord):
    """An order in a list: what people see of it, without its timeline."""

    links: Links


class OrderList(Contract):
    """One page of a list of orders, newest first."""

    orders: tuple[ListedOrder, ...]
    next: str | None = Field(description="where the list goes on; null when this is its end")
    warning: str | None = Field(
        default=None,
        description="what this page cannot tell, in words: Temporal gave no answer, and orders that are still open are shown as "
        "the order service has them on record; else null",
    )
