"""Which orders are asked for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from contracts.record import OrderSummary
from contracts.states import OrderStatus


class Position(NamedTuple):
    """An order's place among all; it never changes.

    Of two that were placed at one instant, the greater id counts as newer.
    """

    placed_at: datetime
    order_id: str

    @classmethod
    def of(cls, record: OrderSummary) -> Self:
        """Return where an order stands."""
        return cls(record.placed_at, record.order_id)


@dataclass(frozen=True)
class OrderFilter:
    """Which orders are asked for; None asks for all.

    Args:
        status: as the order's record has it.
        reason: why they failed; `OTHER` for every reason that this release does not know.
        customer_id: whose orders; an order without a known customer is nobody's.
        owner: the customer who asks, if it is one: nobody else's orders, whatever is asked for.
        among: no others than these ids.
        before: only what is older than this.
    """

    status: OrderStatus | None = None
    reason: str | None = None
    customer_id: str | None = None
    owner: str | None = None
    among: Collection[str] | None = None
    before: Position | None = None
