"""What an order and a look at orders cost, after so many closed orders."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.growth.copies import copy_orders, prefix
from bench.growth.histories import copy_sagas
from bench.growth.reads import deep_page, requests, time_reads
from bench.growth.stack import Stack, file_sizes, run_stack
from bench.growth.verification import count_closed, problems_of_audit, problems_of_copies
from bench.load import place_all
from bench.rounds import place_and_measure
from bench.workload import open_shop, orders

BASE_IN_FLIGHT = 10
PLACED = {1: 60, 10: 120}
"""How many orders are measured, by how many are in flight."""

WARM_UP_ORDERS = 30
DEEP_PAGES = 20


def empty_shop(folder: Path) -> None:
    """Make a data directory with a shop in it, and with no order."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    open_shop(folder)


async def build(folder: Path, count: int, settings: Mapping[str, str]) -> list[str]:
    """Complete so many real orders in an empty shop; return what went wrong."""
    async with run_stack(folder, settings) as stack:
        load = await place_all(stack.running.door, orders(prefix(0), count), BASE_IN_FLIGHT)
    return list(load.errors)


def fill(folder: Path, count: int, present: int, size: int) -> None:
    """Copy the real orders until there are `size`.

    Args:
        folder: the data directory of a stopped system.
        count: how many of its orders are real.
        present: how many orders of all generations it has.
        size: a multiple of `count`.
    """
    generations = range(present // count, size // count)
    copy_orders(folder, generations)
    copy_sagas(folder, generations)


async def measure_size(
    folder: Path, count: int, size: int, settings: Mapping[str, str]
) -> dict[str, Any]:
    """Return the figures of a system with so many closed orders."""
    name = f"at{size}-{int(time.time())}"  # new orders, also when it is measured again
    at_start = file_sizes(folder)
    async with run_stack(folder, settings) as stack:
        idle = stack.memory_mib()
        closed_count = await count_closed(stack.client)
        problems = (
            [] if closed_count >= size else [f"Temporal counts {closed_count} completed sagas"]
        )
        if size > count:
            last = size // count - 1
            problems += await problems_of_copies(stack, sorted({1, last}), [0, count - 1])
        await place_all(stack.running.door, orders(f"{name}-w", WARM_UP_ORDERS), BASE_IN_FLIGHT)
        placing = {}
        for in_flight, number in PLACED.items():
            batch = orders(f"{name}-{in_flight}", number)
            _, figures = await place_and_measure(stack.running, batch, in_flight)
            problems += figures.errors
            placing[in_flight] = asdict(figures)
        reads = await _reads(stack)
        audit_problems, audit_seconds = await problems_of_audit(stack)
        after = stack.memory_mib()
    return {
        "size": size,
        "problems": problems + audit_problems,
        "placing": placing,
        "reads": reads,
        "audit_seconds": audit_seconds,
        "file_bytes": at_start,
        "idle_mib": idle,
        "mib": after,
    }


async def _reads(stack: Stack) -> dict[str, Any]:
    paths = requests() | {f"list, page {DEEP_PAGES + 1}": await deep_page(stack, DEEP_PAGES)}
    return {name: asdict(times) for name, times in (await time_reads(stack, paths)).items()}
