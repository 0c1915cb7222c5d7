"""Reading a saga of any type from Temporal, by its workflow's id."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError

from application.any_saga import Workflow, view_of
from application.chain import MOST_EVENTS, story_of
from application.errors import NotFound
from application.payloads import decoder
from application.run import Run
from application.run_history import MOST_BYTES, RunHistory, if_known, read_history
from application.runs import ANSWER_LIMIT, PATIENCE, temporal
from application.timeline import MOST_OF_A_NAME
from contracts.saga_views import SagaView
from temporal_saga.carry_over import Handover
from temporal_saga.command_history import anything
from temporal_saga.history import Reader
from temporal_saga.moment import Moment
from temporal_saga.plan import PlannedStep

PLAN_LIMIT = timedelta(seconds=1)
"""A worker is given no longer to tell a saga's plan: all else is known without it."""

MOST_BYTES_OF_AN_ID = 1_000
"""Temporal's limit."""

PLAN = TypeAdapter(tuple[PlannedStep, ...])


class AnySagas:
    """Every saga of a namespace, within Temporal's retention."""

    def __init__(self, client: Client) -> None:
        """Ask Temporal through `client`."""
        self._client = client
        self._decode = decoder(client)

    async def view(self, workflow_id: str) -> SagaView:
        """Return a saga as it stands.

        Raises:
            NotFound: Temporal knows no such workflow.
            NotNow: Temporal is away.
        """
        if len(workflow_id.encode(errors="replace")) > MOST_BYTES_OF_AN_ID:
            raise NotFound.of(f"saga {workflow_id[:MOST_OF_A_NAME]}…")
        handle = self._client.get_workflow_handle(workflow_id)
        with if_known():
            async with temporal(PATIENCE):
                description = await handle.describe(rpc_timeout=ANSWER_LIMIT)
                run = Run.of_description(description, self._decode)
                runs = await self._runs(description)
                moments = self._story(runs, run)
                started_at = runs[0].start.event_time.ToDatetime(tzinfo=UTC)
                run = replace(run, moments=moments, started_at=started_at)
            status = description.status.name if description.status else "UNKNOWN"
            workflow = Workflow(workflow_id, description.workflow_type, status)
            return view_of(workflow, run, await self._plan(handle))
        raise NotFound.of(f"saga {workflow_id}")

    async def _runs(self, description: WorkflowExecutionDescription) -> list[RunHistory]:
        """Return the last run and those that it goes on from, as far as one look reads."""
        runs = [await read_history(self._client, description, ANSWER_LIMIT, MOST_EVENTS)]
        while before := runs[0].run_before:
            events = sum(len(run.events) for run in runs)
            if events >= MOST_EVENTS or sum(run.size for run in runs) >= MOST_BYTES:
                return runs
            handle = self._client.get_workflow_handle(description.id, run_id=before)
            earlier = None
            with if_known():
                earlier = await handle.describe(rpc_timeout=ANSWER_LIMIT)
            if earlier is None:
                return runs
            most = MOST_EVENTS - events
            runs.insert(0, await read_history(self._client, earlier, ANSWER_LIMIT, most))
        return runs

    def _story(self, runs: Sequence[RunHistory], last: Run) -> list[Moment]:
        moments: list[Moment] = []
        for run in runs:
            is_last = run is runs[-1]
            reader = Reader(
                self._decode,
                is_event=anything,
                under_way=last.tries if is_last else None,
                events_before=self._events_before(run),
            )
            moments += story_of(run, reader)
            moments += reader.rest() if is_last else ()
        return moments

    def _events_before(self, run: RunHistory) -> int:
        """Return how many events the runs before this one had."""
        attributes = run.start.workflow_execution_started_event_attributes
        if not run.run_before or not attributes.input.payloads:
            return 0
        try:
            return Handover.of(self._decode(attributes.input.payloads[-1])).saga.events
        except ValidationError:
            return 0

    async def _plan(self, handle: WorkflowHandle[Any, Any]) -> tuple[PlannedStep, ...]:
        """Return the steps that a saga has named; none where no worker tells, or none of ours."""
        try:
            status = await handle.query("status", rpc_timeout=PLAN_LIMIT)
            return PLAN.validate_python(status["steps"])
        except (
            RPCError,
            WorkflowQueryFailedError,
            WorkflowQueryRejectedError,
            ValidationError,
            LookupError,
            TypeError,
        ):
            return ()
