"""Copies of real sagas in the file of Temporal's development server, written while it is stopped.

A copy has a workflow id and a run id of its own, of the same lengths as the original's, in columns
and in protobuf alike. The server sees no difference: it describes, lists, signals, resets and
deletes a copy as any other run. What a copy does not have are tasks in queues: the sagas must rest
(closed, or waiting for a timer) when the server is stopped.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from bench.growth.copies import (
    MOST_GENERATIONS,
    Row,
    columns,
    fast_writes,
    insert,
    mark,
    read,
    replace_in,
    tables,
)

FILE = "temporal.db"
GENERATION_BITS = 40
"""A task's number of a later generation begins so high: beyond what any server has counted to."""


@dataclass(frozen=True)
class Run:
    """One run of a saga, with all rows that are its own.

    Args:
        run_id: its id, which is also that of its history's tree.
        rows: by table; of its timers those that are still to come.
    """

    run_id: UUID
    rows: dict[str, list[Row]]


def copy_sagas(folder: Path, generations: Sequence[int]) -> None:
    """Copy the sagas of generation 0's orders.

    Raises:
        ValueError: one of them is not at rest: it has a workflow task or an activity under way.
    """
    with fast_writes(folder / FILE) as connection:
        names = {table: columns(connection, table) for table in _tables_of_runs(connection)}
        runs = list(_runs(connection, names))
        for table, columns_ in names.items():
            insert(connection, table, columns_, _copies(runs, table, columns_, generations))


def _tables_of_runs(connection: sqlite3.Connection) -> list[str]:
    """Return the tables that hold rows of a run, by the columns that they have."""
    return [
        table
        for table in tables(connection)
        if table == "timer_tasks" or {"run_id", "tree_id"} & {*columns(connection, table)}
    ]


def _runs(connection: sqlite3.Connection, names: dict[str, list[str]]) -> Iterator[Run]:
    """Read the runs that are to be copied."""
    condition = f"workflow_id LIKE 'order-{mark(0)}%'"
    timers = _timers_to_come(connection, names["timer_tasks"])
    for (raw,) in connection.execute(f"SELECT run_id FROM executions WHERE {condition}").fetchall():  # noqa: S608
        run_id = UUID(bytes=raw)
        rows = {}
        for table, columns_ in names.items():
            if table == "timer_tasks":
                rows[table] = timers.get(str(run_id), [])
            else:
                key = "tree_id" if "tree_id" in columns_ else "run_id"
                value = f"'{run_id}'" if table == "executions_visibility" else f"x'{run_id.hex}'"
                rows[table] = read(connection, table, columns_, f"{key} = {value}")
        yield Run(run_id, rows)


def _timers_to_come(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, list[Row]]:
    """Return the timers by run: they hold its id as text.

    Those of steps that ended are left out: a running server drops them within the minute.
    """
    timers: dict[str, list[Row]] = {}
    data = names.index("data")
    for row in read(
        connection, "timer_tasks", names, "visibility_timestamp > datetime('now', '+20 minutes')"
    ):
        if run_id := _run_id_in(row[data]):
            timers.setdefault(run_id, []).append(row)
    return timers


def _run_id_in(blob: bytes) -> str | None:
    """Return the third field of a task in protobuf: namespace and workflow come before it."""
    position = 0
    text = None
    for tag in (b"\n", b"\x12", b"\x1a"):
        if blob[position : position + 1] != tag:
            return None
        length = blob[position + 1]
        text = blob[position + 2 : position + 2 + length]
        position += 2 + length
    return text.decode() if text else None


def _copies(
    runs: Iterable[Run], table: str, names: Sequence[str], generations: Sequence[int]
) -> Iterator[Row]:
    for run in runs:
        for generation in generations:
            run_id = id_of_copy(run.run_id, generation)
            pairs = [(mark(0), mark(generation)), (str(run.run_id), str(run_id))]
            for row in run.rows[table]:
                copy = replace_in(row, pairs, (run.run_id.bytes, run_id.bytes))
                if table == "timer_tasks":
                    at = names.index("task_id")
                    number = copy[at] + (generation << GENERATION_BITS)
                    copy = (*copy[:at], number, *copy[at + 1 :])
                yield copy


def id_of_copy(run_id: UUID, generation: int) -> UUID:
    """Return the run id of a copy: its last bits are others for each generation."""
    assert 0 < generation < MOST_GENERATIONS
    return UUID(int=run_id.int ^ generation)
