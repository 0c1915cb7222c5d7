"""The results as a picture: SVG that is legible on light and dark pages."""

import math
from collections.abc import Iterator, Sequence
from textwrap import shorten
from xml.sax.saxutils import escape

from bench.report import Row
from bench.text import MOST_NOTE

WIDTH = 960
LEFT = 190
"""The contestants' names."""
GAP = 24
ROW = 20
HEAD = 58
BETWEEN = 40
FOOT = 40
BAR = 12

STYLE = """
  .page { fill: #ffffff } text { fill: #1f2328; font: 12px system-ui, sans-serif }
  .title { font-weight: 600; font-size: 14px } .small { fill: #59636e; font-size: 11px }
  .note { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .line { stroke: #d1d9e0 } .ours { fill: #0969da; stroke: #0969da }
  .other { fill: #818b98; stroke: #818b98 } .range { stroke-width: 2; fill: none }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc } .small { fill: #9198a1 }
    .note { stroke: #0d1117 }
    .line { stroke: #3d444d } .ours { fill: #4493f8; stroke: #4493f8 }
    .other { fill: #9198a1; stroke: #9198a1 }
  }
"""


def chart(rows: Sequence[Row], in_flight: Sequence[int], ours: frozenset[str], caption: str) -> str:
    """Return an SVG document: rates above, latencies below, a column for each number in flight.

    Args:
        rows: those without figures are named, with the reason.
        in_flight: the numbers of orders in flight.
        ours: the contestants that are set off.
        caption: one line at the bottom.
    """
    panel_height = HEAD + ROW * len(rows)
    height = 2 * panel_height + BETWEEN + FOOT
    below = panel_height + BETWEEN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(caption)}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        *_panel(rows, in_flight, ours, 0, "Orders completed in a second (longer is better)"),
        *_panel(
            rows,
            in_flight,
            ours,
            below,
            "Milliseconds from request to answer: p50 to p99, a tick at p95 "
            "(further left is better; logarithmic)",
            latencies=True,
        ),
        _text(16, height - 16, caption, "small"),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(
    rows: Sequence[Row],
    in_flight: Sequence[int],
    ours: frozenset[str],
    top: int,
    title: str,
    *,
    latencies: bool = False,
) -> Iterator[str]:
    yield _text(16, top + 24, title, "title")
    for index, row in enumerate(rows):
        y = top + HEAD + ROW * index
        yield _text(LEFT - 10, y + BAR, row.name, "name", anchor="end")
    width = (WIDTH - LEFT - 16 - GAP * (len(in_flight) - 1)) / len(in_flight)
    for column, number in enumerate(in_flight):
        x = LEFT + column * (width + GAP)
        yield _text(x, top + HEAD - 12, f"{number} in flight", "small")
        bottom = top + HEAD + ROW * len(rows)
        yield f'<path class="line" d="M{x:.1f} {top + HEAD - 4}V{bottom}"/>'
        draw = _ranges if latencies else _bars
        yield from draw(rows, number, ours, x, top + HEAD, width)
    for index, row in enumerate(rows):
        if row.note is not None:
            note = shorten(row.note, MOST_NOTE, placeholder=" …")
            yield _text(LEFT + 6, top + HEAD + ROW * index + BAR, note, "small note")


def _bars(
    rows: Sequence[Row], number: int, ours: frozenset[str], x: float, top: int, width: float
) -> Iterator[str]:
    """Yield a bar for each rate, with its number behind it."""
    most = max((row.summaries[number].rate for row in rows if row.summaries), default=1)
    for index, row in enumerate(rows):
        if row.summaries:
            rate = row.summaries[number].rate
            length = (width - 40) * rate / most
            y = top + ROW * index + 2
            yield (
                f'<rect class="{_kind(row, ours)}" x="{x:.1f}" y="{y}" '
                f'width="{length:.1f}" height="{BAR}"/>'
            )
            text = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004
            yield _text(x + length + 5, y + BAR - 2, text, "value")


def _ranges(
    rows: Sequence[Row], number: int, ours: frozenset[str], x: float, top: int, width: float
) -> Iterator[str]:
    """Yield a line from p50 to p99 for each contestant, with the p50 in figures."""
    points = {
        row.name: (figures.p50_ms, figures.p95_ms or 0.0, figures.p99_ms or 0.0)
        for row in rows
        if row.summaries and (figures := row.summaries[number]).p50_ms
    }
    durations = [value for values in points.values() for value in values if value]
    if not durations:
        return
    least = math.log(min(durations))
    most = math.log(max(durations) * 1.01)

    def at(value: float) -> float:
        return x + 44 + (width - 52) * (math.log(value) - least) / max(most - least, 0.1)

    for index, row in enumerate(rows):
        if row.name in points:
            p50, p95, p99 = points[row.name]
            y = top + ROW * index + 8
            kind = _kind(row, ours)
            yield (
                f'<path class="{kind} range" d="M{at(p50):.1f} {y}H{at(p99):.1f}'
                f'M{at(p95):.1f} {y - 4}v8"/>'
            )
            yield f'<circle class="{kind}" cx="{at(p50):.1f}" cy="{y}" r="4"/>'
            yield _text(x + 34, y + 4, f"{p50:.0f}", "value", anchor="end")


def _kind(row: Row, ours: frozenset[str]) -> str:
    return "ours" if row.name in ours else "other"


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )
