"""Many sagas that wait for a person, and one batch that approves them all."""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.doors import HttpDoor
from bench.growth.copies import copy_orders, prefix
from bench.growth.histories import copy_sagas
from bench.growth.sizes import BASE_IN_FLIGHT
from bench.growth.stack import Stack, run_stack
from bench.growth.verification import problems_of_audit
from bench.http_client import Answer
from bench.load import place_all
from bench.processes import MemoryWatch
from bench.workload import orders
from operations.up.temporal_server import temporal_binary

EVERY_ORDER = {"REVIEW_THRESHOLD_MINOR": "0"}
WAITING = 'SagaState = "AWAITING_REVIEW" AND ExecutionStatus = "Running"'
RUNNING = 'WorkflowType = "OrderSaga" AND ExecutionStatus = "Running"'
LOOK_SECONDS = 1
PATIENCE_SECONDS = 90
"""When the number of open sagas is the same for so long, the others stand still."""


async def open_reviews(folder: Path, count: int, settings: Mapping[str, str]) -> list[str]:
    """Leave so many sagas waiting in an empty shop; return what went wrong."""
    async with run_stack(folder, {**settings, **EVERY_ORDER}) as stack:
        door = HttpDoor(stack.api_port, lambda _: "/orders", _is_taken)
        load = await place_all(door, orders(prefix(0), count), BASE_IN_FLIGHT)
        await until_found(stack, WAITING, count)
        await asyncio.sleep(LOOK_SECONDS)  # until the last task's timers are written
    return list(load.errors)


def fill_reviews(folder: Path, count: int, size: int) -> None:
    """Copy the waiting sagas of a stopped system until there are `size`."""
    generations = range(1, size // count)
    copy_orders(folder, generations)
    copy_sagas(folder, generations)


async def approve_all(folder: Path, size: int, settings: Mapping[str, str]) -> dict[str, Any]:
    """Approve all by one batch of signals; return what it took, and what is wrong afterwards."""
    async with run_stack(folder, {**settings, **EVERY_ORDER}) as stack:
        waiting = await count_sagas(stack, WAITING)
        before = stack.memory_mib()
        cpu = stack.cpu()
        start = time.monotonic()
        with MemoryWatch(stack.running.roots) as memory:
            await _signal_batch(stack)
            remaining = await until_found(stack, RUNNING, 0)
        seconds = time.monotonic() - start
        cpu_seconds = stack.cpu_since(cpu)
        problems, audit_seconds = await problems_of_audit(stack)
        completed_count = (await stack.get("/overview"))[0].body["states"]["COMPLETED"]
        after = stack.memory_mib()
    problems += [f"{remaining} sagas are still open"] if remaining else []
    problems += [f"{waiting} sagas waited, not {size}"] if waiting != size else []
    problems += (
        [f"{completed_count} orders are completed, not {size}"] if completed_count != size else []
    )
    return {
        "size": size,
        "problems": problems,
        "seconds": seconds,
        "cpu_ms": {
            name: 1000 * seconds_of_process / size
            for name, seconds_of_process in cpu_seconds.items()
        },
        "mib_waiting": before,
        "mib_after": after,
        "peak_mib": memory.peak.proportional / 2**20,
        "audit_seconds": audit_seconds,
    }


def _is_taken(answer: Answer) -> bool | None:
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.retry_after:
        return None
    return answer.status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED)


async def _signal_batch(stack: Stack) -> None:
    """Start the batch as docs/OPERATING.md does."""
    process = await asyncio.create_subprocess_exec(
        temporal_binary(),
        *("workflow", "signal", "--address", f"127.0.0.1:{stack.temporal_port}"),
        *("--query", WAITING, "--name", "approve", "--yes", "--reason", "all are in order"),
        *("--input", '{"by": "ann", "reason": "all are in order"}'),
    )
    assert await process.wait() == 0


async def until_found(stack: Stack, query: str, count: int) -> int:
    """Wait until a query finds so many sagas, or as many for long; return how many it finds."""
    last = await count_sagas(stack, query)
    changed_at = time.monotonic()
    while last != count and time.monotonic() - changed_at < PATIENCE_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        now = await count_sagas(stack, query)
        if now != last:
            changed_at = time.monotonic()
        last = now
    return last


async def count_sagas(stack: Stack, query: str) -> int:
    """Return how many sagas a query finds."""
    return (await stack.client.count_workflows(query)).count
