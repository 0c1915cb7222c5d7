"""The requests by which people look at orders, and how long each takes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from bench.growth.copies import mark
from bench.growth.stack import Stack
from bench.workload import customer
from contracts.states import OrderStatus, SagaState

CONSOLE_PAGE = 25
MOST_ON_A_PAGE = 100
ROUNDS = 5
PAUSE_SECONDS = 5.1
"""Between rounds: longer than any answer is kept, so that each request is worked out anew."""


@dataclass(frozen=True)
class ReadTimes:
    """How long one request takes.

    Args:
        p50_ms: half of them.
        most_ms: the slowest.
        entries: on the page; None where it is no list.
    """

    p50_ms: float
    most_ms: float
    entries: int | None


def requests() -> dict[str, str]:
    """Return the paths, by what they show."""
    page = f"/orders?limit={MOST_ON_A_PAGE}"
    states = {f"list, state {state}": f"{page}&state={state}" for state in SagaState}
    statuses = {f"list, status {status}": f"{page}&status={status}" for status in OrderStatus}
    return {
        "list, newest, 25 as the console": f"/orders?limit={CONSOLE_PAGE}",
        "list, newest": page,
        **states,
        **statuses,
        "list, reason OUT_OF_STOCK": f"{page}&reason=OUT_OF_STOCK",
        "list, a customer's": f"{page}&customer_id={customer(7)}",
        "list, a customer's failed": f"{page}&customer_id={customer(7)}&state=FAILED",
        "list, needs attention": f"{page}&needs_attention=true",
        "overview": "/overview",
        "closed lately, 30 d": "/overview/closed?span=30d",
        "one order": f"/orders/{mark(0)}7",
    }


async def time_reads(stack: Stack, paths: Mapping[str, str]) -> dict[str, ReadTimes]:
    """Make each request once a round, one after the other; the first round does not count."""
    times: dict[str, list[float]] = {name: [] for name in paths}
    entries: dict[str, int | None] = {}
    for number in range(ROUNDS + 1):
        for name, path in paths.items():
            answer, milliseconds = await stack.get(path)
            assert answer.status == 200, (path, answer)  # noqa: PLR2004
            if number:
                times[name].append(milliseconds)
            entries[name] = len(answer.body["orders"]) if "orders" in answer.body else None
        if number < ROUNDS:
            await asyncio.sleep(PAUSE_SECONDS)
    return {
        name: ReadTimes(median(values), max(values), entries[name])
        for name, values in times.items()
    }


async def deep_page(stack: Stack, pages: int) -> str:
    """Return the path of the list's page that comes after so many."""
    path = f"/orders?limit={MOST_ON_A_PAGE}"
    for _ in range(pages):
        answer, _ = await stack.get(path)
        if answer.body["next"] is None:
            break
        path = answer.body["next"]
    return path
