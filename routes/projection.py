"""An order as people see it, put together from what Temporal and the order service remember. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from contracts.order import Compensation, DraftOrder, Failure, OrderRecord, PlaceOrder, salvage
from contracts.states import OrderStatus, SagaState, StateMove
from contracts.steps import STEPS
from contracts.views import Links, OrderView, TimelineEntry
from temporal_saga.timeline import Moment

STATUS = {SagaState.COMPLETED: OrderStatus.CONFIRMED, SagaState.FAILED: OrderStatus.CANCELLED}


@dataclass(frozen=True)
class Run:
    """What Temporal knows of an order's saga.

    Args:
        closed_at: None while it runs.
        attributes: the search attributes by name.
        moments: the story so far.
        given: what it was started with, as JSON.
        failure: the detail of the error that it closed with.
        attempts: tries so far of the activities under way, by activity name.
    """

    started_at: datetime
    closed_at: datetime | None
    attributes: Mapping[str, Any]
    moments: Sequence[Moment]
    given: Any
    failure: Any = None
    attempts: Mapping[str, int] = field(default_factory=dict)

    @property
    def order(self) -> DraftOrder:
        """The order as far as it can be read."""
        try:
            return PlaceOrder.model_validate(self.given)
        except ValidationError as error:
            return salvage(self.given, error)


def view_of_run(order_id: str, run: Run, links: Links) -> OrderView:
    """Return an order from its saga's run, with its record closed or still to be written."""
    state = SagaState(run.attributes.get("SagaState", SagaState.PENDING))
    order = run.order
    return OrderView(
        order_id=order_id,
        state=state,
        status=STATUS.get(state, OrderStatus.PENDING) if run.closed_at else OrderStatus.PENDING,
        customer_id=order.customer_id,
        currency=order.currency,
        total_minor=order.total_minor,
        lines=order.lines,
        placed_at=run.started_at,
        closed_at=run.closed_at,
        needs_attention=bool(run.attributes.get("NeedsAttention", False)),
        failure=_failure(run),
        compensations=_compensations(run),
        timeline=tuple(TimelineEntry.model_validate(vars(moment)) for moment in run.moments),
        links=links,
    )


def view_of_record(record: OrderRecord, moves: Sequence[StateMove], links: Links) -> OrderView:
    """Return an order that Temporal has forgotten, from the order service's record; its timeline is the state moves."""
    timeline = tuple(TimelineEntry(at=move.at, kind="state", name=move.state, detail={"cause": move.cause}) for move in moves)
    return OrderView(**record.model_dump(), timeline=timeline, links=links)


def view_of_closed(record: OrderRecord, run: Run, links: Links) -> OrderView:
    """Return a closed order from its record, with the timeline and the numbers of tries from Temporal, which still has it."""
    live = view_of_run(record.order_id, run, links)
    tries = {c.command: c.attempts for c in live.compensations}
    told = tuple(c.model_copy(update={"attempts": tries.get(c.command)}) for c in record.compensations)
    return OrderView(**record.model_dump(exclude={"compensations"}), compensations=told, timeline=live.timeline, links=links)


def _failure(run: Run) -> Failure | None:
    """Return why the saga fails: its own closing word if it has closed, else the answer or decision that stopped it."""
    reason = run.attributes.get("FailureReason")
    if reason is None:
        return None
    if isinstance(run.failure, dict):
        return Failure.model_validate(run.failure)
    for moment in run.moments:
        if moment.kind == "event" and moment.detail.get("reason") == reason:
            step = next((step.name for step in STEPS if step.refusal == moment.name), None)
            return Failure.model_validate({"step": step, "event": moment.name, **moment.detail})
    told = [moment for moment in run.moments if moment.kind in ("decision", "note")]
    return Failure(reason=reason, message=told[-1].name if told else reason, details=told[-1].detail if told else {})


def _compensations(run: Run) -> tuple[Compensation, ...]:
    """Return what a rollback takes back and how far it is, in its order; nothing while there is none."""
    if run.attributes.get("FailureReason") is None:
        return ()
    sent = {moment.name for moment in run.moments if moment.kind == "command"}
    answers = {moment.command: moment for moment in run.moments if moment.kind == "event"}
    found = []
    for step in reversed(STEPS):
        refused = step.command in answers and answers[step.command].name == step.refusal
        taken_back = step is STEPS[0] or (step.command in sent and not refused)
        if step.compensation is None or not taken_back:
            continue
        answer = answers.get(step.compensation)
        state = "DONE" if answer else "RUNNING" if step.compensation in sent else "WAITING"
        attempts = answer.attempt if answer else run.attempts.get(step.compensation.removesuffix("Command"))
        told = {"step": step.name, "command": step.compensation, "state": state, "attempts": attempts}
        found.append(Compensation.model_validate(told))
    return tuple(found)
