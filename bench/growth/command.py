"""`make growth`: its arguments, and where the results go.

Exit codes: 0 when all was in order, 1 when something was not, 2 when an argument is wrong.
"""

import argparse
import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.growth import tables
from bench.growth.batch_operation import approve_by_batch
from bench.growth.copies import MOST_GENERATIONS
from bench.growth.large_order import measure_large_order
from bench.growth.retention import measure_retention
from bench.growth.reviews import approve_all, fill_reviews, open_reviews
from bench.growth.sizes import build, empty_shop, fill, measure_size
from bench.machine import facts
from bench.processes import ROOT

WAYS: Mapping[str, Mapping[str, str]] = {"up": {}, "up-local": {"LOCAL_ACTIVITIES": "on"}}
"""As in `make bench`: the settings of the ways in which steps are run."""

REAL_ORDERS = 1_000
SIZES = (1_000, 10_000, 100_000)
REVIEWS = 10_000
BATCH = 3_000
OUTPUT = ROOT / "var" / "growth"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print it as tables; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for size in (
        *options.sizes,
        *(max(size, options.real) for size in (options.reviews, options.batch)),
    ):
        if size % options.real or size // options.real > MOST_GENERATIONS:
            parser.error(f"{size} is no multiple of {options.real}, or of too few of them")
    options.output = options.output.absolute()
    problems: list[str] = []
    whole: dict[str, Any] = {"about": facts(options.output)}
    for part in options.parts:
        print(f"{part} …", flush=True)
        figures, problems_of_part, text = PART[part](options)
        whole[part] = figures
        problems += problems_of_part
        (options.output / "figures.json").write_text(json.dumps(whole, indent=1) + "\n")
        print(f"\n{text}\n", flush=True)
    for problem in problems:
        print(f"WRONG: {problem}")
    return 1 if problems else 0


Part = tuple[Any, list[str], str]


def _sizes(options: argparse.Namespace) -> Part:
    folder = options.output / "closed"
    empty_shop(folder)
    problems = asyncio.run(build(folder, options.real, WAYS["up"]))
    figures = {}
    present = options.real
    for size in options.sizes:
        fill(folder, options.real, present, size)
        present = max(present, size)
        figures[str(size)] = one = asyncio.run(measure_size(folder, options.real, size, WAYS["up"]))
        problems += one["problems"]
        print(f"{size} closed orders: {len(one['problems'])} problems", flush=True)
    return figures, problems, tables.of_sizes(figures)


def _reviews(options: argparse.Namespace) -> Part:
    folder = options.output / "reviews"
    count = min(options.real, options.reviews)
    empty_shop(folder)
    problems = asyncio.run(open_reviews(folder, count, WAYS["up"]))
    fill_reviews(folder, count, options.reviews)
    figures = asyncio.run(approve_all(folder, options.reviews, WAYS["up"]))
    shutil.rmtree(folder)
    return figures, problems + figures["problems"], tables.of_reviews(figures)


def _batch(options: argparse.Namespace) -> Part:
    folder = options.output / "batch"
    count = min(options.real, options.batch)
    figures = {}
    problems = []
    for name, kill_at in (("undisturbed", None), ("killed", options.batch * 2 // 5)):
        empty_shop(folder)
        problems += asyncio.run(open_reviews(folder, count, WAYS["up"]))
        fill_reviews(folder, count, options.batch)
        figures[name] = asyncio.run(approve_by_batch(folder, options.batch, WAYS["up"], kill_at))
        problems += figures[name]["problems"]
        shutil.rmtree(folder)
    return figures, problems, tables.of_batches(figures)


def _large(options: argparse.Namespace) -> Part:
    figures = {}
    for name, settings in WAYS.items():
        folder = options.output / name
        empty_shop(folder)
        figures[name] = asyncio.run(measure_large_order(folder, settings))
        shutil.rmtree(folder)
    problems = [problem for one in figures.values() for problem in one["problems"]]
    return figures, problems, tables.of_large_orders(figures)


def _retention(options: argparse.Namespace) -> Part:
    folder = options.output / "retention"
    empty_shop(folder)
    problems = asyncio.run(build(folder, options.real, WAYS["up"]))
    figures = asyncio.run(measure_retention(folder, options.real, WAYS["up"]))
    shutil.rmtree(folder)
    return figures, problems + figures["problems"], tables.of_retention(figures)


PART: Mapping[str, Callable[[argparse.Namespace], Part]] = {
    "sizes": _sizes,
    "reviews": _reviews,
    "batch": _batch,
    "large": _large,
    "retention": _retention,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make growth", description=__doc__)
    parser.add_argument(
        "--parts", nargs="+", choices=[*PART], default=[*PART], help="what to measure; all"
    )
    parser.add_argument(
        "--real",
        type=_count,
        default=REAL_ORDERS,
        help="orders really placed; the others are copies",
    )
    parser.add_argument("--sizes", type=_count, nargs="+", default=SIZES, help="closed orders")
    parser.add_argument("--reviews", type=_count, default=REVIEWS, help="sagas in review")
    parser.add_argument("--batch", type=_count, default=BATCH, help="orders of a batch operation")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the results go")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number
