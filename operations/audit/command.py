"""`make audit`: audits what the settings name, and prints the report.

Exit codes: 0 when every invariant holds, 1 when one does not, 2 when one could not be looked at.
"""

import asyncio
import sys

from rich.console import Console

from config import Settings, read_settings
from contracts.steps import PARTICIPANTS
from contracts.text import printable
from operations.audit.audit import Report, audit
from operations.audit.invariants import CannotRead
from operations.audit.report import print_databases, print_line, print_report
from process import connect

HOLDS, VIOLATED, INCOMPLETE = range(3)


def main() -> int:
    """Audit, print where and the report, and return the exit code."""
    try:
        return asyncio.run(_audit_and_print(read_settings()))
    except SystemExit as reason:  # invalid settings
        print(reason.code, file=sys.stderr)
        return INCOMPLETE


async def _audit_and_print(settings: Settings) -> int:
    console = Console()
    client = await connect(lazy=True, port=settings.temporal_port)
    try:
        report = await audit(settings, client)
    except CannotRead as reason:
        print(f"cannot audit: {printable(str(reason))}", file=sys.stderr)
        return INCOMPLETE
    print_databases(console, settings, *PARTICIPANTS)
    temporal = f"{client.service_client.config.target_host}, namespace {client.namespace}"
    print_line(console, "Temporal  ", temporal)
    print_report(report, console)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """Return 1 when an invariant does not hold, 2 when one could not be looked at, else 0."""
    if not report.holds:
        return VIOLATED
    return INCOMPLETE if any(check.skip_reason for check in report.checks) else HOLDS
