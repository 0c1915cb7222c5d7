"""An order as people see it, put together from what Temporal and the order service remember. Pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from pydantic import ValidationError

from contracts.decisions import Decision
from contracts.order import Compensation, DraftOrder, Failure, OrderRecord, PlaceOrder, Settlement, salvage
from contracts.states import CLOSED, OrderStatus, SagaState, StateMove
from contracts.steps import STEPS
from contracts.views import Links, ListedOrder, OrderView, TimelineEntry
from contracts.words import cancelled, rejected
from routes.story import NEVER, read, tell
from temporal_saga.timeline import Moment

STATUS = {SagaState.COMPLETED: OrderStatus.CONFIRMED, SagaState.FAILED: OrderStatus.CANCELLED}

DECISIONS: Mapping[str, tuple[tuple[str, str], Callable[[Decision], str]]] = {
    "CANCELLED": (("cancel", "request_cancel"), cancelled),
    "REJECTED": (("reject", "request_reject"), rejected),
}
"""By reason: the messages by which people stop a saga, and how that is told; Temporal's own cancel is called `cancel` as well."""

IN_WORDS: Mapping[str, str] = {
    "CANCELLED": "the order was cancelled",
    "REJECTED": "a person rejected the order",
    "REVIEW_EXPIRED": "nobody approved the order in time",
    "DEADLINE_EXCEEDED": "it was not completed by its deadline",
    "STEP_UNAVAILABLE": "a service gave no usable answer in time",
    "INVALID_ORDER": "what was asked for is no order",
}
"""By reason: what is told while the saga rolls back and its history has no better word."""


OUTAGES = ("STEP_UNAVAILABLE", "DEADLINE_EXCEEDED")


@dataclass(frozen=True)
class Run:
    """What Temporal knows of an order's saga.

    Args:
        closed_at: None while it runs.
        attributes: the search attributes by name.
        moments: the story so far.
        given: what it was started with, as JSON.
        failure: the detail of the error that it closed with.
    """

    started_at: datetime
    closed_at: datetime | None
    attributes: Mapping[str, Any]
    moments: Sequence[Moment]
    given: Any
    failure: Any = None

    @property
    def state(self) -> SagaState:
        """The state that the saga shows; before it shows one of its own, PENDING, whatever it was started with."""
        try:
            return SagaState(self.attributes.get("SagaState", SagaState.PENDING))
        except ValueError:
            return SagaState.PENDING

    @property
    def needs_attention(self) -> bool:
        """The saga says that it does, or it was ended from outside before it was through."""
        ended_early = self.closed_at is not None and self.state not in CLOSED
        return ended_early or bool(self.attributes.get("NeedsAttention", False))

    @property
    def order(self) -> DraftOrder:
        """The order as far as it can be read."""
        try:
            return PlaceOrder.model_validate(self.given)
        except ValidationError as error:
            return salvage(self.given, error)


def view_of_run(order_id: str, run: Run, links: Links, *, left_open: bool = False) -> OrderView:
    """Return an order from its saga's run, with its record closed or still to be written.

    `left_open` says that the run has closed and the record has not, which needs attention: nothing will close it any more.
    """
    order = run.order
    return OrderView(
        order_id=order_id,
        state=run.state,
        status=STATUS.get(run.state, OrderStatus.PENDING) if run.closed_at else OrderStatus.PENDING,
        customer_id=order.customer_id,
        currency=order.currency,
        total_minor=order.total_minor,
        lines=order.lines,
        placed_at=run.started_at,
        closed_at=run.closed_at,
        needs_attention=run.needs_attention or left_open,
        failure=_failure(run),
        compensations=_compensations(run),
        timeline=tell(run.moments),
        links=links,
    )


def view_of_record(record: OrderRecord, moves: Sequence[StateMove], links: Links) -> OrderView:
    """Return an order that Temporal has forgotten, from the order service's record; its timeline is the state moves."""
    timeline = tuple(TimelineEntry(at=move.at, kind="state", name=move.state, detail={"cause": move.cause}) for move in moves)
    return OrderView(**record.model_dump(), timeline=timeline, links=links)


def listed(record: OrderRecord, run: Run | None, links: Links) -> ListedOrder:
    """Return an order for a list: an open one as its run shows it, when that is known; a closed one as it is on record.

    One that is open after its run has closed needs attention, as nothing will close it any more.
    """
    shown: dict[str, Any] = {}
    if run is not None and record.closed_at is None:
        shown = {"state": run.state, "needs_attention": run.needs_attention or run.closed_at is not None}
    return ListedOrder(**(dict(record) | shown), links=links)


def record_to_come(order_id: str, run: Run) -> OrderRecord:
    """Return as much as visibility tells of an order that the order service has not on record yet."""
    return OrderRecord(
        order_id=order_id,
        state=run.state,
        status=OrderStatus.PENDING,
        customer_id=run.attributes.get("CustomerId"),
        currency=None,
        total_minor=run.attributes.get("OrderTotalMinor"),
        lines=None,
        placed_at=run.started_at,
    )


def view_of_closed(record: OrderRecord, run: Run, links: Links) -> OrderView:
    """Return a closed order from its record, with the timeline and the numbers of tries from Temporal, which still has it."""
    live = view_of_run(record.order_id, run, links)
    tries = {c.command: c.attempts for c in live.compensations}
    told = tuple(c.model_copy(update={"attempts": tries.get(c.command)}) for c in record.compensations)
    return OrderView(**record.model_dump(exclude={"compensations"}), compensations=told, timeline=live.timeline, links=links)


def _failure(run: Run) -> Failure | None:
    """Return why the saga fails: its own closing word if it has closed, else what stopped it as far as the history knows."""
    reason = run.attributes.get("FailureReason")
    if reason is None:
        return None
    try:
        return Failure.model_validate(run.failure)
    except ValidationError:
        rolls_back = ("state", SagaState.ROLLING_BACK)
        before = list(takewhile(lambda moment: (moment.kind, moment.name) != rolls_back, run.moments))
        return (
            _refusal(reason, before)
            or _decision(reason, before)
            or _outage(reason, before)
            or Failure(reason=reason, message=IN_WORDS.get(reason, reason))
        )


def _refusal(reason: str, before: Sequence[Moment]) -> Failure | None:
    """Return what a participant answered for this reason."""
    for moment in before:
        if moment.kind == "event" and moment.detail.get("reason") == reason:
            message, details = moment.detail.get("message", reason), moment.detail.get("details")
            told = {"message": str(message), "details": details if isinstance(details, dict) else {}}
            return Failure(step=_step(moment), event=moment.name, reason=reason, **told)
    return None


def _decision(reason: str, before: Sequence[Moment]) -> Failure | None:
    """Return who stopped the saga, by its own rule: the first wish that can be read, or else Temporal's cancel."""
    names, in_words = DECISIONS.get(reason, ((), cancelled))
    asked = [moment.detail for moment in before if moment.kind == "decision" and moment.name in names]
    for detail in asked:
        if decision := read(Decision, detail):
            return Failure(reason=reason, message=in_words(decision), details=decision.model_dump())
    for detail in asked:
        if detail.get("by") == "temporal":
            told = str(detail.get("reason") or "")
            message = f"cancelled by an operator{': ' if told else ''}{told}"
            return Failure(reason=reason, message=message, details={"by": "temporal", "reason": told})
    return None


def _outage(reason: str, before: Sequence[Moment]) -> Failure | None:
    """Return the last thing heard of the step that got no usable answer in time."""
    heard = [moment for moment in before if moment.kind == "note" and moment.command is not None]
    if reason not in OUTAGES or not heard:
        return None
    step = _step(heard[-1])
    late = f": {step} had no answer by then" if reason == "DEADLINE_EXCEEDED" else ""
    return Failure(step=step, reason=reason, message=IN_WORDS[reason] + late, details=heard[-1].detail)


def _step(moment: Moment) -> str | None:
    """Return the step whose command a moment answers."""
    return next((step.name for step in STEPS if step.command == moment.command), None)


def _compensations(run: Run) -> tuple[Compensation, ...]:
    """Return what a rollback takes back and how far it is, in its order; without one, what else is stuck or was settled."""
    told = tuple(zip(run.moments, tell(run.moments), strict=True))
    if run.attributes.get("FailureReason") is None:
        step = STEPS[-1] if run.state is SagaState.COMPLETED else STEPS[0]
        needed = _compensation(step.name, step.command, told)
        stuck = needed.state == "STUCK" and run.attributes.get("NeedsAttention")
        return (needed,) if stuck or needed.settled else ()
    sent = {moment.name for moment in run.moments if moment.kind == "command"}
    answers = {moment.command: moment for moment in run.moments if moment.kind == "event"}
    found = []
    for step in reversed(STEPS):
        refused = step.command in answers and answers[step.command].name == step.refusal
        settled = next((settlement for _, entry in told if (settlement := _settlement(step.name, entry))), None)
        taken_back = step is STEPS[0] or step.compensation in sent or (step.command in sent and not refused) or settled
        if step.compensation is None or not taken_back:
            continue
        if run.state is SagaState.FAILED and step.compensation not in sent and settled is None:
            continue  # a start that names no order has no record to cancel
        found.append(_compensation(step.name, step.compensation, told))
    return tuple(found)


def _compensation(step: str, command: str, told: Iterable[tuple[Moment, TimelineEntry]]) -> Compensation:
    """Return how far one compensation is: stuck from the end of a round of tries until it is answered or settled.

    What closes the record is sent on when it is settled, and may be stuck again: then it is both.
    """
    state, settled, tried, trying = "WAITING", None, 0, 0
    sent: int | None = None
    for moment, entry in told:
        ours = moment.command == command
        if ours and moment.kind == "command":
            state, trying, sent = "STUCK" if state == "STUCK" else "RUNNING", moment.attempt or 0, moment.sent
        elif ours and settled is not None and moment.sent != sent:
            continue  # of a try that nobody waited for any more
        elif ours and moment.kind == "note":
            state, tried, trying = "STUCK", tried + (moment.attempt or 0), 0
        elif ours and moment.kind == "event":
            state, trying = "DONE", moment.attempt or 0
            break
        elif settled is None and (settled := _settlement(step, entry)):
            state, sent = "SETTLED", NEVER
    if settled is not None and state != "STUCK":
        state = "SETTLED"
    return Compensation.model_validate(
        {"step": step, "command": command, "state": state, "attempts": tried + trying or None, "settled": settled}
    )


def _settlement(step: str, entry: TimelineEntry) -> Settlement | None:
    """Return a person's word, if this entry is one that the saga took, that the step was put right by hand."""
    if entry.kind != "decision" or entry.name != "settle_step" or entry.detail["step"] != step:
        return None
    told = {name: entry.detail[name] for name in ("by", "reason", "evidence")}
    return Settlement.model_validate(told | {"at": entry.at})
