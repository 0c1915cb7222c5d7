"""Reading a saga of any type from Temporal, by its workflow's id."""

from datetime import timedelta

from pydantic import TypeAdapter, ValidationError
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.service import RPCError

from application.any_saga import view_of
from application.errors import NotFound
from application.runs import Runs
from application.timeline import MOST_OF_A_NAME
from contracts.batch_stubs import BATCH_WORKFLOW_TYPE, batch_workflow_id
from contracts.saga_views import SagaView
from temporal_saga.command_history import anything
from temporal_saga.plan import PlannedStep
from temporal_saga.registry import WORKFLOW_TYPE as DATABASE_WORKFLOW_TYPE

PLAN_LIMIT = timedelta(seconds=1)
"""A worker is given no longer to tell a saga's plan: all else is known without it."""

MOST_BYTES_OF_AN_ID = 1_000
"""Temporal's limit."""

PLAN = TypeAdapter(tuple[PlannedStep, ...])


class AnySagas:
    """Every saga of a namespace, within Temporal's retention."""

    def __init__(self, client: Client) -> None:
        """Ask Temporal through `client`."""
        self._runs = Runs(client, is_event=anything)

    async def view(self, workflow_id: str) -> SagaView:
        """Return a saga as it stands.

        Raises:
            NotFound: Temporal knows no such workflow, or it is no saga; then the error says what it
                is.
            NotNow: Temporal is away.
        """
        if len(workflow_id.encode(errors="replace")) > MOST_BYTES_OF_AN_ID:
            raise NotFound.of(f"saga {workflow_id[:MOST_OF_A_NAME]}…")
        run = await self._runs.read(workflow_id)
        if run is None:
            raise NotFound.of(f"saga {workflow_id}")
        if what := _other_than_a_saga(workflow_id, run.workflow_type):
            raise NotFound.of(f"saga {workflow_id}: that is {what}")
        return view_of(workflow_id, run, await self._plan(workflow_id))

    async def _plan(self, workflow_id: str) -> tuple[PlannedStep, ...]:
        """Return the steps that a saga has named; none where no worker tells, or none of ours."""
        handle = self._runs.client.get_workflow_handle(workflow_id)
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


def _other_than_a_saga(workflow_id: str, workflow_type: str) -> str | None:
    """Return what a workflow of ours is that is no saga; None of all others."""
    if workflow_type == DATABASE_WORKFLOW_TYPE:
        return "the registration of a participant's database, which takes no act"
    if workflow_type == BATCH_WORKFLOW_TYPE:
        batch_id = workflow_id.removeprefix(batch_workflow_id(""))
        return f"a batch operation, which is read at /batch-operations/{batch_id}"
    return None
