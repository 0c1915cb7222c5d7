"""One batch operation that approves many orders, and what new orders wait for meanwhile."""

import asyncio
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from bench.figures import milliseconds
from bench.growth.reviews import RUNNING, count_sagas, until_found
from bench.growth.stack import Stack, run_stack
from bench.growth.verification import problems_of_audit
from bench.http_client import HttpClient
from bench.load import Load, place_all
from bench.processes import tree
from bench.workload import order, orders

PATH = "/batch-operations"
BATCH_ID = "approve-all"
ACT = {
    "act": "approve",
    "filter": {"state": "AWAITING_REVIEW"},
    "by": "ann",
    "reason": "all are in order",
}
ALONE = 60
"""New orders that are placed before, to compare with."""

PAUSE_SECONDS = 1
"""Between two new orders, and between two looks."""

LIMIT_SECONDS = 1_800
UNKNOWN = sys.maxsize


async def approve_by_batch(
    folder: Path, size: int, settings: Mapping[str, str], kill_at: int | None = None
) -> dict[str, Any]:
    """Approve all waiting orders by one batch operation; return what it took, and what is wrong.

    Args:
        folder: the data directory of a stopped system with `size` orders in review.
        size: how many there are.
        settings: of the system.
        kill_at: with so many results every process gets SIGKILL, and all start again: the
            seconds are then those from there.
    """
    figures: dict[str, Any] = {"size": size, "kill_at": kill_at}
    problems: list[str] = []
    async with run_stack(folder, settings) as stack:
        await place_all(stack.running.door, orders("warm", 20), 1)
        alone = await place_all(stack.running.door, orders("alone", ALONE), 1)
        start = time.monotonic()
        problems += await _start(stack, size)
        meanwhile, left = await _watch(stack, size - (kill_at or size), "meanwhile")
        figures["seconds"] = time.monotonic() - start
        if kill_at:
            figures["left"] = left
            _kill(stack)
        else:
            problems += await _ends(stack, figures, start)
    if kill_at:
        async with run_stack(folder, settings) as stack:
            start = time.monotonic()
            after, left = await _watch(stack, 0, "after")
            problems += after.errors
            figures["seconds"] = time.monotonic() - start
            problems += await _ends(stack, figures, start)
    figures |= _twice(folder)
    problems += [*alone.errors, *([] if kill_at else meanwhile.errors)]
    problems += [f"{left} orders have no result"] if left else []
    return figures | {
        "problems": problems,
        "alone_ms": _percentiles(alone),
        "meanwhile_ms": _percentiles(meanwhile),
    }


async def _start(stack: Stack, size: int) -> list[str]:
    async with HttpClient(stack.api_port) as client:
        body = json.dumps({"batch_id": BATCH_ID, **ACT, "count": size}).encode()
        answer = await client.request("POST", PATH, body)
    return [] if answer.status == HTTPStatus.ACCEPTED else [f"it did not start: {answer}"]


async def _watch(stack: Stack, until_left: int, name: str) -> tuple[Load, int]:
    """Place new orders, one after the other, until so many have no result; return both."""
    latencies: list[float] = []
    errors: list[str] = []

    async def place_new() -> None:
        for number in count():
            load = await place_all(stack.running.door, [order(name, number)], 1)
            latencies.extend(load.latencies)
            errors.extend(load.errors)
            await asyncio.sleep(PAUSE_SECONDS)

    start = time.monotonic()
    placing = asyncio.create_task(place_new())
    while (left := await _left(stack)) > until_left:
        if time.monotonic() - start > LIMIT_SECONDS:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    placing.cancel()
    await asyncio.wait([placing])
    return Load(tuple(latencies), (), tuple(errors), time.monotonic() - start), left


async def _left(stack: Stack) -> int:
    """Return how many orders have no result, or none once the batch operation is over."""
    answer, _ = await stack.get(f"{PATH}/{BATCH_ID}")
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return UNKNOWN
    return 0 if answer.body["ended_at"] else max(1, answer.body["counts"]["WAITING"])


async def _ends(stack: Stack, figures: dict[str, Any], start: float) -> list[str]:
    """Wait until every saga has closed; note when, and return what is wrong then."""
    remaining = await until_found(stack, RUNNING, 0)
    figures["closed_seconds"] = time.monotonic() - start
    problems, _ = await problems_of_audit(stack)
    waiting = await count_sagas(stack, 'SagaState = "AWAITING_REVIEW"')
    problems += [f"{remaining} sagas are still open"] if remaining else []
    return problems + ([f"{waiting} sagas still wait"] if waiting else [])


def _kill(stack: Stack) -> None:
    for process in tree(stack.running.roots):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _twice(folder: Path) -> dict[str, Any]:
    """Return what the order service's records say of what was done more than once."""
    with closing(sqlite3.connect(folder / "order.db")) as database:
        outcomes = database.execute("SELECT outcome, tries FROM batch_orders").fetchall()
        counts = database.execute(
            "SELECT count(*) FROM decisions WHERE act = 'approve' GROUP BY order_id"
        ).fetchall()
    return {
        "outcomes": dict(Counter(outcome for outcome, _ in outcomes)),
        "asked_again": sum(tries > 1 for _, tries in outcomes),
        "approved": len(counts),
        "approved_twice": sum(approvals > 1 for (approvals,) in counts),
    }


def _percentiles(load: Load) -> dict[str, float | None]:
    return {
        "orders": len(load.latencies),
        "p50": milliseconds(load.latencies, 0.50),
        "p95": milliseconds(load.latencies, 0.95),
    }
