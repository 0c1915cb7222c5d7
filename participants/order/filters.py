"""Which orders are asked for, and in which order they come."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self

from contracts.record import Failure, OrderEntry, OrderSummary
from contracts.states import FailureReason, OrderStatus

NAMED_REASONS = frozenset(FailureReason) - {FailureReason.OTHER}
"""Whatever else is on record, readers know as OTHER."""


class Sort(StrEnum):
    """By which field a list is sorted; a minus in front of it means the greatest first."""

    NEWEST = "-placed_at"
    OLDEST = "placed_at"
    LAST_CLOSED = "-closed_at"
    FIRST_CLOSED = "closed_at"
    HIGHEST_TOTAL = "-total_minor"
    LOWEST_TOTAL = "total_minor"

    @property
    def field(self) -> str:
        """The field of an order."""
        return self.value.lstrip("-")

    @property
    def is_descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.value.startswith("-")

    def comes_behind(self, position: "Position", other: "Position") -> bool:
        """Tell whether a position comes behind another."""
        return position < other if self.is_descending else position > other


BY_TIME_CLOSED = frozenset({Sort.LAST_CLOSED, Sort.FIRST_CLOSED})
BY_TOTAL = frozenset({Sort.HIGHEST_TOTAL, Sort.LOWEST_TOTAL})


class Position(NamedTuple):
    """An order's place among all by the value that they are sorted by.

    By the time at which it was placed it never changes. Of two with one value, the greater id
    counts as greater.
    """

    value: datetime | int
    order_id: str

    @classmethod
    def of(cls, record: OrderSummary, sort: Sort = Sort.NEWEST) -> Self:
        """Return where an order stands; it has the value that is sorted by."""
        return cls(getattr(record, sort.field), record.order_id)


class Page(NamedTuple):
    """Some orders, sorted; the list goes on behind `end`, or None: these were the last."""

    entries: list[OrderEntry]
    end: Position | None


@dataclass(frozen=True)
class OrderFilter:
    """Which orders are asked for; None asks for all. Ranges have their first value, not their last.

    Args:
        status: as the order's record has it.
        reason: why they failed; `OTHER` for every reason that this release does not know.
        step: at which step they failed.
        customer_id: whose orders; an order without a known customer is nobody's.
        owner: the customer who asks, if it is one: nobody else's orders, whatever is asked for.
        sku: a product that they have a line of.
        currency: of their totals.
        min_total_minor: their total is this or more.
        max_total_minor: their total is this or less.
        placed_from: placed then or later.
        placed_to: placed earlier.
        closed_from: closed then or later.
        closed_to: closed earlier.
        text: a part of why they failed, in the reason or the message, in capitals or not. The
            customer who asks is not shown the message: for them the reason alone counts.
        placed_again: whether they were placed again, as other orders.
        among: no others than these ids.
        sort: in which order they come.
        behind: only what comes behind this.
    """

    status: OrderStatus | None = None
    reason: str | None = None
    step: str | None = None
    customer_id: str | None = None
    owner: str | None = None
    sku: str | None = None
    currency: str | None = None
    min_total_minor: int | None = None
    max_total_minor: int | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    closed_from: datetime | None = None
    closed_to: datetime | None = None
    text: str | None = None
    placed_again: bool | None = None
    among: Collection[str] | None = None
    sort: Sort = Sort.NEWEST
    behind: Position | None = None

    @property
    def asks_why(self) -> bool:
        """Whether it asks for why orders failed."""
        return not (self.reason is None and self.step is None and self.text is None)

    def accepts_failure(self, failure: Failure | None, stuck_steps: Collection[str] = ()) -> bool:
        """Tell whether an order that fails so is asked for, or is stuck at the step asked for."""
        steps = {*stuck_steps, failure.step} if failure else {*stuck_steps}
        if self.step is not None and self.step not in steps:
            return False
        if self.reason is None and self.text is None:
            return True
        if failure is None:
            return False
        return self.reason in (None, reason_of(failure)) and self.accepts_text(failure)

    def accepts_text(self, failure: Failure) -> bool:
        """Tell whether why an order failed has the text that is asked for."""
        if self.text is None:
            return True
        words = [failure.reason] if self.owner is not None else [failure.reason, failure.message]
        return any(lower(self.text) in lower(part) for part in words)

    def accepts_entry(self, entry: OrderEntry) -> bool:
        """Tell of an order that is not on record what the database tells of those that are.

        Why it fails, and at which step, is not looked at.
        """
        return (
            self.sku is None
            and self.closed_from is None
            and self.closed_to is None
            and not self.placed_again
            and self.sort not in BY_TIME_CLOSED | BY_TOTAL
            and self.min_total_minor is None
            and self.max_total_minor is None
            and self.status in (None, entry.status)
            and self.customer_id in (None, entry.customer_id)
            and self.owner in (None, entry.customer_id)
            and self.currency in (None, entry.currency)
            and (self.placed_from is None or entry.placed_at >= self.placed_from)
            and (self.placed_to is None or entry.placed_at < self.placed_to)
            and (
                self.behind is None
                or self.sort.comes_behind(Position.of(entry, self.sort), self.behind)
            )
        )


def reason_of(failure: Failure) -> str:
    """Return why an order failed, as readers know it."""
    return failure.reason if failure.reason in NAMED_REASONS else FailureReason.OTHER


def lower(text: str) -> str:
    """Return a text with A to Z as small letters; others are left as they are."""
    return re.sub("[A-Z]+", lambda match: match[0].lower(), text)
