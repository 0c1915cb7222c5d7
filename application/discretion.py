"""What a customer's own token is shown of an order: nothing of who runs the shop or how."""

from collections.abc import Iterable
from typing import Any, TypeVar

from contracts.record import Compensation
from contracts.step_views import CommandProgress, StepProgress, StepState
from contracts.steps import PAYMENT
from contracts.views import FailureView, ListedOrder, OrderView, Refund, TimelineEntry

AnyOrder = TypeVar("AnyOrder", OrderView, ListedOrder)
AnyProgress = TypeVar("AnyProgress", bound=CommandProgress)

AS_THEY_ARE = frozenset(
    {
        *("order_id", "state", "status", "customer_id", "currency", "total_minor"),
        *("lines", "line_count", "placed_at", "closed_at", "needs_attention", "action"),
        *("again_of", "again_as"),
    }
)
"""Fields of an order that customers see; of any other, but for those below, they see its
default."""

KINDS_FOR_CUSTOMERS = frozenset({"state", "command", "event"})
"""Kinds of entries that customers are told; decisions and notes are words of those who run the
shop."""


SETTLED_BY_HAND = "what had been charged was put right by hand"
"""Of a refund that a person settled, without their name and words."""


def for_customer(order: AnyOrder) -> AnyOrder:
    """Return an order without operators' words, balances, stock levels and internal links."""
    fields: dict[str, Any] = {
        name: field.get_default(call_default_factory=True)
        for name, field in type(order).model_fields.items()
        if name not in AS_THEY_ARE
    }
    fields["failure"] = order.failure and _failure(order.failure)
    fields["compensations"] = tuple(map(_compensation, order.compensations))
    fields["links"] = order.links.model_copy(update={"temporal": None})
    if isinstance(order, OrderView):
        entries = map(entry_for_customer, order.timeline)
        fields["refund"] = order.refund and _refund(order.refund, order.compensations)
        fields["acts"] = tuple(act for act in order.acts if act.refusal is None)
        fields["steps"] = tuple(map(_progress, order.steps))
        fields["review"] = order.review and order.review.model_copy(update={"message": None})
        fields["timeline"] = tuple(entry for entry in entries if entry is not None)
    return order.model_copy(update=fields)


def entry_for_customer(entry: TimelineEntry) -> TimelineEntry | None:
    """Return an entry of a timeline without its details; None when it is not for customers."""
    return entry.model_copy(update={"detail": {}}) if entry.kind in KINDS_FOR_CUSTOMERS else None


def _failure(failure: FailureView) -> FailureView:
    return failure.model_copy(update={"message": failure.customer_message, "details": {}})


def _refund(refund: Refund, compensations: Iterable[Compensation]) -> Refund:
    is_settled = any(
        compensation.step == PAYMENT.name and compensation.settled for compensation in compensations
    )
    return refund.model_copy(update={"message": SETTLED_BY_HAND}) if is_settled else refund


def _compensation(compensation: Compensation) -> Compensation:
    blanks = dict.fromkeys(("attempts", "settled", "answer", "answered_at"))
    return compensation.model_copy(update=blanks)


def _progress(progress: AnyProgress) -> AnyProgress:
    """Return how far a command has come, and what takes it back, without who paused it or why."""
    fields: dict[str, Any] = dict.fromkeys(("attempts", "message", "paused", "settled"))
    if progress.state is StepState.PAUSED:
        fields["state"] = StepState.RUNNING
    if isinstance(progress, StepProgress) and progress.compensation:
        fields["compensation"] = _progress(progress.compensation)
    return progress.model_copy(update=fields)
