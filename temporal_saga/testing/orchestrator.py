"""The orchestrator of one saga under test: its worker, and the saga's runs on the server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, Self
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Plugin, Replayer, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_saga.local_activities import RunLocally
from temporal_saga.policy import Apply, Policy
from temporal_saga.testing.histories import fails_for_good, task_that_sent
from temporal_saga.testing.participants import Closed, Participants

SECOND = timedelta(seconds=1)
OTHER_LIMITS = Policy(
    start_to_close=SECOND,
    local_try=SECOND,
    forward_step=2 * SECOND,
    longest_pause=SECOND,
    stuck_attempts=1,
    stuck_after=2 * SECOND,
)
"""What histories are replayed with: they replay whatever the limits were."""


class Orchestrator:
    """Serves one saga on a task queue of its own; used with `async with`."""

    def __init__(  # noqa: PLR0913  # what its worker needs to know, each by its name
        self,
        client: Client,
        workflow: type,
        saga_id: str,
        *,
        runner: WorkflowRunner | None,
        policy: Policy | None,
        max_cached_workflows: int,
        participants: Participants,
        locally: bool,
    ) -> None:
        """Prepare the worker; see `Script`."""
        self._client = client
        self._workflow = workflow
        self.saga_id = saga_id
        self._task_queue = f"orchestrator-of-{saga_id}"
        self._participants = participants
        self._locally = locally
        self._interceptors = [Apply(policy)] if policy else []
        runner = runner or SandboxedWorkflowRunner()
        self._new_worker = partial(
            Worker,
            client,
            task_queue=self._task_queue,
            workflow_runner=runner,
            max_cached_workflows=max_cached_workflows,
        )
        self._new_replayer = partial(
            Replayer,
            workflow_runner=runner,
            data_converter=client.data_converter,
            interceptors=[Apply(OTHER_LIMITS)],
            plugins=[part for part in client.config()["plugins"] if isinstance(part, Plugin)],
        )
        self._worker = AsyncExitStack()
        self._handle: WorkflowHandle[Any, Any] | None = None
        self._end: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the worker."""
        await self._start_worker()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the worker."""
        await self._worker.aclose()

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """The saga's last run."""
        assert self._handle is not None, "the saga was not started: call start() first"
        return self._handle

    async def start(
        self, workflow_type: str, *arguments: Any, on_end: Callable[[Closed], None], **options: Any
    ) -> None:
        """Start the saga, and call `on_end` when it has ended."""
        handle = await self._client.start_workflow(
            workflow_type, args=arguments, id=self.saga_id, task_queue=self._task_queue, **options
        )
        self._follow(handle, on_end)

    async def reset(self, at: type | str | None, on_end: Callable[[Closed], None]) -> int:
        """Reset the saga to the workflow task that first sent the command `at`, or to its first.

        Waits until there is one: a local activity's command comes before its task has ended.

        Returns:
            The event's id at which the new run goes its own way.
        """
        assert self._end is not None, "the saga was not started: call start() first"
        task = await self._task_that_sent(at)
        self._end.cancel()
        request = ResetWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=self.saga_id),
            workflow_task_finish_event_id=task,
            request_id=str(uuid4()),
            reason="the script says so",
        )
        run = await self._client.workflow_service.reset_workflow_execution(request)
        self._follow(self._client.get_workflow_handle(self.saga_id, run_id=run.run_id), on_end)
        return task

    async def _task_that_sent(self, command: type | str | None) -> int:
        events = []
        async for event in self.handle.fetch_history_events(wait_new_event=True):
            events.append(event)
            if task := task_that_sent(events, command):
                return task
        raise AssertionError(f"no workflow task has sent {command}")

    async def terminate(self) -> None:
        """Terminate the saga if it is open."""
        if self._end is not None and not self._end.done():
            self._end.cancel()
            with suppress(RPCError):  # it closes at this very moment
                await self.handle.terminate("the script is over")

    @asynccontextmanager
    async def away(self, workflow: type | None, locally: bool | None) -> AsyncIterator[None]:
        """Stop the worker, and start another at the end; see `Script.orchestrator_away`."""
        await self._worker.aclose()
        self._workflow = workflow or self._workflow
        self._locally = self._locally if locally is None else locally
        yield
        await self._start_worker()

    async def histories(self) -> list[WorkflowHistory]:
        """Return the histories of all the saga's runs that continue each other, oldest first."""
        runs = [await self.handle.fetch_history()]
        while before := _continued_run(runs[0]):
            run = self._client.get_workflow_handle(self.saga_id, run_id=before)
            runs.insert(0, await run.fetch_history())
        return runs

    async def defect(self, run: WorkflowHistory) -> tuple[str, BaseException | None] | None:
        """Return a run's defect, and the error; None when it replays and no task failed."""
        failures = [
            event.workflow_task_failed_event_attributes.failure.message
            for event in run.events
            if fails_for_good(event)
        ]
        if failures:
            return f"workflow tasks failed: {failures}", None
        with ThreadPoolExecutor(1) as executor:
            replayer = self._new_replayer(
                workflows=[self._workflow], workflow_task_executor=executor
            )
            result = await replayer.replay_workflow(run, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            return "its own history does not replay", result.replay_failure
        return None

    async def _start_worker(self) -> None:
        local = self._participants.activities if self._locally else ()
        worker = self._new_worker(
            workflows=[self._workflow],
            activities=[self._participants.take],  # for replays also where nothing is tried locally
            no_remote_activities=True,
            interceptors=[*self._interceptors, RunLocally(local)],
        )
        await self._worker.enter_async_context(worker)

    def _follow(self, handle: WorkflowHandle[Any, Any], on_end: Callable[[Closed], None]) -> None:
        self._handle = handle
        self._end = asyncio.create_task(_await_the_end(handle, on_end))


async def _await_the_end(saga: WorkflowHandle[Any, Any], on_end: Callable[[Closed], None]) -> None:
    try:
        end = Closed(await saga.result())
    except WorkflowFailureError as failure:
        end = Closed(None, failure.cause)
    on_end(end)


def _continued_run(run: WorkflowHistory) -> str:
    attributes = run.events[0].workflow_execution_started_event_attributes
    return attributes.continued_execution_run_id
