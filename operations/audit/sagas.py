"""The sagas as Temporal knows them, for the audit."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
)
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from contracts import stubs
from contracts.ids import order_id_or_none
from temporal_saga.last_run import last_runs

AT_ONCE = 10
ANSWER_LIMIT = timedelta(seconds=10)
PAGE_SIZE = 1_000
"""So many runs are read in one call: the most that Temporal gives."""

QUERY = f"WorkflowType = '{stubs.WORKFLOW_TYPE}'"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(2200, 1, 1, tzinfo=UTC)
"""Elasticsearch knows no time after 2262."""

FIRST_WINDOW = timedelta(minutes=1)
NARROWEST_WINDOW = timedelta(milliseconds=1)
STEP = 4
"""The next window is so many times wider where one held a part of a page at most, and so many times
narrower where it held more than one."""


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
        async with _temporal_errors():
            infos = [(info.execution.workflow_id, info) async for info in self._infos()]
        last = last_runs(infos, _closed_at)
        return {id_: run for id_, info in last.items() if (run := _run(info))}

    async def _infos(self) -> AsyncIterator[WorkflowExecutionInfo]:
        """Yield every run, by windows of the time at which it began, from now back to 1970.

        To go on behind a page of all runs a database reads all pages before it again. A window's
        runs it finds by an index, and a window is made so narrow that a page holds them.
        """
        end = END
        width = FIRST_WINDOW
        while end > BEGINNING:
            begin = max(min(end, datetime.now(UTC)) - width, BEGINNING)
            request = ListWorkflowExecutionsRequest(
                namespace=self._client.namespace,
                page_size=PAGE_SIZE,
                query=began_between(begin, end),
            )
            page = await self._list(request)
            if page.next_page_token and width > NARROWEST_WINDOW:
                width /= STEP
                continue
            infos = [*page.executions]
            while page.next_page_token:
                request.next_page_token = page.next_page_token
                page = await self._list(request)
                infos += page.executions
            for info in infos:
                yield info
            end = begin
            if len(infos) * STEP <= PAGE_SIZE:
                width *= STEP

    async def _list(self, request: ListWorkflowExecutionsRequest) -> ListWorkflowExecutionsResponse:
        """Read a page as it comes: the SDK decodes all attributes of a run, twice."""
        return await self._client.workflow_service.list_workflow_executions(
            request, retry=True, timeout=ANSWER_LIMIT
        )

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
        raw = description.raw_description
        return _run(raw.workflow_execution_info, raw.pending_workflow_task.attempt)

    async def runs(self, saga_ids: Iterable[str]) -> dict[str, SagaStatus | None]:
        """Return the last runs of these sagas as they stand at this moment."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def describe(saga_id: str) -> tuple[str, SagaStatus | None]:
            async with slots:
                return saga_id, await self.run(saga_id)

        return dict(await asyncio.gather(*(describe(saga_id) for saga_id in saga_ids)))


def _run(info: WorkflowExecutionInfo, attempt: int = 0) -> SagaStatus | None:
    """Return a run, unless it is no order's and has ended.

    It is none when its id names no order, or an order that another request placed first.
    """
    status = WorkflowExecutionStatus(info.status)
    run = SagaStatus(status, bool(_attribute(info, stubs.NEEDS_ATTENTION.name)), attempt)
    is_reused = _attribute(info, stubs.FAILURE_REASON.name) == "ORDER_ID_REUSED"
    is_foreign = is_reused or order_id_or_none(info.execution.workflow_id) is None
    if info.type.name != stubs.WORKFLOW_TYPE or (is_foreign and not run.is_open):
        return None
    return run


def _attribute(info: WorkflowExecutionInfo, name: str) -> object:
    """Return a search attribute of a run, None where it has none."""
    fields = info.search_attributes.indexed_fields
    return json.loads(fields[name].data or "null") if name in fields else None


def _closed_at(info: WorkflowExecutionInfo) -> datetime | None:
    """Return when a run closed, None while it is open."""
    return info.close_time.ToDatetime(UTC) if info.HasField("close_time") else None


def began_between(begin: datetime, end: datetime) -> str:
    """Return the query for the runs that began at `begin` or later, and before `end` (UTC)."""
    window = f"ExecutionTime >= '{begin.isoformat()}' AND ExecutionTime < '{end.isoformat()}'"
    return f"{QUERY} AND {window}"


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
