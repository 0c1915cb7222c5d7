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
    temporal: str


class OrderView(OrderRecord):
    """An order as people see it: its record, its story so far, and where to look further."""

    timeline: tuple[TimelineEntry, ...] = ()
    links: Links
