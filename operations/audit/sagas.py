"""The sagas as Temporal knows them, for the audit."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from contracts import stubs
from contracts.ids import order_id_or_none
from temporal_saga.last_run import last_runs

AT_ONCE = 10
ANSWER_LIMIT = timedelta(seconds=10)
QUERY = f"WorkflowType = '{stubs.WORKFLOW_TYPE}'"


class CannotAsk(Exception):
    """Temporal does not answer, or refuses to; the message says which."""


@dataclass(frozen=True)
class SagaStatus:
    """The last run of a saga; `attempt` is its pending workflow task's, 0 when there is none."""

    status: WorkflowExecutionStatus
    needs_attention: bool = False
    attempt: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.status == WorkflowExecutionStatus.RUNNING


class Sagas:
    """The sagas that Temporal knows, by their ids."""

    def __init__(self, client: Client) -> None:
        """Ask through `client`."""
        self._client = client

    async def visible_runs(self) -> dict[str, SagaStatus]:
        """Return the last run of every saga as visibility has it, which may be a little behind."""
        listing = self._client.list_workflows(QUERY, page_size=1_000, rpc_timeout=ANSWER_LIMIT)
        async with _temporal_errors():
            executions = [(execution.id, execution) async for execution in listing]
        last = last_runs(executions, lambda execution: execution.close_time)
        return {id_: run for id_, execution in last.items() if (run := _run(execution))}

    async def run(self, saga_id: str) -> SagaStatus | None:
        """Return a saga's last run as it stands at this moment, or None when Temporal has none."""
        async with _temporal_errors():
            try:
                description = await self._client.get_workflow_handle(saga_id).describe(
                    rpc_timeout=ANSWER_LIMIT
                )
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    return None
                raise
        return _run(description, description.raw_description.pending_workflow_task.attempt)

    async def runs(self, saga_ids: Iterable[str]) -> dict[str, SagaStatus | None]:
        """Return the last runs of these sagas as they stand at this moment."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def describe(saga_id: str) -> tuple[str, SagaStatus | None]:
            async with slots:
                return saga_id, await self.run(saga_id)

        return dict(await asyncio.gather(*(describe(saga_id) for saga_id in saga_ids)))


def _run(execution: WorkflowExecution, attempt: int = 0) -> SagaStatus | None:
    """Return a run, unless it is no order's and has ended.

    It is none when its id names no order, or an order that another request placed first.
    """
    assert execution.status is not None, "both list and describe tell it"
    attributes = execution.typed_search_attributes
    run = SagaStatus(execution.status, bool(attributes.get(stubs.NEEDS_ATTENTION)), attempt)
    is_reused = attributes.get(stubs.FAILURE_REASON) == "ORDER_ID_REUSED"
    is_foreign = is_reused or order_id_or_none(execution.id) is None
    if execution.workflow_type != stubs.WORKFLOW_TYPE or (is_foreign and not run.is_open):
        return None
    return run


@asynccontextmanager
async def _temporal_errors() -> AsyncIterator[None]:
    """Turn every error of Temporal's into `CannotAsk`.

    A lazy client raises RuntimeError while it cannot connect.
    """
    try:
        yield
    except RuntimeError as error:
        raise CannotAsk("Temporal does not answer") from error
    except RPCError as error:
        raise CannotAsk(
            f"Temporal does not answer ({error.status.name}: {error.message})"
        ) from error
