"""`make demo`: a day of a real shop through a stack of its own; then who completed, who failed and why, how fast, the invariants.

Every invoice of the day is placed over HTTP as that customer's order; stock and wallets are what operations.shop.seed makes of
this day. Run again on the same DATA_DIR or databases, every order is recognised and nothing is charged twice.

It ends by itself: with 0 when every order has ended as orders of a shop do, completed or short of stock or of money, and the
invariants hold; with 1 if not, with 2 when the file is no shop day.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from config import EphemeralStackSettings, Settings
from contracts.prose import describe
from contracts.text import cleaned
from contracts.views import OrderView, TimelineEntry
from operations.audit.invariants import CannotRead
from operations.audit.report import Report, audit, show
from operations.demo.load import IN_FLIGHT, Outcome, Placed, Till
from operations.demo.stack import DidNotStart, own, running
from operations.shop.seed import SHOP_DAYS
from operations.shop.shop_days import ShopData, read_days
from operations.up.preflight import CannotStart, read_settings
from operations.up.readiness import api_url

DAY = SHOP_DAYS / "2010-12-01.csv"
COLOURS = {
    "state": "bold cyan",
    "command": "default",
    "event": "green",
    "decision": "magenta",
    "note": "yellow",
}
BAD = frozenset({"ROLLING_BACK", "FAILED"})
MOST_TOLD = 5

OF_THE_SHOP = ("OUT_OF_STOCK", "INSUFFICIENT_FUNDS")
"""Reasons for which orders fail on a day in a shop where everything works."""


async def demonstrate(day: Path, data: ShopData, settings: Settings, console: Console) -> bool:
    """Place the day on a stack of its own and tell what came of it; return whether it is sound.

    Raises:
        DidNotStart: the stack does not come up.
        CannotRead: its databases cannot be looked at.
    """
    ended_by = asyncio.current_task()
    assert ended_by is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            asyncio.get_running_loop().add_signal_handler(number, ended_by.cancel)
    lines = sum(len(order.lines) for order in data.orders)
    console.print(
        f"{day.stem}: {len(data.orders):,} orders with {lines:,} lines of {len(data.products):,} products",
        style="bold",
    )
    async with (
        running(settings, day, console),
        httpx.AsyncClient(base_url=api_url(settings), trust_env=False) as http,
    ):
        placed = await place(data, http, console)
        for ending in (None, "OUT_OF_STOCK"):
            tell_first(placed, ending, console)
        console.print("", figures(day, data, placed))
        tell_troubles(placed, console)
        client = await Client.connect(
            f"127.0.0.1:{settings.temporal_port}", data_converter=pydantic_data_converter
        )
        report = await audit(settings, client)
        console.print()
        show(report, console)
    return is_sound(placed, report)


def is_sound(placed: Placed, report: Report) -> bool:
    """Return whether every order has ended as orders of a shop do, some completed, and all invariants were seen to hold."""
    ended = placed.completed + sum(placed.failed[reason] for reason in OF_THE_SHOP)
    all_looked_at = bool(report.checks) and not any(check.skipped for check in report.checks)
    return placed.completed > 0 and ended == len(placed.outcomes) and report.holds and all_looked_at


async def place(data: ShopData, http: httpx.AsyncClient, console: Console) -> Placed:
    """Place the day's orders under a progress bar; without a terminal, in silence."""
    columns = (
        TextColumn("placing"),
        BarColumn(None),
        MofNCompleteColumn(),
        TextColumn("orders"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(data.orders))

        def told(_: Outcome) -> None:
            progress.advance(bar)

        return await Till(http).place_all(data.orders, told)


def tell_first(placed: Placed, reason: str | None, console: Console) -> None:
    """Tell the story of the day's first order that failed for this reason; that completed, when it is None."""
    for outcome in placed.outcomes:
        view = outcome.closed
        if view and (view.failure.reason if view.failure else None) == reason:
            console.print(
                f"\norder {view.order_id}  {describe(outcome.order)}",
                style="bold",
                highlight=False,
                markup=False,
            )
            tell(view, console)
            return


def tell(view: OrderView, console: Console) -> None:
    """Print what happened to an order, and why if it failed."""
    for entry in view.timeline:
        detail = entry.detail.get("summary") or entry.detail.get("message") or ""
        at = entry.at.isoformat(timespec="milliseconds")[11:23]
        line = (
            f"  {at}  {entry.kind:8} {entry.name:26} {entry.participant or '':8} {detail}".rstrip()
        )
        console.print(
            cleaned(line), style=_style(entry), highlight=False, markup=False, soft_wrap=True
        )
    if view.failure:
        why = cleaned(f"{view.failure.reason}, {view.failure.message}")
        console.print(f"  why: {why}", style="red", highlight=False, markup=False)


def _style(entry: TimelineEntry) -> str:
    refused = "reason" in entry.detail and entry.kind == "event"
    return "red" if refused or entry.name in BAD else COLOURS[entry.kind]


def tell_troubles(placed: Placed, console: Console) -> None:
    """Print the first of the orders that did not end as orders of a shop do, and what the last answer was."""
    for outcome in (*placed.open, *placed.refused, *_failed_otherwise(placed))[:MOST_TOLD]:
        failure = outcome.closed.failure if outcome.closed else None
        state = outcome.refused or (f"still {outcome.view.state}" if outcome.view else "no answer")
        if failure:
            state = f"failed: {failure.reason}, {failure.message}"
        line = cleaned(f"  order {outcome.order.order_id}: {state}")
        console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)


def _failed_otherwise(placed: Placed) -> list[Outcome]:
    failures = [(outcome, outcome.closed.failure) for outcome in placed.outcomes if outcome.closed]
    return [
        outcome for outcome, failure in failures if failure and failure.reason not in OF_THE_SHOP
    ]


def figures(day: Path, data: ShopData, placed: Placed) -> Table:
    """Return how the day went, in a table."""
    table = Table(
        title=f"the orders of {day.stem}",
        title_style="bold",
        title_justify="left",
        box=box.ROUNDED,
        show_header=False,
    )
    table.add_column()
    table.add_column(justify="right")
    table.add_row("completed", f"{placed.completed:,}", style="green")
    for reason, count in sorted(placed.failed.items()):
        table.add_row(Text(f"failed: {cleaned(reason)}"), f"{count:,}", style="yellow")
    if placed.open:
        table.add_row("still open", f"{len(placed.open):,}", style="red")
    if placed.refused:
        table.add_row("refused by the API", f"{len(placed.refused):,}", style="red")
    table.add_section()
    table.add_row("recognised, placed by an earlier run", f"{len(placed.known):,}")
    if placed.asked_again:
        table.add_row("requests repeated for want of an answer", f"{placed.asked_again:,}")
    table.add_section()
    if placed.new:
        table.add_row(f"orders per second, {IN_FLIGHT} at a time", f"{placed.per_second:.1f}")
        table.add_row("from POST to closed, p50", f"{placed.milliseconds(0.50):,} ms")
        table.add_row("from POST to closed, p95", f"{placed.milliseconds(0.95):,} ms")
    table.add_section()
    for reason, count in data.skipped.items():
        table.add_row(f"rows left out: {reason}", f"{count:,}", style="dim")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make demo", description="Place a day of a real shop on a stack of its own."
    )
    parser.add_argument(
        "day", nargs="?", type=Path, default=DAY, help="rows as those under data/online-retail/ are"
    )
    day: Path = parser.parse_args(arguments).day
    try:
        data = read_days([day])
    except (OSError, ValueError) as error:
        print(
            f"no day to place: {f'{day}: {error.strerror}' if isinstance(error, OSError) else error}",
            file=sys.stderr,
        )
        return 2
    try:
        with own(read_settings(EphemeralStackSettings)) as settings:
            return 0 if asyncio.run(demonstrate(day.absolute(), data, settings, Console())) else 1
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:  # by SIGTERM or SIGHUP
        return 1
    except CannotStart as error:
        told = f"cannot start: {error}"
    except DidNotStart as error:
        told = f"the stack did not start:\n{error}"
    except CannotRead as error:
        told = f"cannot audit: {error}"
    except OSError as error:  # no room for a folder, or for another process
        told = f"cannot start: {error}"
    print(told, file=sys.stderr)
    return 1
