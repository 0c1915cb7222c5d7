"""Reading sagas' runs from Temporal: one with its history, or what visibility last knew of many."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from contracts.order import order_id_of, saga_id
from contracts.states import SagaState
from contracts.stubs import WORKFLOW_TYPE, is_event
from routes.problems import not_now, unavailable
from routes.projection import Run
from routes.shared import Shared
from temporal_saga.access import refusal
from temporal_saga.timeline import Moment, Reader, project, tries

ANSWER_LIMIT = timedelta(seconds=5)
"""Whatever a caller asks of a worker or of Temporal is answered within this, or with 503."""

MOST_RUNS = 10_000
"""So many runs are read from visibility at most."""

ADDITION_LIMIT = timedelta(seconds=2)
"""What the order service can answer is held up by what Temporal adds no longer than this."""

UNFINISHED = f'SagaState IS NULL OR SagaState NOT IN ("{SagaState.COMPLETED}", "{SagaState.FAILED}")'
NEEDING_ATTENTION = (
    f'WorkflowType = "{WORKFLOW_TYPE}" AND (NeedsAttention = true OR (ExecutionStatus != "Running" AND ({UNFINISHED})))'
)
"""Sagas that say so, and those that were ended from outside before they were through."""

STILL_OPEN = datetime.max.replace(tzinfo=UTC)

JSON = frozenset({b"json/plain", b"binary/null"})
UNREADABLE = {"unreadable": True}

AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
    }
)

BUSY = "a limit of Temporal's on calls is met; nothing is lost, ask again"
"""Not away: visibility for one has a low limit of its own on calls per second."""


class Runs:
    """The runs of the orders' sagas, as far as Temporal still has them; no worker is needed to read them."""

    def __init__(self, client: Client, stopping: asyncio.Event) -> None:
        """Ask Temporal through `client`; follow no run any further once `stopping` is set."""
        self._client = client
        self._stopping = stopping
        self._stories = Shared(self._story)

    async def find(self, order_id: str, limit: timedelta = ANSWER_LIMIT) -> Run | None:
        """Return the last run of the order's saga as it stands, with its story; None when Temporal knows none.

        Args:
            order_id: whose saga.
            limit: how long to wait for Temporal.

        Raises:
            Problem: 503 when Temporal is away.
        """
        handle = self._client.get_workflow_handle(saga_id(order_id))
        try:
            async with temporal(limit):
                description = await handle.describe(rpc_timeout=limit)
                history = await handle.fetch_history(rpc_timeout=limit)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise
        return self._read(description, history.events)

    def follow(self, order_id: str) -> AsyncIterator[tuple[tuple[int, int], Moment]]:
        """Yield the story of an order's saga as it is written, until its run closes; nothing when there is no run.

        Each moment comes with its place: the number of the history's event, and which of that event's moments it is. Temporal is
        asked once for all who follow an order, as it lets a namespace wait for so many answers and no more.

        Raises:
            Problem: 503 when Temporal is away.
        """
        return self._stories.listen(order_id)

    async def _story(self, order_id: str) -> AsyncIterator[tuple[tuple[int, int], Moment]]:
        reader = Reader(self._decode, is_event=is_event)
        handle = self._client.get_workflow_handle(saga_id(order_id))
        events = handle.fetch_history_events(wait_new_event=True)
        ended = asyncio.ensure_future(self._stopping.wait())
        try:
            async with temporal():
                while (event := await _next(events, ended)) is not None:
                    for number, moment in enumerate(reader.read(event)):
                        yield (event.event_id, number), moment
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
        finally:
            ended.cancel()

    async def last_known(self, order_ids: Iterable[str]) -> dict[str, Run]:
        """Return the last runs of these orders' sagas as visibility knows them, without their stories.

        The ids stand in a visibility query: they must be those of orders on record, and never what a request says.

        Raises:
            Problem: 503 when Temporal is away.
        """
        ids = ", ".join(f'"{saga_id(order_id)}"' for order_id in order_ids)
        return await self._listed(f"WorkflowId IN ({ids})", ADDITION_LIMIT)

    async def needing_attention(self) -> dict[str, Run]:
        """Return runs that need attention, `MOST_RUNS` at most; of some there may be a later run that does not.

        Raises:
            Problem: 503 when Temporal is away.
        """
        return await self._listed(NEEDING_ATTENTION, ANSWER_LIMIT)

    async def count(self, which: str = "") -> dict[str, int]:
        """Count the sagas' runs by their status as Temporal names it.

        Args:
            which: narrows it, as a visibility query; never what a request says.

        Raises:
            Problem: 503 when Temporal is away.
        """
        query = f'WorkflowType = "{WORKFLOW_TYPE}"{which and f" AND {which}"} GROUP BY ExecutionStatus'
        async with temporal(ADDITION_LIMIT):
            counted = await self._client.count_workflows(query, rpc_timeout=ADDITION_LIMIT)
        return {str(group.group_values[0]): group.count for group in counted.groups}

    async def _listed(self, query: str, limit: timedelta) -> dict[str, Run]:
        """Return by order what visibility finds. An order's runs follow one another, so the last one is the last to close."""
        async with temporal(limit):
            found = [execution async for execution in self._client.list_workflows(query, limit=MOST_RUNS, rpc_timeout=limit)]
        found.sort(key=lambda execution: execution.close_time or STILL_OPEN)
        return {order_id: _glance(execution) for execution in found if (order_id := _order_id(execution))}

    def _read(self, description: WorkflowExecutionDescription, events: Sequence[HistoryEvent]) -> Run:
        start = events[0].workflow_execution_started_event_attributes
        closing = events[-1].workflow_execution_failed_event_attributes.failure.application_failure_info.details
        running = description.status == WorkflowExecutionStatus.RUNNING
        return Run(
            started_at=description.start_time,
            closed_at=None if running else description.close_time,
            attributes={pair.key.name: pair.value for pair in description.typed_search_attributes},
            moments=project(events, self._decode, is_event=is_event, under_way=tries(description.raw_description)),
            given=self._decode(start.input.payloads[0]) if len(start.input.payloads) == 1 else None,
            failure=self._decode(closing.payloads[0]) if closing.payloads else None,
        )

    def _decode(self, payload: Payload) -> Any:
        """Return a payload's JSON value; of one that has none, or cannot be read, that it is so."""
        if payload.metadata.get("encoding") not in JSON:
            return UNREADABLE
        try:
            return self._client.data_converter.payload_converter.from_payload(payload)
        except Exception:  # noqa: BLE001  # anybody may have sent it, and a converter may raise anything
            return UNREADABLE


async def _next(events: AsyncIterator[HistoryEvent], ended: "asyncio.Future[Any]") -> HistoryEvent | None:
    """Return the next event once it is written; None when there is none to come, or `ended` comes first."""
    coming = asyncio.ensure_future(anext(events, None))
    try:
        await asyncio.wait([coming, ended], return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        coming.cancel()  # also when nobody follows any more: it would wait for as long as the order is open


@asynccontextmanager
async def temporal(limit: timedelta | None = None) -> AsyncIterator[None]:
    """Turn Temporal's absence into a 503, and that it is busy, and that it does not let us in; what is about the call passes.

    A lazy client raises RuntimeError while it cannot connect.

    Args:
        limit: how long to wait in all, as the client tries a call again and again for longer than the call's own limit.
    """
    patience = asyncio.timeout(limit.total_seconds() if limit else None)
    try:
        async with patience:
            yield
    except RPCError as error:
        if error.status in AWAY:
            raise unavailable("Temporal") from error
        if error.status == RPCStatusCode.RESOURCE_EXHAUSTED:
            raise not_now(BUSY) from error
        if why := refusal(error):
            raise not_now(why) from error
        raise
    except RuntimeError as error:
        raise unavailable("Temporal") from error
    except TimeoutError as error:
        if patience.expired():
            raise unavailable("Temporal") from error
        raise


def _glance(execution: WorkflowExecution) -> Run:
    """Return what visibility tells of a run."""
    attributes = {pair.key.name: pair.value for pair in execution.typed_search_attributes}
    return Run(execution.start_time, execution.close_time, attributes, moments=(), given=None)


def _order_id(execution: WorkflowExecution) -> str | None:
    """Return the order that a run is about; None when somebody started it under an id that names none."""
    try:
        return order_id_of(execution.id)
    except ValueError:
        return None
