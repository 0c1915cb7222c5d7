"""What became of a day's orders, printed: two stories, the figures, and what was unexpected."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.prose import describe
from contracts.text import printable
from contracts.views import OrderView, TimelineEntry
from operations.demo.load_generator import IN_FLIGHT, LoadResult, Outcome
from operations.shop.shop_days import ShopData

EXPECTED_REASONS = (
    *("OUT_OF_STOCK", "INSUFFICIENT_FUNDS"),
    *("CARD_DECLINED", "AUTHENTICATION_FAILED", "AMOUNT_NOT_PAYABLE"),
)
"""Why orders fail on a day in a shop where everything works."""

COLOURS = {
    "state": "bold cyan",
    "command": "default",
    "event": "green",
    "decision": "magenta",
    "note": "yellow",
}
ROLLBACK_STATES = frozenset({"ROLLING_BACK", "FAILED"})
MOST_UNEXPECTED = 5


def print_first_order(result: LoadResult, reason: str | None, console: Console) -> None:
    """Print the day's first order that failed for this reason; that completed, when it is None."""
    for outcome in result.outcomes:
        view = outcome.closed_view
        if view and (view.failure.reason if view.failure else None) == reason:
            console.print(
                f"\norder {view.order_id}  {describe(outcome.order)}",
                style="bold",
                highlight=False,
                markup=False,
            )
            _print_timeline(view, console)
            return


def _print_timeline(view: OrderView, console: Console) -> None:
    """Print what happened to an order, and why it failed if it did."""
    for entry in view.timeline:
        detail = entry.detail.get("summary") or entry.detail.get("message") or ""
        at = entry.at.isoformat(timespec="milliseconds")[11:23]
        participant = entry.participant or ""
        line = f"  {at}  {entry.kind:8} {entry.name:26} {participant:8} {detail}".rstrip()
        _print_line(line, _style(entry), console)
    if view.failure:
        _print_line(f"  why: {view.failure.reason}, {view.failure.message}", "red", console)


def _style(entry: TimelineEntry) -> str:
    is_refusal = "reason" in entry.detail and entry.kind == "event"
    return "red" if is_refusal or entry.name in ROLLBACK_STATES else COLOURS[entry.kind]


def print_unexpected(result: LoadResult, console: Console) -> None:
    """Print the first orders that did not end as expected, and the last answer to each."""
    failures = [outcome for outcome in result.outcomes if _failed_unexpectedly(outcome)]
    for outcome in (*result.open, *result.refusals, *failures)[:MOST_UNEXPECTED]:
        _print_line(f"  order {outcome.order.order_id}: {_last_answer(outcome)}", "red", console)


def _failed_unexpectedly(outcome: Outcome) -> bool:
    failure = outcome.closed_view.failure if outcome.closed_view else None
    return failure is not None and failure.reason not in EXPECTED_REASONS


def _last_answer(outcome: Outcome) -> str:
    failure = outcome.closed_view.failure if outcome.closed_view else None
    if failure:
        return f"failed: {failure.reason}, {failure.message}"
    if outcome.refusal:
        return outcome.refusal
    return f"still {outcome.view.state}" if outcome.view else "no answer"


def _print_line(line: str, style: str, console: Console) -> None:
    """Print a line that repeats what others wrote: cleaned, and without markup."""
    console.print(printable(line), style=style, highlight=False, markup=False, soft_wrap=True)


def figures(day: Path, data: ShopData, result: LoadResult) -> Table:
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
    table.add_row("completed", f"{result.completed_count:,}", style="green")
    for reason, count in sorted(result.failures.items()):
        table.add_row(Text(f"failed: {printable(reason)}"), f"{count:,}", style="yellow")
    if result.open:
        table.add_row("still open", f"{len(result.open):,}", style="red")
    if result.refusals:
        table.add_row("refused by the API", f"{len(result.refusals):,}", style="red")
    table.add_section()
    table.add_row("recognised, placed by an earlier run", f"{len(result.earlier):,}")
    if result.retries:
        table.add_row("requests repeated until an order was closed", f"{result.retries:,}")
    table.add_section()
    if result.new:
        table.add_row(f"orders per second, {IN_FLIGHT} at a time", f"{result.per_second:.1f}")
        table.add_row("from POST to closed, p50", f"{result.milliseconds(0.50):,} ms")
        table.add_row("from POST to closed, p95", f"{result.milliseconds(0.95):,} ms")
    table.add_section()
    for reason, count in data.skip_counts.items():
        table.add_row(f"rows left out: {reason}", f"{count:,}", style="dim")
    return table
