"""What a reader is shown."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from contracts.base import Contract
from contracts.order import OrderEntry, OrderRecord
from contracts.states import SagaState


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


class AttentionCause(StrEnum):
    """Why an order needs a person.

    STUCK: a compensation, or a command that must be obeyed, keeps failing. WEDGED: the saga's own
    code fails. LEFT_OPEN: nobody works on it any more, as its saga was ended from outside, or
    deleted, before it was through.
    """

    STUCK = "STUCK"
    WEDGED = "WEDGED"
    LEFT_OPEN = "LEFT_OPEN"


class Attention(Contract):
    """That an order needs a person: why, since when as far as that is known, and what can be done."""

    cause: AttentionCause
    since: datetime | None
    message: str


class Refund(Contract):
    """What became of the money of an order that failed.

    `amount_minor` is what was given back, in minor units: 0 when nothing had been charged, null when that is not known. `at`
    is when, in UTC; null when there was nothing to give back. `message` says it in a sentence.
    """

    amount_minor: int | None
    currency: str | None
    at: datetime | None
    message: str


class OrderView(OrderRecord):
    """An order as people see it: its record, its story so far, and where to look further."""

    attention: Attention | None = None
    refund: Refund | None = Field(default=None, description="of an order that failed: that its money is back, and when")
    timeline: tuple[TimelineEntry, ...] = ()
    links: Links


class ListedOrder(OrderEntry):
    """An order in a list: what people see of it, without its lines and its timeline.

    What others wrote is cut where it is long: the order under its own address has all of it.
    """

    attention: Attention | None = None
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


class AttentionFigures(Contract):
    """How many orders need a person, and since when; what is not known is null."""

    count: int | None
    by_cause: Mapping[AttentionCause, int | None]
    since: datetime | None = Field(description="the longest that one has needed a person, as far as that is known")
    at_stake_minor: Mapping[str, int] = Field(description="what they cost, in minor units by currency")


class Overview(Contract):
    """How all orders stand, as the caller may see them; what is not known is null, and `warning` says why."""

    states: Mapping[SagaState, int | None]
    reasons: Mapping[str, int] = Field(description="of the orders that failed, how many for which reason")
    needs_attention: AttentionFigures
    as_of: datetime
    warning: str | None
