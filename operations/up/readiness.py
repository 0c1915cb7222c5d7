"""Waiting until every part of the system answers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from config import Settings
from contracts import stubs
from contracts.steps import ORCHESTRATOR, PARTICIPANTS

LATE_SECONDS = 60
ASK_AGAIN_SECONDS = 0.2
ASK_TIMEOUT = timedelta(seconds=3)

WORKERS = {
    ORCHESTRATOR: (stubs.ORCHESTRATOR_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    **{name: (name, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY) for name in PARTICIPANTS},
}


async def until_all_answer(settings: Settings, late: Callable[[str], None]) -> None:
    """Wait until the Web UI, which asks Temporal, and the API answer, and every worker polls; tell `late` once who does not."""
    client = await Client.connect(f"127.0.0.1:{settings.temporal_port}", lazy=True)
    clock = asyncio.get_running_loop().time
    late_at: float | None = clock() + LATE_SECONDS
    async with httpx.AsyncClient(timeout=ASK_TIMEOUT.total_seconds(), trust_env=False) as http:
        waiting: dict[str, Callable[[], Awaitable[bool]]] = {
            "temporal": partial(
                _is_ok, http, f"http://127.0.0.1:{settings.temporal_ui_port}/api/v1/cluster-info"
            ),
            **{role: partial(_is_polling, client, *work) for role, work in WORKERS.items()},
            "api": partial(_is_ok, http, f"{api_url(settings)}/readyz"),
        }
        while waiting := {
            part: answers for part, answers in waiting.items() if not await answers()
        }:
            if late_at is not None and clock() > late_at:
                late_at = None
                for part in waiting:
                    late(part)
            await asyncio.sleep(ASK_AGAIN_SECONDS)


async def _is_ok(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.HTTPError:
        return False


async def _is_polling(client: Client, queue: str, kind: "TaskQueueType.ValueType") -> bool:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
    )
    try:
        return bool(
            (
                await client.workflow_service.describe_task_queue(request, timeout=ASK_TIMEOUT)
            ).pollers
        )
    except (RuntimeError, RPCError):
        return False


def api_url(settings: Settings) -> str:
    """Return where this machine reaches the API."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.api_host, settings.api_host)  # noqa: S104  # read, not bound
    return (
        f"http://[{host}]:{settings.api_port}"
        if ":" in host
        else f"http://{host}:{settings.api_port}"
    )
