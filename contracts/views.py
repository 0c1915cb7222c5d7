"""What a reader is shown."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, JsonValue, computed_field, model_validator

from contracts.acts import Act
from contracts.base import Contract
from contracts.prose import FOR_CUSTOMERS
from contracts.record import Failure, OrderEntry, OrderRecord
from contracts.states import FailureReason, OrderStatus, SagaState
from contracts.step_views import ReviewProgress, StepProgress

KNOWN_REASONS = frozenset(FailureReason)


class TimelineEntry(Contract):
    """One moment of a saga in business words; `attempt` counts the attempts of its command."""

    at: datetime
    kind: Literal["state", "command", "event", "decision", "note"]
    name: str
    participant: str | None = None
    attempt: int | None = None
    step: str | None = Field(
        default=None,
        description="of a command and its answer, the step that it belongs to, where that has a "
        "name of its own; else null",
    )
    detail: dict[str, JsonValue] = Field(default_factory=dict)


class Links(Contract):
    """Where to go from an order."""

    self: str
    events: str
    temporal: str | None = Field(
        description="the saga in Temporal's Web UI; null for a customer's token"
    )


class FailureView(Failure):
    """Why an order failed: `reason` and `details` for programs, `message` for operators.

    A reason that this release does not know, as an older or newer participant may have given, is
    `OTHER`, and stands in `details` as it was given.
    """

    reason: FailureReason

    @model_validator(mode="before")
    @classmethod
    def _of_any_reason(cls, value: Any) -> Any:
        failure = value.model_dump() if isinstance(value, Failure) else value
        if not isinstance(failure, dict):
            return failure
        reason = failure.get("reason")
        details = failure.get("details") or {}
        if not isinstance(reason, str) or reason in KNOWN_REASONS:
            return failure
        return failure | {"reason": FailureReason.OTHER, "details": {"reason": reason} | details}

    @computed_field(description="a sentence for the customer, by the reason alone")  # type: ignore[prop-decorator]
    @property
    def customer_message(self) -> str:
        """What a shop can show its customer: no balances, stock levels or operators' names."""
        return FOR_CUSTOMERS[self.reason]


class AttentionCause(StrEnum):
    """Why an order needs a person.

    STUCK: a command that must eventually succeed, as a compensation, keeps failing. WEDGED: the
    saga's own code fails. LEFT_OPEN: nobody works on it any more, as its saga was ended from
    outside, or deleted, before it was through. REVIEW_EXPIRING: its review ends soon, and it fails
    then.
    """

    STUCK = "STUCK"
    WEDGED = "WEDGED"
    LEFT_OPEN = "LEFT_OPEN"
    REVIEW_EXPIRING = "REVIEW_EXPIRING"


class Attention(Contract):
    """That an order needs a person: why, since when if that is known, and what can be done."""

    cause: AttentionCause
    since: datetime | None
    message: str


class Refund(Contract):
    """What became of the money of an order that failed.

    `amount_minor` is what was given back, in minor units: 0 when nothing had been charged, null
    when that is not known. `at` is when, in UTC; null when there was nothing to give back.
    `message` says it in a sentence.
    """

    amount_minor: int | None
    currency: str | None
    at: datetime | None
    message: str


class ActOffer(Contract):
    """An act of a person, as it is offered."""

    act: Act
    fields: tuple[str, ...] = Field(
        description="what its body needs, by name; no `by` where the token has a person's name"
    )
    effect: str = Field(description="what it does, once it is taken")
    is_final: bool = Field(description="whether it cannot be undone")
    token_allows: bool = Field(
        default=True,
        description="whether the caller's token allows it; what it does not allow is listed only "
        "for an order, with `?acts=all`",
    )


class ActView(ActOffer):
    """An act on one order as it stands: `POST /orders/{id}/{act}`, or `…/steps/{step}/{act}`.

    `refusal` is the sentence by which the saga would refuse it now, null when it would take it.
    """

    step: str | None = Field(description="the stuck step that it is about; null of the whole order")
    refusal: str | None


class CustomerAction(Contract):
    """What the customer must do before the order goes on: open the page at `url`."""

    kind: Literal["authenticate"] = "authenticate"
    url: str


class OrderView(OrderRecord):
    """An order as people see it: its record, its story so far, and where to look further."""

    failure: FailureView | None = None
    attention: Attention | None = None
    refund: Refund | None = Field(
        default=None, description="of an order that failed: that its money is back, and when"
    )
    action: CustomerAction | None = Field(
        default=None,
        description="of an order that is AWAITING_CUSTOMER: what the customer must do; else null",
    )
    acts: tuple[ActView, ...] = Field(
        default=(),
        description="what the caller may do to it, and of what is not possible why not",
    )
    steps: tuple[StepProgress, ...] = Field(
        default=(), description="how far each step has come, in the order of `GET /steps`"
    )
    review: ReviewProgress | None = Field(
        default=None, description="of an order that a person had to look at: how far that has come"
    )
    timeline: tuple[TimelineEntry, ...] = ()
    links: Links


class ListedOrder(OrderEntry):
    """An order in a list: what people see of it, without its lines and its timeline.

    What others wrote is cut where it is long: the order under its own address has all of it.
    """

    failure: FailureView | None = None
    attention: Attention | None = None
    links: Links


class Closed(Contract):
    """The last event of an order's stream: how the order stands now, and why if it failed."""

    state: SagaState
    status: OrderStatus
    reason: FailureReason | None
    customer_message: str | None

    @classmethod
    def of(cls, order: OrderView) -> "Closed":
        """Return the last word about an order."""
        failure = order.failure
        return cls(
            state=order.state,
            status=order.status,
            reason=failure and failure.reason,
            customer_message=failure and failure.customer_message,
        )


class OrderList(Contract):
    """One page of a list of orders, newest first."""

    orders: tuple[ListedOrder, ...]
    next: str | None = Field(description="where the list goes on; null when this is its end")
    warning: str | None = Field(
        default=None,
        description="what this page cannot tell, in words: Temporal gave no answer, and orders "
        "that are still open are shown as the order service has them on record; else null",
    )
