"""What others see of a running order saga: search attributes, and the Web UI's details."""

from collections.abc import Iterable
from typing import NamedTuple

from temporalio import workflow

from contracts import stubs
from contracts.placing import DraftOrder, PlaceOrder
from contracts.prose import describe, itemise
from contracts.record import Compensation, Failure
from contracts.states import SagaState
from contracts.text import as_code
from temporal_saga.call_state import CallState
from temporal_saga.display import trouble_of, upsert


class Shown(NamedTuple):
    """How an order's saga stands."""

    state: SagaState | None
    order: DraftOrder
    failure: Failure | None
    compensations: tuple[Compensation, ...]
    stuck_calls: list[CallState]


def show(view: Shown) -> None:
    """Set the search attributes that differ from what they are, and the Web UI's details."""
    upsert(
        (stubs.SAGA_STATE, view.state),
        (stubs.CUSTOMER_ID, view.order.customer_id),
        (stubs.ORDER_TOTAL_MINOR, view.order.total_minor),
        (stubs.FAILURE_REASON, view.failure and view.failure.reason),
        (stubs.NEEDS_ATTENTION, bool(view.stuck_calls)),
    )
    show_details(view)


def show_details(view: Shown) -> None:
    """Set the Web UI's details alone, which cost no event."""
    paragraphs = [f"**{view.state}**", *_about(view.state, view.order)]
    paragraphs += [*_why(view.failure, view.compensations), *map(_trouble, view.stuck_calls)]
    workflow.set_current_details("\n\n".join(paragraphs))


def _about(state: SagaState | None, order: DraftOrder) -> list[str]:
    paragraphs = []
    if state is SagaState.AWAITING_REVIEW:
        paragraphs.append("Waits for a person: send `approve` or `reject`.")
    if state is SagaState.AWAITING_CUSTOMER:
        paragraphs.append("Waits for the customer, whose bank asks them on a page of its own.")
    if isinstance(order, PlaceOrder):
        paragraphs += [describe(order), itemise(order)]
    return paragraphs


def _why(failure: Failure | None, compensations: Iterable[Compensation]) -> list[str]:
    if failure is None:
        return []
    where = f" at {failure.step}" if failure.step else ""
    why = f"Failed{where}: **{as_code(failure.reason)}**, {as_code(failure.message)}"
    return [why, "\n".join(f"- {c.command} takes back {c.step}: {c.state}" for c in compensations)]


def _trouble(call: CallState) -> str:
    error = f" ({as_code(str(call.trouble))})"
    if call.settlement is None:
        return trouble_of(call, error)
    who = as_code(call.settlement.by)
    way_out = f"and when it gets through, the record says that {who} settled it"
    return trouble_of(call, error, way_out)
