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
from operations.up.card_account import control_url, has_card_provider
from operations.up.parts import API, CARDS, TEMPORAL, part_of

LATE_SECONDS = 60
PROBE_PAUSE_SECONDS = 0.2
PROBE_LIMIT = timedelta(seconds=3)

WORKERS = {
    ORCHESTRATOR: (stubs.ORCHESTRATOR_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    **{name: (name, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY) for name in PARTICIPANTS},
}


async def wait_for_all_parts(settings: Settings, on_late: Callable[[str], None]) -> None:
    """Wait until the API and the Web UI (which asks Temporal) answer and every worker polls.

    Args:
        settings: where they listen.
        on_late: is called once for each part that does not answer within `LATE_SECONDS`.
    """
    client = await Client.connect(f"127.0.0.1:{settings.temporal_port}", lazy=True)
    web_ui = f"http://127.0.0.1:{settings.temporal_ui_port}/api/v1/cluster-info"
    clock = asyncio.get_running_loop().time
    late_at: float | None = clock() + LATE_SECONDS
    async with httpx.AsyncClient(timeout=PROBE_LIMIT.total_seconds(), trust_env=False) as http:
        probes: dict[str, Callable[[], Awaitable[bool]]] = {
            TEMPORAL: partial(_is_ok, http, web_ui),
            **{role: partial(_is_polling, client, *queue) for role, queue in WORKERS.items()},
            API: partial(_is_ok, http, f"{api_url(settings)}/readyz"),
        }
        if has_card_provider(settings):
            probes[CARDS] = partial(_is_ok, http, f"{control_url(settings)}/faults")
        while probes := {part: probe for part, probe in probes.items() if not await probe()}:
            if late_at is not None and clock() > late_at:
                late_at = None
                for part in {
                    part_of(name, settings) if name in WORKERS else name for name in probes
                }:
                    on_late(part)
            await asyncio.sleep(PROBE_PAUSE_SECONDS)


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
        answer = await client.workflow_service.describe_task_queue(request, timeout=PROBE_LIMIT)
    except (RuntimeError, RPCError):
        return False
    return bool(answer.pollers)


def api_url(settings: Settings) -> str:
    """Return where this machine reaches the API."""
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read, not bound
    host = loopback.get(settings.api_host, settings.api_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"
