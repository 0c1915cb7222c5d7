"""A day of a real shop through an ephemeral stack: its orders, its figures, the invariants.

Every invoice of the day is placed over HTTP as that customer's order; stock and wallets are what
`operations/shop/seed.py` makes of this day. Run again on the same DATA_DIR, every order is
recognised and nothing is charged twice.
"""

import asyncio
import signal
from contextlib import nullcontext
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from config import Settings
from operations.audit.audit import Report, audit
from operations.audit.report import print_report
from operations.demo.card_day import CardDay
from operations.demo.ephemeral_stack import run_stack
from operations.demo.load_generator import LoadGenerator, LoadResult, Outcome
from operations.demo.report import (
    EXPECTED_REASONS,
    figures,
    print_first_order,
    print_unexpected,
)
from operations.shop.shop_days import ShopData
from operations.up.readiness import api_url


async def run_day(day: Path, data: ShopData, settings: Settings, console: Console) -> bool:
    """Place the day on an ephemeral stack and print what became of it; return whether it is sound.

    Raises:
        DidNotStart: the stack does not come up.
        CannotRead: its databases cannot be read.
    """
    _cancel_on_signals()
    lines = sum(len(order.lines) for order in data.orders)
    console.print(
        f"{day.stem}: {len(data.orders):,} orders with {lines:,} lines "
        f"of {len(data.products):,} products",
        style="bold",
    )
    async with (
        run_stack(settings, day, console),
        httpx.AsyncClient(base_url=api_url(settings), trust_env=False) as http,
    ):
        cards = CardDay(settings, http) if settings.payment == "cards" else None
        async with cards.under_way() if cards else nullcontext():
            result = await place_orders(data, http, console)
        for reason in (None, "OUT_OF_STOCK"):
            print_first_order(result, reason, console)
        console.print("", figures(day, data, result))
        print_unexpected(result, console)
        client = await Client.connect(
            f"127.0.0.1:{settings.temporal_port}", data_converter=pydantic_data_converter
        )
        report = await audit(settings, client)
        console.print()
        print_report(report, console)
        cards_are_sound = await cards.report(console) if cards else True
    return is_sound(result, report) and cards_are_sound


def is_sound(result: LoadResult, report: Report) -> bool:
    """Tell whether all went as in a shop where everything works.

    Every order completed or failed for an expected reason, at least one completed, and every
    invariant was looked at and holds.
    """
    expected = result.completed_count + sum(result.failures[reason] for reason in EXPECTED_REASONS)
    is_whole = bool(report.checks) and not any(check.skip_reason for check in report.checks)
    ended_well = result.completed_count > 0 and expected == len(result.outcomes)
    return ended_well and report.holds and is_whole


async def place_orders(data: ShopData, http: httpx.AsyncClient, console: Console) -> LoadResult:
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

        def advance(_: Outcome) -> None:
            progress.advance(bar)

        return await LoadGenerator(http).place_all(data.orders, advance)


def _cancel_on_signals() -> None:
    """Have SIGTERM and SIGHUP cancel the current task, so that the stack is stopped."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
