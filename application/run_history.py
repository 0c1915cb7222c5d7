"""The history of one run, read from Temporal: all of it, or its beginning and its end."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

MOST_BYTES = 8 * 2**20
"""So much is read of a run at most, and one page more."""

FIRST_EVENTS = 1_000
"""So many are read of a run's first ones, where it has more than are read in all."""

PAGE_BYTES = 2**20
PAGE_EVENTS = 256
"""Temporal gives no more in one answer, and logs a warning where more are asked for."""

ENDS = frozenset(
    f"workflow_execution_{end}_event_attributes"
    for end in ("completed", "failed", "canceled", "terminated", "timed_out")
)
"""The events behind which no other run of the saga follows."""


@dataclass(frozen=True)
class RunHistory:
    """What was read of one run: its first events and, behind a gap if it has one, its last."""

    first: Sequence[HistoryEvent]
    last: Sequence[HistoryEvent] = ()

    @property
    def start(self) -> HistoryEvent:
        """Its first event, which has what it was started with."""
        return self.first[0]

    @property
    def run_before(self) -> str:
        """The run of the same saga that it follows; "" for the first."""
        start = self.start.workflow_execution_started_event_attributes
        return start.continued_execution_run_id

    @property
    def events(self) -> list[HistoryEvent]:
        """All that was read."""
        return [*self.first, *self.last]

    @cached_property
    def size(self) -> int:
        """The bytes that were read."""
        return sum(event.ByteSize() for event in self.events)

    def info(self) -> WorkflowExecutionInfo:
        """Return what describe would say of a run that has closed, of which all was read."""
        info = WorkflowExecutionInfo(
            start_time=self.start.event_time, close_time=self.first[-1].event_time
        )
        for event in self.first:
            start = event.workflow_execution_started_event_attributes
            upsert = event.upsert_workflow_search_attributes_event_attributes
            change = event.workflow_properties_modified_event_attributes
            for attributes in (start.search_attributes, upsert.search_attributes):
                info.search_attributes.MergeFrom(attributes)
            for memo in (start.memo, change.upserted_memo):
                info.memo.MergeFrom(memo)
        return info


@contextmanager
def if_known() -> Iterator[None]:
    """Go on behind this where Temporal does not know the run that it is asked for."""
    try:
        yield
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


async def read_whole(handle: WorkflowHandle[Any, Any], limit: timedelta) -> RunHistory | None:
    """Return a workflow that closed within one run, and one page; None of any other.

    What describe would add stands in the history, too: so it takes one request, not two.

    Raises:
        RPCError: Temporal did not answer, or does not know the workflow.
    """
    pages = handle.fetch_history_events(page_size=PAGE_EVENTS, rpc_timeout=limit)
    await pages.fetch_next_page()
    history = RunHistory(pages.current_page or ())
    if pages.next_page_token or not history.first:
        return None
    has_closed = history.first[-1].WhichOneof("attributes") in ENDS
    return history if has_closed and not history.run_before else None


async def read_history(
    client: Client,
    description: WorkflowExecutionDescription,
    limit: timedelta,
    most: int,
    *,
    gap: bool = True,
) -> RunHistory:
    """Return the run that was described so.

    Args:
        client: asks Temporal.
        description: as Temporal describes it.
        limit: how long to wait for each answer.
        most: so many events at most.
        gap: of a run that is longer, its end as well.

    Raises:
        RPCError: Temporal did not answer.
    """
    info = description.raw_description.workflow_execution_info
    bytes_per_event = max(1, info.history_size_bytes) / max(1, info.history_length)
    run: dict[str, Any] = {
        "namespace": client.namespace,
        "execution": WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
        "maximum_page_size": max(1, min(PAGE_EVENTS, int(PAGE_BYTES / bytes_per_event))),
    }
    service = client.workflow_service
    forwards = partial(
        _read, service.get_workflow_execution_history, GetWorkflowExecutionHistoryRequest(**run)
    )
    if info.history_length <= most and info.history_size_bytes <= MOST_BYTES:
        return RunHistory(await forwards(limit, most, MOST_BYTES))
    first = await forwards(limit, min(most, FIRST_EVENTS), MOST_BYTES // 2)
    if not gap:
        return RunHistory(first)
    backwards = GetWorkflowExecutionHistoryReverseRequest(**run)
    ask = service.get_workflow_execution_history_reverse
    last = await _read(ask, backwards, limit, max(1, most - len(first)), MOST_BYTES // 2)
    return RunHistory(first, [e for e in reversed(last) if e.event_id > first[-1].event_id])


async def _read(
    ask: Callable[..., Awaitable[Any]], request: Any, limit: timedelta, most: int, most_bytes: int
) -> list[HistoryEvent]:
    """Return events page by page: `most` at most, and no further page beyond `most_bytes`."""
    events: list[HistoryEvent] = []
    size = 0
    while True:
        answer = await ask(request, retry=True, timeout=limit)
        events += answer.history.events
        size += answer.history.ByteSize()
        request.next_page_token = answer.next_page_token
        if not answer.next_page_token or len(events) >= most or size >= most_bytes:
            return events[:most]
