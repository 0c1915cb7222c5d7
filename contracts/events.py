"""What happened to orders, as other systems are told of it, by the feed and by webhooks."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, field_validator

from contracts.base import Contract, Identifier
from contracts.prose import FOR_CUSTOMERS
from contracts.states import FailureReason
from contracts.views import KNOWN_REASONS, AttentionCause


class EventType(StrEnum):
    """What happened to an order."""

    COMPLETED = "order.completed"
    """Its saga completed, and its record is closed as CONFIRMED."""
    FAILED = "order.failed"
    """It was rolled back, and its record is closed as CANCELLED."""
    NEEDS_ATTENTION = "order.needs_attention"
    """A person has to look at it; the cause says why."""


ENDS = frozenset({EventType.COMPLETED, EventType.FAILED})
"""What a shop and its customers are told; the other is for the shop's own people."""


class EventData(Contract):
    """The order that an event is about: why it failed if it did, or why it needs a person."""

    order_id: Identifier
    customer_id: str | None
    currency: str | None
    total_minor: int | None = Field(description="in minor units, e.g. pence")
    placed_at: datetime | None
    again_of: Identifier | None = Field(
        default=None, description="the failed order that it was placed again for"
    )
    reason: FailureReason | None = Field(
        default=None, description="why it failed; null of an order that did not"
    )
    customer_message: str | None = Field(
        default=None, description="a sentence for the customer, by the reason alone"
    )

    cause: AttentionCause | None = Field(
        default=None, description="why it needs a person; null of an order that ended"
    )
    step: str | None = Field(
        default=None, description="of a STUCK one, the step that is not taken back or completed"
    )
    command: str | None = Field(default=None, description="and the command that keeps failing")
    error: str | None = Field(
        default=None, description="and what it keeps failing with, in at most 200 characters"
    )
    message: str | None = Field(
        default=None, description="in words what it is, and what the person can do about it"
    )
    since: datetime | None = Field(
        default=None, description="since when it needs one, where that is known"
    )
    times: int | None = Field(default=None, description="how often a person was called for it")

    @field_validator("cause", mode="before")
    @classmethod
    def _known_cause(cls, cause: str | None) -> str | None:
        """Leave out one of a newer release: the message still says what helps."""
        return cause if cause in {*AttentionCause} else None

    @field_validator("reason", mode="before")
    @classmethod
    def _any_reason(cls, reason: str | None) -> str | None:
        return reason if reason is None or reason in KNOWN_REASONS else FailureReason.OTHER


class OrderEvent(Contract):
    """One event, the same in the feed and in the body of a webhook.

    `id` is what receivers deduplicate by. `position` is its place among all events, which never
    changes.
    """

    id: str
    type: EventType
    timestamp: datetime = Field(description="when it happened, in UTC")
    position: int
    data: EventData


class EventList(Contract):
    """One page of the feed, the oldest first."""

    events: tuple[OrderEvent, ...]
    next: str = Field(description="where the feed goes on, now or once there is more")


def customer_message(reason: str) -> str:
    """Return what a shop can show the customer of an order that failed for a reason."""
    return FOR_CUSTOMERS[FailureReason(reason) if reason in KNOWN_REASONS else FailureReason.OTHER]
