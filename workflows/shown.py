"""What others see of a running order saga: search attributes, and the Web UI's details."""

from collections.abc import Iterable
from typing import Any, cast

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from contracts import stubs
from contracts.placing import DraftOrder, PlaceOrder
from contracts.prose import describe, itemise
from contracts.record import Compensation, Failure
from contracts.states import SagaState
from contracts.text import as_code
from temporal_saga.call_state import CallState

Shown = tuple[
    SagaState | None, DraftOrder, Failure | None, tuple[Compensation, ...], list[CallState]
]
"""State, order, failure, compensations, and what is stuck."""


def show(
    state: SagaState | None,
    order: DraftOrder,
    failure: Failure | None,
    compensations: tuple[Compensation, ...],
    stuck_calls: list[CallState],
) -> None:
    """Set the search attributes that differ from what they are, and the Web UI's details."""
    attributes = workflow.info().typed_search_attributes
    updates: list[SearchAttributeUpdate[Any]] = []
    for key, value in cast(
        "Iterable[tuple[SearchAttributeKey[Any], Any]]",
        (
            (stubs.SAGA_STATE, state),
            (stubs.CUSTOMER_ID, order.customer_id),
            (stubs.ORDER_TOTAL_MINOR, order.total_minor),
            (stubs.FAILURE_REASON, failure.reason if failure else None),
            (stubs.NEEDS_ATTENTION, bool(stuck_calls)),
        ),
    ):
        if value is not None and attributes.get(key) != value:
            updates.append(key.value_set(value))
    if updates:
        workflow.upsert_search_attributes(updates)
    show_details(state, order, failure, compensations, stuck_calls)


def show_details(
    state: SagaState | None,
    order: DraftOrder,
    failure: Failure | None,
    compensations: tuple[Compensation, ...],
    stuck_calls: list[CallState],
) -> None:
    """Set the Web UI's details alone, which cost no event."""
    paragraphs = [f"**{state}**", *_about(state, order), *_why(failure, compensations)]
    workflow.set_current_details("\n\n".join([*paragraphs, *map(_trouble, stuck_calls)]))


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
    way_out = "`settle_step` says that it was put right by hand"
    if (settlement := call.settlement) is not None:
        who = as_code(settlement.by)
        way_out = f"and when it gets through, the record says that {who} settled it"
    return (
        f"**{call.step} is stuck**: {call.name} keeps failing ({as_code(str(call.trouble))}). "
        f"It is still tried; `retry_step` tries it now, {way_out}."
    )
