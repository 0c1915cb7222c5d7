"""The figures as tables in Markdown, as docs/PERFORMANCE.md has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.figures import MIB

Figures = Mapping[str, Any]


def table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table."""
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def of_sizes(by_size: Mapping[str, Figures]) -> str:
    """Return what each number of closed orders leads to, a column each."""
    sizes = sorted(by_size, key=int)
    first = by_size[sizes[0]]
    rows: list[list[object]] = []

    def add(what: str, figure: Any) -> None:
        rows.append([what, *(figure(by_size[size]) for size in sizes)])

    for in_flight in first["placing"]:
        add(
            f"an order, {in_flight} in flight: p50 ms",
            lambda one, key=in_flight: f"{one['placing'][key]['p50_ms']:.0f}",
        )
        add(
            f"– CPU ms (others took % of the machine), {in_flight} in flight",
            lambda one, key=in_flight: (
                f"{sum(one['placing'][key]['cpu_ms'].values()):.0f} "
                f"({100 * one['placing'][key]['others_share']:.0f} %)"
            ),
        )
    for name in first["reads"]:
        add(
            f"{name}: p50, slowest ms",
            lambda one, key=name: (
                f"{one['reads'][key]['p50_ms']:.0f}, {one['reads'][key]['most_ms']:.0f}"
            ),
        )
    add("`make audit`, s", lambda one: f"{one['audit_seconds']:.1f}")
    for name in first["file_bytes"]:
        add(f"{name}, MiB", lambda one, key=name: f"{one['file_bytes'][key] / MIB:.1f}")
    add("memory after the start, MiB", lambda one: f"{sum(one['idle_mib'].values()):.0f}")
    add("memory after these orders and reads, MiB", lambda one: f"{sum(one['mib'].values()):.0f}")
    return table(["closed orders", *(f"{int(size):,}" for size in sizes)], rows)


def of_reviews(figures: Figures) -> str:
    """Return what the waiting sagas and their approval took, by process."""
    names = sorted(figures["mib_waiting"])
    rows = [
        [
            name,
            f"{figures['mib_waiting'][name]:.0f}",
            f"{figures['mib_after'].get(name, 0):.0f}",
            f"{figures['cpu_ms'].get(name, 0):.1f}",
        ]
        for name in names
    ]
    head = (
        f"{figures['size']:,} sagas in review, approved by one batch: all were closed after "
        f"{figures['seconds']:.0f} s ({figures['size'] / figures['seconds']:.1f} a second); "
        f"{figures['peak_mib']:.0f} MiB at most; the audit took {figures['audit_seconds']:.1f} s.\n"
    )
    columns = ["process", "MiB, all waiting", "MiB, all closed", "CPU ms for each"]
    return f"{head}\n{table(columns, rows)}"


def of_batches(by_name: Mapping[str, Figures]) -> str:
    """Return what a batch operation took and left, a column for each way it went."""
    rows: list[list[object]] = []

    def add(what: str, figure: Any) -> None:
        rows.append([what, *(figure(one) for one in by_name.values())])

    add("results when it was killed", lambda one: one["kill_at"] or "–")
    add("– had none then", lambda one: one.get("left", "–"))
    add("all had results after, s", lambda one: f"{one['seconds']:.0f}")
    add("all had closed after, s", lambda one: f"{one['closed_seconds']:.0f}")
    add("asked a second time", lambda one: one["asked_again"])
    add("approved; twice", lambda one: f"{one['approved']}; {one['approved_twice']}")
    for name in ("alone", "meanwhile"):
        add(
            f"new orders {name}: p50, p95 ms (orders)",
            lambda one, key=f"{name}_ms": (
                f"{one[key]['p50']:.0f}, {one[key]['p95']:.0f} ({one[key]['orders']})"
            ),
        )
    return table(["", *by_name], rows)


def of_large_orders(by_way: Mapping[str, Figures]) -> str:
    """Return what an order of many lines takes, a row for each way."""
    columns = ("", "lines", "p50 ms", "CPU ms", "events", "request KiB", "largest event KiB")
    rows = [
        [
            name,
            figures["lines"],
            f"{figures['placing']['p50_ms']:.0f}",
            f"{sum(figures['placing']['cpu_ms'].values()):.0f}",
            figures["events"],
            f"{figures['request_bytes'] / 1024:.0f}",
            f"{figures['largest_event_bytes'] / 1024:.0f}",
            f"{figures['history_bytes'] / 1024:.0f}",
            f"{figures['view_ms']:.0f}",
        ]
        for name, figures in by_way.items()
    ]
    return table((*columns, "history KiB", "GET ms"), rows)


def of_retention(figures: Figures) -> str:
    """Return what Temporal's file holds at each time, a row each."""
    rows = [
        [name, f"{one['bytes'] / MIB:.1f}", f"{one['free_bytes'] / MIB:.1f}", one["runs"]]
        for name, one in figures["figures"].items()
    ]
    return table(("", "temporal.db, MiB", "free in it, MiB", "runs"), rows)
