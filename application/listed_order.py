"""An order as a list shows it, which has little room. Pure functions."""

from typing import Any, NamedTuple

from application import attention
from application.needs import Need
from application.run import Run
from contracts.record import Compensation, Failure, OrderEntry, details_if_short
from contracts.states import OrderStatus, SagaState
from contracts.views import Attention, AttentionCause, Links, ListedOrder

MOST_LISTED = 200
"""Characters that a list shows of what others wrote; the order itself shows all."""


class Standing(NamedTuple):
    """How an order stands: its state, its need of a person, and by which run of its saga."""

    state: SagaState
    attention: Attention | None
    run: Run | None


def standing_of(entry: OrderEntry, run: Run | None, need: Need | None) -> Standing:
    """Return how an order stands: an open one by its run, a closed one as on record.

    `need` is what the watch knows: that a run that visibility does not know is gone, and of others,
    since when they need a person.
    """
    if entry.closed_at is not None:
        return Standing(entry.state, None, None)
    if run is None and need is not None:
        run = need.run
        if run is None:
            return Standing(need.state, need.attention, None)
    if run is None:
        return Standing(entry.state, None, None)
    now = attention.of_run(entry.order_id, run, is_left_open=run.is_left_open(is_on_record=True))
    if need and (now.cause is need.attention.cause if now else _is_in_review(run, need.attention)):
        now = need.attention
    return Standing(run.state, now, run)


def list_entry(entry: OrderEntry, standing: Standing, links: Links) -> ListedOrder:
    """Return an order for a list, as it stands."""
    fields = dict(entry) | {"compensations": tuple(map(_shorter, entry.compensations))}
    if standing.run is not None:
        fields["failure"] = standing.run.failure
    fields |= {
        "state": standing.state,
        "attention": standing.attention,
        "needs_attention": standing.attention is not None,
    }
    fields["failure"] = fields["failure"] and _shorter_failure(fields["failure"])
    return ListedOrder(**fields, links=links)


def _is_in_review(run: Run, need: Attention) -> bool:
    """Tell whether a run still awaits the review by which an order needs a person."""
    is_expiring = need.cause is AttentionCause.REVIEW_EXPIRING
    return is_expiring and run.state is SagaState.AWAITING_REVIEW


def provisional_entry(order_id: str, run: Run) -> OrderEntry:
    """Return as much as visibility tells of an order that is not on record yet."""
    return OrderEntry(
        order_id=order_id,
        state=run.state,
        status=OrderStatus.PENDING,
        customer_id=run.attributes.get("CustomerId"),
        currency=None,
        total_minor=run.attributes.get("OrderTotalMinor"),
        line_count=None,
        placed_at=run.started_at,
        again_of=run.again_of,
    )


def _shorter_failure(failure: Failure) -> Failure:
    brief = {"details": details_if_short(failure.details), "message": _short(failure.message)}
    return failure.model_copy(update=brief)


def _shorter(compensation: Compensation) -> Compensation:
    compensation = compensation.model_copy(update={"answer": None, "answered_at": None})
    if (settlement := compensation.settled) is None:
        return compensation
    words: dict[str, Any] = {
        name: _short(getattr(settlement, name)) for name in ("by", "reason", "evidence")
    }
    return compensation.model_copy(update={"settled": settlement.model_copy(update=words)})


def _short(text: str) -> str:
    return text if len(text) <= MOST_LISTED else f"{text[:MOST_LISTED]} …"
