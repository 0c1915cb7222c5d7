"""What is said to and by the order service, and the order as it is placed and recorded."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from contracts.acts import TakenDecision
from contracts.base import (
    IDENTIFIER,
    MAX_LINES,
    MAX_TOTAL_MINOR,
    Command,
    Contract,
    Currency,
    Event,
    Identifier,
    PriceMinor,
    Quantity,
    Refusal,
    Sku,
    digest,
)
from contracts.states import OrderStatus, SagaState, StateMove

DEADLINE_SECONDS = 900
SAGA_ID_PREFIX = "order-"
MAX_REQUEST_KEY = 255


def saga_id(order_id: str) -> str:
    """Return the id of an order's saga: the id of its workflow, and the root of its idempotency keys."""
    return SAGA_ID_PREFIX + order_id


def order_id_of(saga_id: str) -> str:
    """Return the order whose saga has this id.

    Raises:
        ValueError: the id names no order.
    """
    order_id = saga_id.removeprefix(SAGA_ID_PREFIX)
    if order_id == saga_id or re.fullmatch(IDENTIFIER, order_id) is None:
        raise ValueError(
            f"the workflow id {saga_id!r} names no order; use {SAGA_ID_PREFIX}{{order_id}} "
            "with an order id of 1 to 64 letters, digits, _ or -"
        )
    return order_id


class OrderLine(Contract):
    """So many of one product at one price."""

    sku: Sku
    quantity: Quantity
    unit_price_minor: PriceMinor


class DraftOrder(Contract):
    """As much of an order as could be read; what an invalid start did not give is None."""

    customer_id: Identifier | None = None
    currency: Currency | None = None
    lines: tuple[OrderLine, ...] | None = None

    @property
    def total_minor(self) -> int | None:
        """The price of all lines in minor units, or None when the lines are unknown."""
        return None if self.lines is None else _total(self.lines)

    def fingerprint(self) -> str:
        """Return a digest of what is ordered, whatever the order's id."""
        return digest(self.model_dump(mode="json", exclude={"order_id"}, exclude_defaults=True))


class PlaceOrder(DraftOrder):
    """An order as a customer places it: the body of `POST /orders` and the input of the workflow `OrderSaga`."""

    customer_id: Identifier
    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=MAX_LINES)]
    order_id: Identifier | None = None
    deadline_seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)] = DEADLINE_SECONDS

    @field_validator("lines", mode="before")
    @classmethod
    def _not_too_many(cls, lines: Any) -> Any:
        """Count before looking at each: a million bad lines are one problem, not a million."""
        if isinstance(lines, list | tuple) and len(lines) > MAX_LINES:
            raise PydanticCustomError(
                "too_long",
                "must be at most {most} lines, not {count}",
                {"most": MAX_LINES, "count": len(lines)},
            )
        return lines

    @field_validator("lines")
    @classmethod
    def _total_is_exact(cls, lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
        if _total(lines) > MAX_TOTAL_MINOR:
            raise PydanticCustomError(
                "total", "must cost at most {most} minor units together", {"most": MAX_TOTAL_MINOR}
            )
        return lines

    @property
    def total_minor(self) -> int:
        """The price of all lines in minor units."""
        return _total(self.lines)


def _total(lines: Iterable[OrderLine]) -> int:
    return sum(line.quantity * line.unit_price_minor for line in lines)


def salvage(raw: Any, error: ValidationError) -> DraftOrder:
    """Return the parts of an invalid start that are valid by themselves."""
    if not isinstance(raw, dict):
        return DraftOrder()
    broken = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
    try:
        return DraftOrder.model_validate(
            {name: value for name, value in raw.items() if name not in broken}
        )
    except ValidationError:
        return DraftOrder()


class Failure(Contract):
    """Why a saga failed: the step and event that said so, a reason for programs, a sentence for people."""

    step: str | None = None
    event: str | None = None
    reason: str
    message: str
    details: dict[str, JsonValue] = Field(default_factory=dict)


class Settlement(Contract):
    """A person's word that a stuck step was put right by hand.

    `attempts` is how many tries of it the server had begun by then; None where nobody knew.
    """

    by: str
    reason: str
    evidence: str
    at: datetime
    attempts: int | None = None


class Compensation(Contract):
    """One compensation of a rollback and how far it has come.

    Of an order that does not roll back: another command that is stuck or was settled, as it must be obeyed as well. That is
    ConfirmOrder after the pivot, or RegisterOrder when it has to find out about an earlier run.

    `attempts` counts tries as Temporal's history knows them; None once that history is gone.
    """

    step: str
    command: str
    state: Literal["WAITING", "RUNNING", "DONE", "STUCK", "SETTLED"]
    attempts: int | None = None
    settled: Settlement | None = None


class RegisterOrderCommand(Command):
    """Open the order as PENDING."""

    not_fingerprinted: ClassVar[frozenset[str]] = frozenset(
        {"idempotency_key", "request_key", "placed_at"}
    )

    placed_at: datetime
    order: PlaceOrder
    request_key: str | None = None

    def fingerprint(self) -> str:
        """Return the digest; whether the order repeats the command's `order_id` makes no difference."""
        return digest({"order_id": self.order_id, "order": self.order.fingerprint()})


class OrderRegisteredEvent(Event):
    """The order is on record.

    `known` says how it stood already when this was not the first time that it was registered. `review_seconds` is how long the
    order waits for a person to approve it before payment; None when it needs no review.
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

    `compensations` names who settled this command by hand: then the record is closed by that word, or was closed so already.
    `decisions` are those that the saga took, the last of them if they were very many.
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
    """Close the order as CANCELLED, with the whole story for the record; opens the record first if it never was.

    The story is a report, not part of what is asked: repeating the command after a workflow reset, with other times in it,
    is the same command.
    """

    not_fingerprinted: ClassVar[frozenset[str]] = frozenset(
        {
            "idempotency_key",
            "request_key",
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
    failure: Failure
    compensations: tuple[Compensation, ...]
    moves: tuple[StateMove, ...]
    decisions: tuple[TakenDecision, ...] = ()
    decisions_left_out: int = 0


class OrderCancelledEvent(Event):
    """The order is closed: nothing is kept of it."""

    event: Literal["OrderCancelledEvent"] = "OrderCancelledEvent"


class OrderSummary(Contract):
    """An order as the order service remembers it, for ever, but for its lines."""

    order_id: Identifier
    state: SagaState
    status: OrderStatus
    customer_id: str | None
    currency: str | None
    total_minor: int | None
    placed_at: datetime
    closed_at: datetime | None = None
    needs_attention: bool = False
    failure: Failure | None = None
    compensations: tuple[Compensation, ...] = ()


class OrderRecord(OrderSummary):
    """An order as the order service remembers it, whole."""

    lines: tuple[OrderLine, ...] | None


class OrderEntry(OrderSummary):
    """An order as it stands among many: of its lines, which may be a thousand, only the number."""

    line_count: int | None
