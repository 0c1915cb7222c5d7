"""O3, saga reconciliation: how each order ended by its record, and how by its saga in Temporal."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from temporalio.client import WorkflowExecutionStatus

from contracts.ids import order_id_or_none, saga_id
from contracts.states import OrderStatus
from contracts.stubs import WEDGED_AFTER
from operations.audit.invariants import snapshot
from operations.audit.sagas import Sagas, SagaStatus
from participants.order.tables import ORDERS

CLAIM = (
    "every order is CONFIRMED, CANCELLED or plainly needs attention; "
    f"its record and its saga agree; no workflow task is at attempt {WEDGED_AFTER} or more"
)
STATUS_OF = {
    WorkflowExecutionStatus.COMPLETED: OrderStatus.CONFIRMED,
    WorkflowExecutionStatus.FAILED: OrderStatus.CANCELLED,
}
"""How a saga that went to its end leaves the record; one that ended otherwise was ended early."""


@dataclass(frozen=True)
class SagaReconciliation:
    """How records and sagas stand to each other.

    Args:
        open: how the orders stand that sagas work on: open, or that they need attention.
        discrepancies: between record and saga, a line each.
        left_open: why orders need a person that no saga works on, though they are open.
        skip_reason: why nothing is known of sagas; None when they were asked for.
    """

    open: Mapping[str, str]
    discrepancies: Sequence[str] = ()
    left_open: Mapping[str, str] = field(default_factory=dict)
    skip_reason: str | None = None


async def reconcile_sagas(sagas: Sagas, orders: sa.Engine) -> SagaReconciliation:
    """Compare every order's record with its saga.

    What visibility calls open or wrong is asked for again, and then the record is read again: a
    saga closes the record before it closes itself.
    """
    visible_runs = await sagas.visible_runs()
    statuses = await asyncio.to_thread(_read_statuses, orders)
    doubtful = [
        id_
        for id_ in sorted(visible_runs.keys() | statuses)
        if _is_doubtful(statuses.get(id_), visible_runs.get(id_))
    ]
    runs = await sagas.runs(doubtful)
    statuses = await asyncio.to_thread(_read_statuses, orders)
    open_orders = {
        order_id: "needs attention" if run.needs_attention else "open"
        for id_, run in runs.items()
        if run and run.is_open and (order_id := order_id_or_none(id_))
    }
    discrepancies = [
        f"{_name(id_)} {problem}"
        for id_, run in runs.items()
        if (problem := discrepancy(statuses.get(id_), run))
    ]
    left_open = {
        order_id: why
        for id_, run in runs.items()
        if (order_id := order_id_or_none(id_)) and (why := why_left_open(statuses.get(id_), run))
    }
    return SagaReconciliation(open_orders, discrepancies, left_open)


def discrepancy(status: str | None, run: SagaStatus | None) -> str | None:
    """Return how an order's record and the last run of its saga contradict each other.

    Args:
        status: the record's; None when there is no record.
        run: None when Temporal has no saga of the order.
    """
    if run is None or why_left_open(status, run):
        return None
    if run.is_open:
        is_failing = run.attempt >= WEDGED_AFTER
        return f"has a workflow task at attempt {run.attempt}" if is_failing else None
    if status is None or status != STATUS_OF.get(run.status):
        return f"is {status or 'not on record'}, and its saga {run.status.name}"
    return None


def why_left_open(status: str | None, run: SagaStatus | None) -> str | None:
    """Return why nobody works on an order that is open: it needs a person wherever it is shown.

    The arguments are those of `discrepancy`.
    """
    if run is None:
        return "is open, and Temporal has no saga of it" if status == OrderStatus.PENDING else None
    is_open = status in (None, OrderStatus.PENDING)
    if run.is_open or run.status in STATUS_OF or not is_open:
        return None
    return f"is {status or 'not on record'}, and its saga {run.status.name}"


def _is_doubtful(status: str | None, run: SagaStatus | None) -> bool:
    if run is not None and run.is_open:
        return True
    return bool(discrepancy(status, run) or why_left_open(status, run))


def _read_statuses(orders: sa.Engine) -> dict[str, str]:
    """Return the status of every order on record, by the id of its saga."""
    with snapshot(orders) as connection:
        rows = connection.execute(sa.select(ORDERS.c.order_id, ORDERS.c.status))
        return {saga_id(row.order_id): row.status for row in rows}


def _name(workflow_id: str) -> str:
    order_id = order_id_or_none(workflow_id)
    return f"order {order_id}" if order_id else f"workflow {workflow_id}"
