"""An order as people see it, put together from what Temporal and the order service remember."""

from collections.abc import Sequence

from application import attention
from application.course import compensations_of, steps_of, steps_on_record, tries_of
from application.possible_acts import acts_of, acts_of_ended
from application.refunds import refund_of
from application.review import review_of
from application.run import Run
from application.timeline import timeline_of, timeline_of_record
from contracts.record import OrderRecord
from contracts.states import STATUS, OrderStatus, SagaState
from contracts.step_views import StepProgress
from contracts.steps import PAYMENT
from contracts.views import ActView, Attention, CustomerAction, Links, OrderView, TimelineEntry
from participants.order.reads import RecordedOrder


def view_of_run(
    order_id: str,
    run: Run,
    links: Links,
    *,
    is_open: bool = False,
    expiring: Attention | None = None,
) -> OrderView:
    """Return an order from its saga's run, with its record closed or still to be written.

    `is_open` says that the record is open although the run has closed: then the order is not
    closed, as nothing will close it. `expiring` says that it awaits a review that ends soon.
    """
    is_left_open = run.is_left_open(is_on_record=is_open)
    is_closed = run.closed_at is not None and not is_left_open
    record = _record_of(order_id, run, is_closed=is_closed)
    steps = steps_of(run, record.compensations, record.failure)
    timeline = timeline_of(run.moments)
    need = attention.of_run(order_id, run, is_left_open=is_left_open)
    acts = None if run.closed_at else acts_of(run, record.compensations, steps, timeline)
    view = _view(record, steps, timeline, links, need or expiring, acts)
    return view.model_copy(update={"action": _action_of(run)})


def view_of_closed(record: OrderRecord, run: Run, links: Links) -> OrderView:
    """Return a closed order from its record, with the timeline and the tries that Temporal has.

    The record closes just before the saga's own run does, so the run may still be open.
    """
    compensations = tuple(
        entry.model_copy(update={"attempts": tries_of(entry.step, entry.command, run)})
        for entry in record.compensations
    )
    record = record.model_copy(update={"compensations": compensations})
    steps = steps_of(run, record.compensations, record.failure)
    return _view(record, steps, timeline_of(run.moments), links)


def view_of_record(recorded_order: RecordedOrder, links: Links) -> OrderView:
    """Return an order that Temporal has forgotten.

    One that is open needs a person: no saga works on it any more.
    """
    record = recorded_order.record
    is_closed = record.closed_at is not None
    need = None if is_closed else attention.left_open(record.order_id, None)
    timeline = timeline_of_record(recorded_order.moves, recorded_order.decisions)
    return _view(record, steps_on_record(record, recorded_order.moves), timeline, links, need)


def _action_of(run: Run) -> CustomerAction | None:
    """Return what the customer must do, as the payment's last answer says."""
    if run.state is not SagaState.AWAITING_CUSTOMER or run.closed_at is not None:
        return None
    answers = [
        moment
        for moment in run.moments_of(PAYMENT.name, PAYMENT.command)
        if moment.name == PAYMENT.forward.pending_event
    ]
    return CustomerAction(url=answers[-1].detail["url"]) if answers else None


def _record_of(order_id: str, run: Run, *, is_closed: bool) -> OrderRecord:
    """Return an order as its record has it, or will have it, by what its saga's run tells."""
    order = run.order
    return OrderRecord(
        order_id=order_id,
        state=run.state,
        status=STATUS.get(run.state, OrderStatus.PENDING) if is_closed else OrderStatus.PENDING,
        customer_id=order.customer_id,
        currency=order.currency,
        total_minor=order.total_minor,
        lines=order.lines,
        placed_at=run.started_at,
        closed_at=run.closed_at if is_closed else None,
        failure=run.failure,
        compensations=compensations_of(run),
        again_of=run.again_of,
    )


def _view(
    record: OrderRecord,
    steps: Sequence[StepProgress],
    timeline: Sequence[TimelineEntry],
    links: Links,
    need: Attention | None = None,
    acts: Sequence[ActView] | None = None,
) -> OrderView:
    """Return an order as people see it.

    `need` is why it needs a person, `acts` what can be done while its saga runs.
    """
    fields = dict(record) | {"needs_attention": need is not None, "attention": need}
    return OrderView(
        **fields,
        refund=refund_of(record.state, record.compensations, record.currency),
        review=review_of(timeline, record),
        steps=steps,
        acts=acts_of_ended(record, need) if acts is None else acts,
        timeline=timeline,
        links=links,
    )
