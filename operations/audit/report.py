"""An audit's report, printed for a person: in a terminal wrapped and coloured, in a file whole."""

import sys
import textwrap

import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from config import Settings
from contracts.text import printable
from operations.audit.audit import Check, Report

COLOURS = {"holds": "green", "in part": "yellow", "VIOLATED": "bold red"}
MIN_WIDTH = 20
INDENT = " " * len("M1  VIOLATED  ")


def print_report(report: Report, console: Console) -> None:
    """Print each invariant with what violates it, the settlements, and how orders stand."""
    for check in report.checks:
        print_check(check, console)
    for line in report.settlements:
        print_line(console, "settled by hand: ", line, "yellow")
    for line in report.left_open:
        print_line(console, "needs attention: ", line, "yellow")
    counts = [f"{count} {state}" for state, count in sorted(report.orders.items())]
    print_line(console, "orders: ", ", ".join(counts) or "none")
    if report.holds:
        is_incomplete = any(check.skip_reason for check in report.checks)
        limit = ", as far as they could be looked at" if is_incomplete else ""
        print_line(console, "", f"the invariants hold{limit}", COLOURS["holds"])
    else:
        ids = ", ".join(check.id for check in report.checks if check.violations)
        print_line(console, "", f"the invariants do not hold: {ids}", COLOURS["VIOLATED"])


def print_databases(console: Console, settings: Settings, *participants: str) -> None:
    """Print where these participants' databases are."""
    for name in participants:
        url = sa.make_url(settings.database_url(name)).render_as_string(hide_password=True)
        print_line(console, f"{name:8}  ", url)


def print_check(check: Check, console: Console) -> None:
    """Print one invariant with what violates it."""
    verdict = "VIOLATED" if check.violations else "in part" if check.skip_reason else "holds"
    print_line(console, f"{check.id}  {verdict:8}  ", check.claim, COLOURS[verdict])
    for line in check.violations:
        print_line(console, INDENT, f"- {line}", COLOURS["VIOLATED"])
    if check.skip_reason:
        print_line(console, INDENT, check.skip_reason, COLOURS["in part"])


def print_line(console: Console, head: str, text: str, style: str = "") -> None:
    """Print a line, its head in a style, or all of it when it has no head.

    What people wrote into a record is shown and does nothing: `printable` leaves no escape
    sequence.
    """
    width = max(console.width - len(head), MIN_WIDTH) if console.is_terminal else sys.maxsize
    for number, line in enumerate(textwrap.wrap(printable(text), width)):
        before = head if number == 0 else " " * len(head)
        console.print(
            Text.assemble((before, style), (line, "" if head.strip() else style)), soft_wrap=True
        )
