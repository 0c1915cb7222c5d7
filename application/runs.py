"""Reading one saga's runs from Temporal, with its history."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from application.attention import wedged_since
from application.broadcast import Shared
from application.chain import Before, Chain
from application.closed_run import read_whole, run_of
from application.errors import Away, Busy, NotAllowed
from application.payloads import decoder
from application.pulse import Pulse
from application.run import Run
from application.run_history import RunHistory
from contracts.ids import saga_id
from temporal_saga.access import refusal
from temporal_saga.history import memo_of
from temporal_saga.moment import Moment
from temporal_saga.tries import Try, tries_under_way

ANSWER_LIMIT = timedelta(seconds=5)
"""Whatever a caller asks of a worker or of Temporal is answered within this, or with 503."""

PATIENCE = timedelta(seconds=15)
"""A Temporal that answers others is given so much time under load, for all that one look or start
takes."""

ADDITION_LIMIT = timedelta(seconds=2)
"""What the order service can answer is held up by what Temporal adds no longer than this."""

AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
    }
)


class Runs:
    """The workflow runs of the orders' sagas, within Temporal's retention.

    They are read without a worker.
    """

    def __init__(self, client: Client, stopping: asyncio.Event) -> None:
        """Ask Temporal through `client`; follow no run any further once `stopping` is set."""
        self._client = client
        self.pulse = Pulse()
        self._decode = decoder(client)
        self._stopping = stopping
        self._stories = Shared(self._story)

    async def find(
        self, order_id: str, limit: timedelta = PATIENCE, *, has_closed: bool = False
    ) -> Run | None:
        """Return the order's saga with its story from first run to last; None if there is none.

        Of a long story a part is left out, and a note says so: at most `MOST_EVENTS` of all its
        runs are read.

        Args:
            order_id: whose saga.
            limit: how long to wait for a Temporal that answers others.
            has_closed: the saga is likely to have closed; then one request is enough as a rule.

        Raises:
            NotNow: Temporal is away.
        """
        handle = self._client.get_workflow_handle(saga_id(order_id))
        try:
            async with temporal(limit, self.pulse):
                if has_closed and (events := await read_whole(self._client, handle.id, limit)):
                    return self._read(run_of(events, self._decode), RunHistory(events), Before())
                description = await handle.describe(rpc_timeout=limit)
                last, before = await Chain(self._client, self._decode, limit).read(description)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise
        under_way = tries_under_way(description.raw_description)
        return self._read(self._run(description), last, before, under_way)

    def follow(self, order_id: str) -> AsyncIterator[tuple[tuple[int, int], Moment]]:
        """Yield the story of an order's saga as it is written, until its run closes.

        Nothing comes when there is no run. Each moment comes with its place: the number of the
        history's event, and which of that event's moments it is. All who follow an order share one
        long poll, as Temporal limits how many a namespace may have open.

        Raises:
            NotNow: Temporal is away.
        """
        return self._stories.listen(order_id)

    async def _story(self, order_id: str) -> AsyncIterator[tuple[tuple[int, int], Moment]]:
        """Yield the story up to the last run, and that run as it is written.

        Another run may follow it.
        """
        handle = self._client.get_workflow_handle(saga_id(order_id))
        chain = Chain(self._client, self._decode, ANSWER_LIMIT)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            async with temporal():
                description = await handle.describe(rpc_timeout=ANSWER_LIMIT)
                last, before = await chain.read(description)
                for item in before.moments:
                    yield item
                telling = chain.begin(last.first[0])
                run = self._client.get_workflow_handle(saga_id(order_id), run_id=description.run_id)
                events = run.fetch_history_events(wait_new_event=True)
                while (event := await _next(events, stop)) is not None:
                    for item in telling.read(event):
                        yield item
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
        finally:
            stop.cancel()

    async def describe(self, order_id: str) -> WorkflowExecutionDescription | None:
        """Return the last run of an order's saga, without its story; None if there is none.

        Raises:
            NotNow: Temporal is away.
        """
        try:
            async with temporal(ANSWER_LIMIT):
                return await self._client.get_workflow_handle(saga_id(order_id)).describe(
                    rpc_timeout=ANSWER_LIMIT
                )
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def wedged_since(self, order_id: str) -> datetime | None:
        """Return since when an order's saga is wedged; None when it is not, or that is unknown.

        Raises:
            NotNow: Temporal is away.
        """
        description = await self.describe(order_id)
        if description is None:
            return None
        return wedged_since(description.raw_description.pending_workflow_task)

    async def tries_at(self, order_id: str, step: str) -> int | None:
        """Return how many tries of what is stuck at a step the server has begun in this round.

        None when it tries nothing of that step.

        Raises:
            NotNow: Temporal is away.
        """
        description = await self.describe(order_id)
        if description is None:
            return None
        retriables = self._run(description).memo.retriables
        commands = {retriable.command for retriable in retriables if retriable.step == step}
        tries = tries_under_way(description.raw_description).values()
        return sum(trying.attempt for trying in tries if trying.command in commands) or None

    def _read(
        self,
        run: Run,
        last: RunHistory,
        before: Before,
        under_way: Mapping[str, Try] | None = None,
    ) -> Run:
        """Return a run with its story, and that of the runs before it."""
        start = last.first[0].workflow_execution_started_event_attributes
        arguments = start.input.payloads[:-1] if before.started_at else start.input.payloads
        chain = Chain(self._client, self._decode, ANSWER_LIMIT)
        story = [*before.moments, *chain.last_moments(last, under_way or {})]
        return replace(
            run,
            started_at=before.started_at or last.first[0].event_time.ToDatetime(tzinfo=UTC),
            moments=[moment for _, moment in story],
            input=self._decode(arguments[0]) if len(arguments) == 1 else None,
        )

    def _run(self, description: WorkflowExecutionDescription) -> Run:
        """Return a run as it is described, without its story."""
        is_open = description.status == WorkflowExecutionStatus.RUNNING
        return Run(
            started_at=description.start_time,
            closed_at=None if is_open else description.close_time,
            attributes={pair.key.name: pair.value for pair in description.typed_search_attributes},
            memo=memo_of(description.raw_description.workflow_execution_info.memo, self._decode),
            wedged_since=wedged_since(description.raw_description.pending_workflow_task),
        )


async def _next(
    events: AsyncIterator[HistoryEvent], stop: "asyncio.Future[Any]"
) -> HistoryEvent | None:
    """Return the next event once it is written; None after the last one, or once `stop` is done."""
    coming = asyncio.ensure_future(anext(events, None))
    try:
        await asyncio.wait([coming, stop], return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        # Also when nobody follows any more: it would wait for as long as the order is open.
        coming.cancel()


@asynccontextmanager
async def temporal(
    limit: timedelta | None = None, pulse: Pulse | None = None
) -> AsyncIterator[None]:
    """Raise NotNow where Temporal is away, busy, or does not let us in; errors about the call pass.

    A lazy client raises RuntimeError while it cannot connect.

    Args:
        limit: how long to wait in all: the client retries a call for longer than the call's own
            limit.
        pulse: wait for a turn, and give up sooner where Temporal answers nobody.
    """
    patience = asyncio.timeout(limit.total_seconds() if limit else None)
    try:
        async with patience, pulse.turn(patience) if pulse else nullcontext():
            yield
    except RPCError as error:
        if error.status in AWAY:
            raise Away("Temporal") from error
        if error.status == RPCStatusCode.RESOURCE_EXHAUSTED:
            raise Busy from error
        if why := refusal(error):
            raise NotAllowed(why) from error
        raise
    except RuntimeError as error:
        raise Away("Temporal") from error
    except TimeoutError as error:
        if patience.expired():
            raise Away("Temporal") from error
        raise
