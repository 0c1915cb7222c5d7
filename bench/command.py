"""`make bench`: its arguments, and where the results go.

Exit codes: 0 when every contestant that took part was found in order, 1 when one was not, 2 when an
argument is wrong or a profile cannot be made.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.chart import chart
from bench.contestants.contestant import Contestant, Unavailable
from bench.contestants.table import BASE, CONTESTANTS
from bench.contestants.this_system import ThisSystem
from bench.machine import facts
from bench.processes import ROOT
from bench.profiler.profiler import Profiler
from bench.report import document, others_share, row
from bench.rounds import Plan, run
from bench.text import tables

ROUNDS = 3
ORDERS = 400
IN_FLIGHT = (1, 10, 50, 200)
SHORT_ROUNDS = 1
SHORT_ORDERS = 60
SHORT_IN_FLIGHT = (1, 10)
OUTPUT = ROOT / "var" / "bench"

QUIET_SHARE = 0.05
"""Of the machine's CPU: where others take more, the figures say little."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; return the exit code."""
    options = _parser().parse_args(arguments)
    contestants = _contestants(options.contestants)
    output: Path = options.output.absolute()
    try:
        profiler = Profiler(output / "samples") if options.profile else None
    except Unavailable as error:
        print(f"no profile can be made: {error}", file=sys.stderr)
        return 2
    plan = Plan(
        rounds=options.rounds or (SHORT_ROUNDS if options.short else ROUNDS),
        orders=options.orders or (SHORT_ORDERS if options.short else ORDERS),
        in_flight=options.in_flight or (SHORT_IN_FLIGHT if options.short else IN_FLIGHT),
        folder=output / "data",
        profiler=profiler,
    )
    about = facts(plan.folder)
    results = asyncio.run(run(contestants, plan, _say))
    rows = [row(result, plan.in_flight) for result in results]
    name = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    caption = (
        f"{about['cores']} cores, {about['processor']}; {about['at'][:10]}, {about['commit']}; "
        f"{'one round' if plan.rounds == 1 else f'medians of {plan.rounds} rounds'}"
    )
    if (others := others_share(rows)) > QUIET_SHARE:
        caption += f"; NOT QUIET: others took up to {100 * others:.0f} % of the CPU"
    ours = frozenset(one.name for one in contestants if isinstance(one, ThisSystem))
    whole = document(results, rows, plan, about)
    (output / f"{name}.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    (output / f"{name}.svg").write_text(chart(rows, plan.in_flight, ours, caption))
    if plan.profiler is not None:
        (output / f"{name}-profiles.txt").write_text("\n".join(plan.profiler.sections))
    _say(f"\n{caption}\n\n{tables(rows, plan.in_flight, BASE)}\n\n{output / name}.json, .svg")
    return 1 if any(row.problems for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=_count, help=f"how often all are measured; {ROUNDS}")
    parser.add_argument("--orders", type=_count, help=f"placed at each number in flight; {ORDERS}")
    parser.add_argument(
        "--in-flight", type=_counts, help=f"those numbers; {' '.join(map(str, IN_FLIGHT))}"
    )
    parser.add_argument(
        "--contestants",
        type=_names,
        default=(),
        help="who takes part; all: " + ", ".join(one.name for one in CONTESTANTS),
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help=f"{SHORT_ROUNDS} round of {SHORT_ORDERS} orders at "
        f"{' and '.join(map(str, SHORT_IN_FLIGHT))} in flight, unless said otherwise",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="look where the CPU of Python processes goes, which slows them down",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the results go")
    return parser


def _contestants(names: Sequence[str]) -> list[Contestant]:
    return [one for one in CONTESTANTS if one.name in names or not names]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(word) for word in text.replace(",", " ").split())


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.replace(",", " ").split())
    all_names = {one.name for one in CONTESTANTS}
    if unknown_names := sorted(set(names) - all_names):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown_names)}")
    return names


def _say(line: str) -> None:
    print(line, flush=True)
