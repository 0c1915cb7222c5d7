"""Who works in each role, and what waits for them, as Temporal's task queues tell."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError

from application.errors import NotNow
from application.runs import ADDITION_LIMIT, temporal
from contracts import stubs
from contracts.batch_stubs import BATCH_QUEUE
from contracts.overview import RoleFigures
from contracts.steps import ORCHESTRATOR, PARTICIPANTS

UP = timedelta(seconds=75)
"""A worker asks for work at least once a minute; one that has not for so long is not up."""

BATCHES = "batches"
"""Acting on many orders, which the process of the order service does."""

QUEUES = {
    ORCHESTRATOR: (stubs.ORCHESTRATOR_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    **{
        participant: (participant, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        for participant in PARTICIPANTS
    },
    BATCHES: (BATCH_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
}
"""By role: its task queue, and what stands in it."""


class TaskQueues:
    """Asks Temporal for the task queues of all roles. That writes nothing into any history."""

    def __init__(self, client: Client) -> None:
        """Ask Temporal through `client`."""
        self._client = client

    async def read(self) -> tuple[RoleFigures, ...] | None:
        """Return the figures of all roles, by one request for each.

        None where Temporal does not say, in time or at all.
        """
        try:
            async with temporal(ADDITION_LIMIT):
                return tuple(await asyncio.gather(*map(self._figures, QUEUES)))
        except (NotNow, RPCError):
            return None

    async def _figures(self, role: str) -> RoleFigures:
        queue, kind = QUEUES[role]
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=kind,
            report_stats=True,
        )
        ask = self._client.workflow_service.describe_task_queue
        answer = await ask(request, retry=False, timeout=ADDITION_LIMIT)
        return figures_of(role, answer, datetime.now(UTC))


def figures_of(role: str, answer: DescribeTaskQueueResponse, now: datetime) -> RoleFigures:
    """Return one role's figures by what Temporal answered of its queue.

    Temporal knows a worker for five minutes after it asked last; after `UP` it is not counted.
    """
    seen_at = {
        poller.identity: poller.last_access_time.ToDatetime(tzinfo=UTC) for poller in answer.pollers
    }
    queue, _ = QUEUES[role]
    return RoleFigures(
        role=role,
        task_queue=queue,
        workers=sum(now - at <= UP for at in seen_at.values()),
        last_seen=max(seen_at.values(), default=None),
        waiting=answer.stats.approximate_backlog_count,
        waiting_seconds=answer.stats.approximate_backlog_age.ToTimedelta().total_seconds(),
    )
