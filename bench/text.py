"""The results as text: a table for each number of orders in flight, and where the CPU went."""

from collections.abc import Iterator, Sequence
from textwrap import shorten

from bench.report import Row

COLUMNS = (
    ("orders/s", 9),
    ("least–most", 13),
    ("× base", 7),
    ("p50 ms", 8),
    ("p95 ms", 8),
    ("p99 ms", 8),
    ("CPU ms", 7),
    ("MiB", 6),
    ("errors", 7),
    ("others", 7),
)
KIB = 1024
MOST_NOTE = 120
"""Characters of a reason; the JSON has all of them."""


def tables(rows: Sequence[Row], in_flight: Sequence[int], base: str) -> str:
    """Return everything that is shown on a terminal."""
    parts = ["\n".join(_table(rows, number, base)) for number in in_flight]
    parts.append("\n".join(_processes(rows, in_flight)))
    parts.append("\n".join(_sizes(rows)))
    return "\n\n".join(parts)


def _table(rows: Sequence[Row], number: int, base: str) -> Iterator[str]:
    title = f"{number} in flight"
    width = max(len(title), *(len(row.name) for row in rows))
    head = "".join(f"{name:>{size}}" for name, size in COLUMNS)
    yield title.ljust(width) + head
    base_rate = next(
        (row.summaries[number].rate for row in rows if row.name == base and row.summaries), None
    )
    for row in rows:
        if row.note is not None:
            yield f"{row.name:<{width}}  {shorten(row.note, MOST_NOTE, placeholder=' …')}"
            continue
        figures = row.summaries[number]
        values = (
            f"{figures.rate:.1f}",
            f"{min(figures.rates):.1f}–{max(figures.rates):.1f}",
            f"{figures.rate / base_rate:.2f}" if base_rate else "–",
            *(_whole(value) for value in (figures.p50_ms, figures.p95_ms, figures.p99_ms)),
            _whole(figures.all_cpu_ms),
            _whole(figures.peak_mib),
            str(figures.errors),
            f"{100 * figures.others_share:.0f} %",
        )
        cells = zip(values, COLUMNS, strict=True)
        yield f"{row.name:<{width}}" + "".join(f"{text:>{size}}" for text, (_, size) in cells)


def _processes(rows: Sequence[Row], in_flight: Sequence[int]) -> Iterator[str]:
    """Yield the CPU of an order by process, at 10 in flight or at the number that is nearest."""
    number = min(in_flight, key=lambda number: abs(number - 10))
    yield f"CPU milliseconds of an order by process, {number} in flight"
    for row in rows:
        if number in row.summaries:
            figures = row.summaries[number]
            by_cost = sorted(figures.cpu_ms.items(), key=lambda item: -item[1])
            shares = ", ".join(f"{name} {cost:.1f}" for name, cost in by_cost if cost >= 0.05)  # noqa: PLR2004
            yield f"  {row.name}: {shares}; placing it {figures.load_cpu_ms:.1f}"


def _sizes(rows: Sequence[Row]) -> Iterator[str]:
    yield "idle memory; bytes on disk of an order: the engine's, the participants'"
    for row in rows:
        if row.summaries:
            yield (
                f"  {row.name}: {row.idle_mib:.0f} MiB; {row.engine_bytes / KIB:.1f} KiB, "
                f"{row.participant_bytes / KIB:.1f} KiB"
            )


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
