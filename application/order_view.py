"""An order as people see it, put together from what Temporal and the order service remember. Pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from pydantic import ValidationError

from application import attention, refunds
from application.timeline import NEVER, read, tell
from contracts.decisions import Decision
from contracts.placing import DraftOrder, PlaceOrder, salvage
from contracts.prose import cancelled, rejected
from contracts.record import Compensation, Failure, OrderEntry, OrderRecord, Settlement
from contracts.states import CLOSED, OrderStatus, SagaState, StateMove
from contracts.steps import STEPS
from contracts.views import Attention, Links, ListedOrder, OrderView, TimelineEntry
from temporal_saga.history import Moment
from temporal_saga.trouble import meaning

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

MOST_LISTED = 200
"""Characters that a list shows of what others wrote; the order itself shows all."""

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
        stuck_since: when it said that it needs a person, as far as its events are known.
        wedged_since: since when it has not got past its task under way, if that fails again and again.
    """

    started_at: datetime
    closed_at: datetime | None
    attributes: Mapping[str, Any]
    moments: Sequence[Moment]
    given: Any
    failure: Any = None
    stuck_since: datetime | None = None
    wedged_since: datetime | None = None

    @property
    def state(self) -> SagaState:
        """The state that the saga shows; before it shows one of its own, PENDING, whatever it was started with."""
        try:
            return SagaState(self.attributes.get("SagaState", SagaState.PENDING))
        except ValueError:
            return SagaState.PENDING

    @property
    def is_stuck(self) -> bool:
        """The saga says that it needs a person."""
        return bool(self.attributes.get("NeedsAttention", False))

    @property
    def is_wedged(self) -> bool:
        """The saga's own code fails again and again; visibility hears of that later than who looks at the run."""
        return self.wedged_since is not None or bool(
            self.attributes.get("TemporalReportedProblems")
        )

    @property
    def ended_early(self) -> bool:
        """The saga was ended from outside before it was through."""
        return self.closed_at is not None and self.state not in CLOSED

    @property
    def order(self) -> DraftOrder:
        """The order as far as it can be read."""
        try:
            return PlaceOrder.model_validate(self.given)
        except ValidationError as error:
            return salvage(self.given, error)


def view_of_run(order_id: str, run: Run, links: Links, *, left_open: bool = False) -> OrderView:
    """Return an order from its saga's run, with its record closed or still to be written.

    `left_open` says that the run has closed and the record has not: then the order is not closed, as nothing will close it.
    """
    order = run.order
    left_open = left_open or run.ended_early
    compensations = _compensations(run)
    failed = run.state is SagaState.FAILED
    refund = refunds.told_by_run(run.moments, compensations, order.currency) if failed else None
    need = need_of_run(order_id, run, left_open=left_open, trouble=_trouble(run, compensations))
    return OrderView(
        order_id=order_id,
        state=run.state,
        status=STATUS.get(run.state, OrderStatus.PENDING)
        if run.closed_at and not left_open
        else OrderStatus.PENDING,
        customer_id=order.customer_id,
        currency=order.currency,
        total_minor=order.total_minor,
        lines=order.lines,
        placed_at=run.started_at,
        closed_at=None if left_open else run.closed_at,
        needs_attention=need is not None,
        attention=need,
        refund=refund,
        failure=_failure(run),
        compensations=compensations,
        timeline=tell(run.moments),
        links=links,
    )


def need_of_run(
    order_id: str, run: Run, *, left_open: bool, trouble: str | None = None
) -> Attention | None:
    """Return the need of a person that an order has by the last run of its saga, if it has any."""
    if left_open:
        return attention.left_open(order_id, run.closed_at, forgotten=False)
    if run.closed_at is not None:
        return None
    if run.is_wedged:
        return attention.wedged(order_id, run.wedged_since)
    if not run.is_stuck:
        return None
    paused = any(moment.detail.get("paused") for moment in run.moments)
    return attention.stuck(order_id, run.stuck_since, trouble, paused=paused)


def view_of_record(record: OrderRecord, moves: Sequence[StateMove], links: Links) -> OrderView:
    """Return an order that Temporal has forgotten, from the order service's record; its timeline is the state moves.

    One that is open needs a person: no saga works on it any more.
    """
    timeline = tuple(
        TimelineEntry(at=move.at, kind="state", name=move.state, detail={"cause": move.cause})
        for move in moves
    )
    is_open = record.closed_at is None
    need = attention.left_open(record.order_id, None, forgotten=True) if is_open else None
    known = record.model_dump() | {"needs_attention": is_open}
    refund = refunds.told_by_record(record, moves)
    return OrderView(**known, attention=need, refund=refund, timeline=timeline, links=links)


def listed(entry: OrderEntry, run: Run | None, need: Attention | None, links: Links) -> ListedOrder:
    """Return an order for a list: an open one as its run shows it, when that is known; a closed one as it is on record.

    `need` is what is known of its need of a person from elsewhere: of a run that visibility does not know, that it is gone;
    and of others, since when.
    """
    shown = {**dict(entry), **_cut(entry)}
    if entry.closed_at is None:
        now = need
        if run is not None:
            now = need_of_run(entry.order_id, run, left_open=run.closed_at is not None)
            now = need if now and need and now.cause is need.cause else now
            shown["state"] = run.state
        shown |= {"attention": now, "needs_attention": now is not None}
    return ListedOrder(**shown, links=links)


def _cut(entry: OrderEntry) -> dict[str, Any]:
    """Return what others wrote about an order, as much of it as a list has room for."""
    failure = entry.failure and entry.failure.model_copy(
        update={"message": _short(entry.failure.message)}
    )
    return {
        "failure": failure,
        "compensations": tuple(_cut_settlement(told) for told in entry.compensations),
    }


def _cut_settlement(told: Compensation) -> Compensation:
    if told.settled is None:
        return told
    words = {name: _short(getattr(told.settled, name)) for name in ("by", "reason", "evidence")}
    return told.model_copy(update={"settled": told.settled.model_copy(update=words)})


def _short(text: str) -> str:
    return text if len(text) <= MOST_LISTED else f"{text[:MOST_LISTED]} …"


def entry_to_come(order_id: str, run: Run) -> OrderEntry:
    """Return as much as visibility tells of an order that the order service has not on record yet."""
    return OrderEntry(
        order_id=order_id,
        state=run.state,
        status=OrderStatus.PENDING,
        customer_id=run.attributes.get("CustomerId"),
        currency=None,
        total_minor=run.attributes.get("OrderTotalMinor"),
        line_count=None,
        placed_at=run.started_at,
    )


def view_of_closed(record: OrderRecord, run: Run, links: Links) -> OrderView:
    """Return a closed order from its record, with the timeline and the numbers of tries from Temporal, which still has it."""
    live = view_of_run(record.order_id, run, links)
    tries = {c.command: c.attempts for c in live.compensations}
    told = tuple(
        c.model_copy(update={"attempts": tries.get(c.command)}) for c in record.compensations
    )
    known = record.model_dump(exclude={"compensations"})
    return OrderView(
        **known, compensations=told, refund=live.refund, timeline=live.timeline, links=links
    )


def _trouble(run: Run, compensations: Sequence[Compensation]) -> str | None:
    """Return what keeps failing and with what, in one sentence."""
    told = []
    for command in (
        compensation.command for compensation in compensations if compensation.state == "STUCK"
    ):
        heard = [moment for moment in run.moments if moment.command == command]
        errors = [moment.detail["error"] for moment in heard if "error" in moment.detail]
        told.append(f"{command} keeps failing{f': {errors[-1]}' if errors else ''}")
        told += [
            f"it is {moment.detail['message']}"
            for moment in heard[-1:]
            if moment.detail.get("paused")
        ]
    return "; ".join(told) or None


def _failure(run: Run) -> Failure | None:
    """Return why the saga fails: its own closing word if it has closed, else what stopped it as far as the history knows."""
    reason = run.attributes.get("FailureReason")
    if reason is None:
        return None
    try:
        return Failure.model_validate(run.failure)
    except ValidationError:
        rolls_back = ("state", SagaState.ROLLING_BACK)
        before = list(
            takewhile(lambda moment: (moment.kind, moment.name) != rolls_back, run.moments)
        )
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
            told = {
                "message": str(message),
                "details": details if isinstance(details, dict) else {},
            }
            return Failure(step=_step(moment), event=moment.name, reason=reason, **told)
    return None


def _decision(reason: str, before: Sequence[Moment]) -> Failure | None:
    """Return who stopped the saga, by its own rule: the first wish that can be read, or else Temporal's cancel."""
    names, in_words = DECISIONS.get(reason, ((), cancelled))
    asked = [
        moment.detail for moment in before if moment.kind == "decision" and moment.name in names
    ]
    for detail in asked:
        if decision := read(Decision, detail):
            return Failure(reason=reason, message=in_words(decision), details=decision.model_dump())
    for detail in asked:
        if detail.get("by") == "temporal":
            told = str(detail.get("reason") or "")
            message = f"cancelled by an operator{': ' if told else ''}{told}"
            return Failure(
                reason=reason, message=message, details={"by": "temporal", "reason": told}
            )
    return None


def _outage(reason: str, before: Sequence[Moment]) -> Failure | None:
    """Return the last thing heard of the step that got no usable answer in time."""
    heard = [moment for moment in before if moment.kind == "note" and moment.command is not None]
    if reason not in OUTAGES or not heard:
        return None
    last = heard[-1]
    step = _step(last)
    if reason == "DEADLINE_EXCEEDED":
        message = f"{IN_WORDS[reason]}: {step} had no answer by then"
        return Failure(step=step, reason=reason, message=message, details=last.detail)
    told = meaning(str(last.detail.get("error", "")))
    message = (
        f"the {last.participant} service gave no usable answer in time{f': {told}' if told else ''}"
    )
    return Failure(
        step=step,
        reason=reason,
        message=message,
        details={"participant": last.participant, **last.detail},
    )


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
        if step.compensation is None:
            continue
        back = step.compensation.command
        refusal = step.refusal and step.refusal.__name__
        refused = step.command in answers and answers[step.command].name == refusal
        settled = next(
            (settlement for _, entry in told if (settlement := _settlement(step.name, entry))), None
        )
        taken_back = (
            step is STEPS[0] or back in sent or (step.command in sent and not refused) or settled
        )
        if not taken_back:
            continue
        if run.state is SagaState.FAILED and back not in sent and settled is None:
            continue  # a start that names no order has no record to cancel
        found.append(_compensation(step.name, back, told))
    return tuple(found)


def _compensation(
    step: str, command: str, told: Iterable[tuple[Moment, TimelineEntry]]
) -> Compensation:
    """Return how far one compensation is: stuck from the end of a round of tries until it is answered or settled.

    What closes the record is sent on when it is settled, and may be stuck again: then it is both.
    """
    state, settled, tried, trying = "WAITING", None, 0, 0
    sent: int | None = None
    for moment, entry in told:
        ours = moment.command == command
        if ours and moment.kind == "command":
            state, trying, sent = (
                "STUCK" if state == "STUCK" else "RUNNING",
                moment.attempt or 0,
                moment.sent,
            )
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
        {
            "step": step,
            "command": command,
            "state": state,
            "attempts": tried + trying or None,
            "settled": settled,
        }
    )


def _settlement(step: str, entry: TimelineEntry) -> Settlement | None:
    """Return a person's word, if this entry is one that the saga took, that the step was put right by hand."""
    if entry.kind != "decision" or entry.name != "settle_step" or entry.detail["step"] != step:
        return None
    told = {name: entry.detail[name] for name in ("by", "reason", "evidence")}
    return Settlement.model_validate(told | {"at": entry.at})
