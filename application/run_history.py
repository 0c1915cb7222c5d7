"""The history of one run, read from Temporal: all of it, or its beginning and its end."""

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

FIRST_EVENTS = 1_000
"""So many are read of a run's first ones, where it has more than are read in all."""

PAGE_BYTES = 2**20
PAGE_EVENTS = 256
"""Temporal gives no more in one answer, and logs a warning where more are asked for."""

SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
ENDS = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
    }
)
"""The events behind which no other run of the saga follows."""

T = TypeVar("T")


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

    def behind_gap(self) -> Iterable[HistoryEvent]:
        """Yield the events behind the gap, but for answers to commands that were sent in it."""
        command_events = {event.event_id for event in self.events if event.event_type == SCHEDULED}
        for event in self.last:
            attributes = getattr(event, event.WhichOneof("attributes") or "", None)
            command_event = getattr(attributes, "scheduled_event_id", 0)
            if not command_event or command_event in command_events:
                yield event

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


async def if_known(ask: Awaitable[T]) -> T | None:
    """Return what Temporal answers about a run; None when it does not know the run.

    Raises:
        RPCError: Temporal did not answer.
    """
    try:
        return await ask
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise


async def read_whole(client: Client, workflow_id: str, limit: timedelta) -> RunHistory | None:
    """Return a workflow that closed within one run, and one page; None of any other.

    What describe would add stands in the history, too: so it takes one request, not two.

    Raises:
        RPCError: Temporal did not answer, or does not know the workflow.
    """
    request = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id),
        maximum_page_size=PAGE_EVENTS,
    )
    ask = client.workflow_service.get_workflow_execution_history
    answer = await ask(request, retry=True, timeout=limit)
    history = RunHistory(answer.history.events)
    if answer.next_page_token or not history.first or history.first[-1].event_type not in ENDS:
        return None
    return None if history.run_before else history


async def read_history(
    client: Client,
    description: WorkflowExecutionDescription,
    limit: timedelta,
    *,
    most: int,
    most_bytes: int,
    gap: bool = True,
) -> RunHistory:
    """Return the run that was described so.

    Args:
        client: asks Temporal.
        description: as Temporal describes it.
        limit: how long to wait for each answer.
        most: so many events at most.
        most_bytes: so many bytes at most, and one page more.
        gap: of a run that is longer, its end as well.

    Raises:
        RPCError: Temporal did not answer.
    """
    info = description.raw_description.workflow_execution_info
    is_whole = info.history_length <= most and info.history_size_bytes <= most_bytes
    bytes_per_event = max(1, info.history_size_bytes) / max(1, info.history_length)
    page = max(1, min(PAGE_EVENTS, int(PAGE_BYTES / bytes_per_event)))
    handle = client.get_workflow_handle(description.id, run_id=description.run_id)
    coming = handle.fetch_history_events(page_size=page, rpc_timeout=limit)
    limits = (most, most_bytes) if is_whole else (min(most, FIRST_EVENTS), most_bytes // 2)
    first = await _up_to(coming, *limits, page=page)
    if is_whole or not gap:
        return RunHistory(first)
    rest = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
        maximum_page_size=page,
    )
    last = await _end(client, rest, limit, max(1, most - len(first)), most_bytes // 2)
    return RunHistory(first, [event for event in last if event.event_id > first[-1].event_id])


async def _end(
    client: Client,
    request: GetWorkflowExecutionHistoryReverseRequest,
    limit: timedelta,
    most: int,
    most_bytes: int,
) -> list[HistoryEvent]:
    """Return a run's last events, oldest first."""
    last: list[HistoryEvent] = []
    ask = client.workflow_service.get_workflow_execution_history_reverse
    while len(last) < most and sum(event.ByteSize() for event in last) < most_bytes:
        answer = await ask(request, retry=True, timeout=limit)
        last += answer.history.events
        request.next_page_token = answer.next_page_token
        if not answer.next_page_token:
            break
    return last[::-1]


async def _up_to(
    coming: AsyncIterator[HistoryEvent], most: int, most_bytes: int, *, page: int
) -> list[HistoryEvent]:
    """Return the first events: `most` at most, and no further page beyond `most_bytes`."""
    events: list[HistoryEvent] = []
    size = 0
    async for event in coming:
        events.append(event)
        size += event.ByteSize()
        if len(events) >= most or (size >= most_bytes and len(events) % page == 0):
            break
    return events
