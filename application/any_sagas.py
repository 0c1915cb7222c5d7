"""Reading a saga of any type from Temporal, by its workflow's id."""

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError

from application.any_saga import Workflow, view_of
from application.chain import Chain
from application.errors import NotFound
from application.payloads import decoder
from application.run import Run
from application.run_history import if_known
from application.runs import ANSWER_LIMIT, PATIENCE, temporal
from application.timeline import MOST_OF_A_NAME
from contracts.saga_views import SagaView
from temporal_saga.command_history import anything
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
                chain = Chain(self._client, self._decode, ANSWER_LIMIT, is_event=anything)
                last, before = await chain.read(description)
            run = chain.tell(Run.of_description(description, self._decode), last, before)
            status = description.status.name if description.status else "UNKNOWN"
            workflow = Workflow(workflow_id, description.workflow_type, status)
            return view_of(workflow, run, await self._plan(handle))
        raise NotFound.of(f"saga {workflow_id}")

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
