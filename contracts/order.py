"""What is said to and by the order service."""

from datetime import datetime
from typing import ClassVar, Literal

from contracts.acts import TakenDecision
from contracts.base import Command, Event, Identifier, Refusal, digest
from contracts.placing import DraftOrder, PlaceOrder
from contracts.record import Compensation, Failure
from contracts.states import OrderStatus, StateMove


class RegisterOrderCommand(Command):
    """Open the order as PENDING; `again_of` is the failed order that it was placed again for."""

    not_fingerprinted: ClassVar[frozenset[str]] = frozenset(
        {"idempotency_key", "request_key", "again_of", "placed_at"}
    )

    placed_at: datetime
    order: PlaceOrder
    request_key: str | None = None
    again_of: Identifier | None = None

    def fingerprint(self) -> str:
        """Return the digest, the same whether or not the order repeats the command's `order_id`."""
        return digest({"order_id": self.order_id, "order": self.order.fingerprint()})


class OrderRegisteredEvent(Event):
    """The order is on record.

    `known` is its status when it had been registered before. `review_seconds` is how long the order
    waits for a person to approve it before payment; None when it needs no review.
    """

    event: Literal["OrderRegisteredEvent"] = "OrderRegisteredEvent"
    known: OrderStatus | None = None
    review_seconds: int | None = None


class OrderRejectedEvent(Refusal):
    """The order service will not open, or not close, this order."""

    event: Literal["OrderRejectedEvent"] = "OrderRejectedEvent"
    reason: Literal["ORDER_ID_REUSED", "ALREADY_COMPENSATED"]


class ConfirmOrderCommand(Command):
    """Close the order as CONFIRMED, with the saga's moves for the record.

    `compensations` names who settled this command by hand: the record is then closed by that
    settlement, or was so already. `decisions` are those that the saga took, the last of them if
    they were very many.
    """

    not_fingerprinted: ClassVar[frozenset[str]] = frozenset(
        {"idempotency_key", "moves", "compensations", "decisions", "decisions_left_out"}
    )

    moves: tuple[StateMove, ...]
    compensations: tuple[Compensation, ...] = ()
    decisions: tuple[TakenDecision, ...] = ()
    decisions_left_out: int = 0


class OrderConfirmedEvent(Event):
    """The order is closed: paid and taken from stock."""

    event: Literal["OrderConfirmedEvent"] = "OrderConfirmedEvent"


class CancelOrderCommand(Command):
    """Close the order as CANCELLED, with the whole story for the record.

    The record is opened first if it never was. The story is a report, not part of what is asked: a
    duplicate after a workflow reset, with other times in it, is the same command.
    """

    not_fingerprinted: ClassVar[frozenset[str]] = frozenset(
        {
            "idempotency_key",
            "request_key",
            "again_of",
            "placed_at",
            "failure",
            "compensations",
            "moves",
            "decisions",
            "decisions_left_out",
        }
    )

    placed_at: datetime
    order: DraftOrder
    order_fingerprint: str
    request_key: str | None = None
    again_of: Identifier | None = None
    failure: Failure
    compensations: tuple[Compensation, ...]
    moves: tuple[StateMove, ...]
    decisions: tuple[TakenDecision, ...] = ()
    decisions_left_out: int = 0


class OrderCancelledEvent(Event):
    """The order is closed: nothing is kept of it."""

    event: Literal["OrderCancelledEvent"] = "OrderCancelledEvent"
