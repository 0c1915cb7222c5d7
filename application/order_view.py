"""An order as people see it, put together from what Temporal and the order service remember."""

from application import attention
from application.course import compensations_of, steps_of, steps_on_record, tries_of
from application.possible_acts import acts_of, acts_of_ended
from application.refunds import refund_of
from application.run import Run
from application.timeline import timeline_of, timeline_of_record
from contracts.record import Failure, OrderRecord
from contracts.states import OrderStatus, SagaState
from contracts.views import Links, OrderView
from participants.order.reads import RecordedOrder

STATUS = {SagaState.COMPLETED: OrderStatus.CONFIRMED, SagaState.FAILED: OrderStatus.CANCELLED}


def view_of_run(order_id: str, run: Run, links: Links, *, left_open: bool = False) -> OrderView:
    """Return an order from its saga's run, with its record closed or still to be written.

    `left_open` says that the run has closed and the record has not: then the order is not closed,
    as nothing will close it.
    """
    order = run.order
    left_open = left_open or run.ended_early
    is_closed = run.closed_at is not None and not left_open
    failure = failure_of(run)
    compensations = compensations_of(run)
    timeline = timeline_of(run.moments)
    need = attention.of_run(order_id, run, compensations, is_left_open=left_open)
    return OrderView(
        order_id=order_id,
        state=run.state,
        status=STATUS.get(run.state, OrderStatus.PENDING) if is_closed else OrderStatus.PENDING,
        customer_id=order.customer_id,
        currency=order.currency,
        total_minor=order.total_minor,
        lines=order.lines,
        placed_at=run.started_at,
        closed_at=run.closed_at if is_closed else None,
        needs_attention=need is not None,
        attention=need,
        refund=refund_of(run.state, compensations, order.currency),
        failure=failure,
        compensations=compensations,
        steps=steps_of(run, failure, compensations),
        acts=acts_of(run, compensations, timeline)
        if run.closed_at is None
        else acts_of_ended(run.state, is_closed=is_closed),
        timeline=timeline,
        links=links,
    )


def view_of_closed(record: OrderRecord, run: Run, links: Links) -> OrderView:
    """Return a closed order from its record, with the timeline and the tries that Temporal has.

    The record closes just before the saga's own run does, so the run may still be open.
    """
    compensations = tuple(
        compensation.model_copy(update={"attempts": tries_of(compensation.command, run)})
        for compensation in record.compensations
    )
    return OrderView(
        **record.model_dump(exclude={"compensations"}),
        compensations=compensations,
        steps=steps_of(run, record.failure, compensations),
        refund=refund_of(record.state, record.compensations, record.currency),
        acts=acts_of_ended(record.state, is_closed=True),
        timeline=timeline_of(run.moments),
        links=links,
    )


def view_of_record(recorded: RecordedOrder, links: Links) -> OrderView:
    """Return an order that Temporal has forgotten.

    One that is open needs a person: no saga works on it any more.
    """
    record = recorded.record
    is_open = record.closed_at is None
    return OrderView(
        **record.model_dump(exclude={"needs_attention"}),
        needs_attention=is_open,
        attention=attention.left_open(record.order_id, None, forgotten=True) if is_open else None,
        steps=steps_on_record(record, recorded.moves),
        refund=refund_of(record.state, record.compensations, record.currency),
        acts=acts_of_ended(record.state, is_closed=not is_open),
        timeline=timeline_of_record(recorded.moves, recorded.decisions),
        links=links,
    )


def failure_of(run: Run) -> Failure | None:
    """Return why the saga fails, in its own words; None when it does not.

    Details that were too large for the memo stand in the record once the order has closed.
    """
    failure = run.memo.failure
    if failure is None:
        return None
    details = {"left_out": "too large"} if run.memo.was_cut and not failure.details else {}
    return Failure.model_validate(vars(failure) | {"details": failure.details | details})
