"""O3, across the order service and Temporal: how each order ended, by its record and by its saga."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from contracts import stubs
from contracts.ids import order_id_of, saga_id
from contracts.states import OrderStatus
from operations.audit.invariants import snapshot
from participants.order.tables import ORDERS
from temporal_saga.last_run import last_runs

CLAIM = (
    "every order is CONFIRMED, CANCELLED or plainly needs attention; its record and its saga agree; "
    "no workflow task is at attempt 3 or more"
)
TOO_MANY_ATTEMPTS = 3
AT_ONCE = 10
ANSWER_LIMIT = timedelta(seconds=10)
QUERY = f"WorkflowType = '{stubs.WORKFLOW_TYPE}'"
STATUS_OF = {
    WorkflowExecutionStatus.COMPLETED: OrderStatus.CONFIRMED,
    WorkflowExecutionStatus.FAILED: OrderStatus.CANCELLED,
}


class CannotAsk(Exception):
    """Temporal does not answer, or refuses to; the message says which."""


@dataclass(frozen=True)
class Run:
    """The last run of a saga; `attempt` is that of its pending workflow task, 0 when there is none."""

    status: WorkflowExecutionStatus
    needs_attention: bool = False
    attempt: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.status == WorkflowExecutionStatus.RUNNING


def disagreement(status: str | None, run: Run | None) -> str | None:
    """Return how an order's record and the run of its saga contradict each other; either is None when there is none."""
    if run is None:
        return "is open, and Temporal has no saga of it" if status == OrderStatus.PENDING else None
    if run.is_open:
        return (
            f"has a workflow task at attempt {run.attempt}"
            if run.attempt >= TOO_MANY_ATTEMPTS
            else None
        )
    if status is None or status != STATUS_OF.get(run.status):
        return f"is {status or 'not on record'}, and its saga {run.status.name}"
    return None


class Sagas:
    """The sagas that Temporal knows, by their ids."""

    def __init__(self, client: Client) -> None:
        """Ask through `client`."""
        self._client = client

    async def listed(self) -> dict[str, Run]:
        """Return the last run of every saga as visibility knows it: perhaps not as it stands at this moment."""
        listing = self._client.list_workflows(QUERY, page_size=1_000, rpc_timeout=ANSWER_LIMIT)
        async with _answering():
            executions = [(execution.id, execution) async for execution in listing]
        last = last_runs(executions, lambda execution: execution.close_time)
        return {id_: run for id_, execution in last.items() if (run := _run(execution))}

    async def run(self, saga_id: str) -> Run | None:
        """Return a saga's last run as it stands at this moment, or None when Temporal has none."""
        async with _answering():
            try:
                described = await self._client.get_workflow_handle(saga_id).describe(
                    rpc_timeout=ANSWER_LIMIT
                )
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    return None
                raise
        return _run(described, described.raw_description.pending_workflow_task.attempt)

    async def runs(self, saga_ids: Iterable[str]) -> dict[str, Run | None]:
        """Return the last runs of these sagas as they stand at this moment."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def ask(saga_id: str) -> tuple[str, Run | None]:
            async with turns:
                return saga_id, await self.run(saga_id)

        return dict(await asyncio.gather(*(ask(saga_id) for saga_id in saga_ids)))


@dataclass(frozen=True)
class Endings:
    """How records and sagas contradict each other; and by their orders the open sagas."""

    wrong: list[str]
    open: dict[str, Run]


async def find_endings(sagas: Sagas, orders: sa.Engine) -> Endings:
    """Compare every order's record with its saga.

    What visibility calls open or wrong is asked for again, and then the record is read: a saga closes it before it closes itself.
    """
    listed, statuses = await sagas.listed(), await asyncio.to_thread(_read_statuses, orders)
    doubtful = [
        id_
        for id_ in sorted(listed.keys() | statuses)
        if _is_doubtful(statuses.get(id_), listed.get(id_))
    ]
    runs, statuses = await sagas.runs(doubtful), await asyncio.to_thread(_read_statuses, orders)
    open_ = {
        order_id: run
        for id_, run in runs.items()
        if run and run.is_open and (order_id := _order_id(id_))
    }
    wrong = [
        f"{_name(id_)} {told}"
        for id_, run in runs.items()
        if (told := disagreement(statuses.get(id_), run))
    ]
    return Endings(wrong, open_)


def _read_statuses(orders: sa.Engine) -> dict[str, str]:
    """Return how every order stands on record, by the id of its saga."""
    with snapshot(orders) as connection:
        rows = connection.execute(sa.select(ORDERS.c.order_id, ORDERS.c.status))
        return {saga_id(row.order_id): row.status for row in rows}


def _is_doubtful(status: str | None, run: Run | None) -> bool:
    return (run is not None and run.is_open) or disagreement(status, run) is not None


def _run(execution: WorkflowExecution, attempt: int = 0) -> Run | None:
    """Return a run, unless it is no order's: it ended because its id names no order, or another one."""
    assert execution.status is not None, "both list and describe tell it"
    attributes = execution.typed_search_attributes
    run = Run(execution.status, bool(attributes.get(stubs.NEEDS_ATTENTION)), attempt)
    foreign = (
        attributes.get(stubs.FAILURE_REASON) == "ORDER_ID_REUSED" or _order_id(execution.id) is None
    )
    return (
        None
        if execution.workflow_type != stubs.WORKFLOW_TYPE or (foreign and not run.is_open)
        else run
    )


def _order_id(saga_id: str) -> str | None:
    try:
        return order_id_of(saga_id)
    except ValueError:
        return None


def _name(saga_id: str) -> str:
    order_id = _order_id(saga_id)
    return f"order {order_id}" if order_id else f"workflow {saga_id}"


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Turn what may be wrong with Temporal into one exception; a lazy client raises RuntimeError while it cannot connect."""
    try:
        yield
    except RuntimeError as error:
        raise CannotAsk("Temporal does not answer") from error
    except RPCError as error:
        raise CannotAsk(
            f"Temporal does not answer ({error.status.name}: {error.message})"
        ) from error
