"""What Temporal's file holds before and after sagas are deleted, and whether reading changes it."""

import asyncio
import sqlite3
import struct
import time
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.growth.copies import columns, fast_writes, read, tables
from bench.growth.histories import FILE
from bench.growth.reads import requests
from bench.growth.sizes import BASE_IN_FLIGHT
from bench.growth.stack import Stack, run_stack
from bench.growth.verification import problems_of_audit
from bench.load import place_all
from bench.workload import orders

DUE_SECONDS = 20
"""The server that is started next finds the timers due so soon: not before it is up."""

LOOK_SECONDS = 1
PATIENCE_SECONDS = 120
"""When so long no run is deleted, none will be."""

SECONDS_TAG = b"\x08"
TIME_TAG = b"Z"
"""Of a timer task's time, in the server's protobuf: the message, and its seconds."""


def expire(folder: Path, now: float) -> int:
    """Let the retention of all closed runs of a stopped system end; return how many there are.

    The namespace's retention may be no shorter than an hour. So their timers are moved, in the
    column and in the protobuf, where a time in seconds is as long as any other.
    """
    due = int(now) + DUE_SECONDS
    column = time.strftime("%Y-%m-%d %H:%M:%S.000+00:00", time.gmtime(due))
    with fast_writes(folder / FILE) as connection:
        names = ["rowid", "visibility_timestamp", "data"]
        later = "visibility_timestamp > datetime('now', '+20 minutes')"
        timers = [
            row for row in read(connection, "timer_tasks", names, later) if b"order-" in row[2]
        ]
        connection.executemany(
            "UPDATE timer_tasks SET visibility_timestamp = ?, data = ? WHERE rowid = ?",
            [(column, move(data, due), rowid) for rowid, _, data in timers],
        )
    return len(timers)


def move(task: bytes, at: int) -> bytes:
    """Return a timer task in protobuf with another time, in seconds."""
    for place in range(len(task) - 8):
        if task[place : place + 1] == TIME_TAG and task[place + 2 : place + 3] == SECONDS_TAG:
            return task[: place + 3] + varint(at) + task[place + 3 + len(varint(at)) :]
    raise ValueError("it is no timer task")


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    result = b""
    while number > 0x7F:  # noqa: PLR2004
        result += struct.pack("B", number & 0x7F | 0x80)
        number >>= 7
    return result + struct.pack("B", number)


def file_figures(folder: Path) -> dict[str, int]:
    """Return the bytes of Temporal's file, those of them that are free, and its runs."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size, pages, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
    return {"bytes": size * pages, "free_bytes": size * free, "runs": count_runs(folder)}


def count_runs(folder: Path) -> int:
    """Return how many runs of orders' sagas there are."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        [count] = connection.execute(
            "SELECT COUNT(*) FROM executions WHERE workflow_id LIKE 'order-%'"
        ).fetchone()
    return int(count)


async def measure_retention(
    folder: Path, count: int, settings: Mapping[str, str]
) -> dict[str, Any]:
    """Return Temporal's file before and after deletion, and after as many orders again.

    Args:
        folder: the data directory of a stopped system, of which all sagas are closed.
        count: how many orders are placed afterwards, and deleted again.
        settings: of the system.
    """
    figures = {"before": file_figures(folder)}
    problems: list[str] = []
    for name in ("again", "once more"):
        expire(folder, time.time())
        async with run_stack(folder, settings) as stack:
            start = time.monotonic()
            remaining = await until_deleted(folder)
            seconds = time.monotonic() - start
            problems += [f"{remaining} runs are still there"] if remaining else []
            problems += (await problems_of_audit(stack))[0]
        figures[f"deleted before {name}"] = file_figures(folder) | {"seconds": int(seconds)}
        async with run_stack(folder, settings) as stack:
            batch = orders(name.replace(" ", "-"), count)
            problems += (await place_all(stack.running.door, batch, BASE_IN_FLIGHT)).errors
        figures[name] = file_figures(folder)
    return {"problems": problems, "figures": figures}


async def until_deleted(folder: Path) -> int:
    """Wait until all runs are gone, or no more go; return how many are left."""
    remaining = count_runs(folder)
    changed_at = time.monotonic()
    while remaining and time.monotonic() - changed_at < PATIENCE_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        now = count_runs(folder)
        if now != remaining:
            changed_at = time.monotonic()
        remaining = now
    return remaining


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Return of each table of Temporal's file how many rows it has, and a digest of them."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return {
            table: _digest(read(connection, table, columns(connection, table)))
            for table in tables(connection)
        }


def _digest(rows: list[tuple[Any, ...]]) -> tuple[int, str]:
    return len(rows), sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()


async def changed_by_reads(stack: Stack) -> list[str]:
    """Make each request that looks at orders; return the tables that differ afterwards."""
    before = contents(stack.folder)
    for path in requests().values():
        await stack.get(path)
    after = contents(stack.folder)
    return [table for table in before if before[table] != after[table]]
