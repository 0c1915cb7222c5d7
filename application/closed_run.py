"""A saga that closed within one short run, read from its history alone.

What describe would add stands in the history, too: so it takes one request, not two.
"""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from temporalio.api.common.v1 import Memo, Payload, SearchAttributes, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client

from application.payloads import Decode
from application.run import Run
from application.run_history import PAGE_EVENTS
from temporal_saga.history import memo_of

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


async def read_whole(
    client: Client, workflow_id: str, limit: timedelta
) -> Sequence[HistoryEvent] | None:
    """Return all events of a workflow that closed within one run, and one page; None of any other.

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
    events: Sequence[HistoryEvent] = answer.history.events
    if answer.next_page_token or not events or events[-1].event_type not in ENDS:
        return None
    start = events[0].workflow_execution_started_event_attributes
    return None if start.continued_execution_run_id else events


def run_of(events: Sequence[HistoryEvent], decode: Decode) -> Run:
    """Return a closed run with what its whole history has of attributes and memo."""
    attributes: dict[str, Any] = {}
    memo: dict[str, Payload] = {}
    for event in events:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                start = event.workflow_execution_started_event_attributes
                attributes |= _values(start.search_attributes, decode)
                memo |= start.memo.fields
            case EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
                upsert = event.upsert_workflow_search_attributes_event_attributes
                attributes |= _values(upsert.search_attributes, decode)
            case EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
                memo |= event.workflow_properties_modified_event_attributes.upserted_memo.fields
    return Run(
        started_at=events[0].event_time.ToDatetime(tzinfo=UTC),
        closed_at=events[-1].event_time.ToDatetime(tzinfo=UTC),
        attributes=attributes,
        memo=memo_of(Memo(fields=memo), decode),
    )


def _values(attributes: SearchAttributes, decode: Decode) -> dict[str, Any]:
    """Return search attributes by name."""
    return {name: decode(payload) for name, payload in attributes.indexed_fields.items()}
