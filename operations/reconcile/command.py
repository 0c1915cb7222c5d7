"""`make reconcile`: compares the card provider's books with ours, and prints what differs.

Exit codes: 0 when the books agree, 1 when they do not, 2 when one of them could not be read.
"""

import sys

from rich.console import Console

from config import Settings, read_settings
from contracts.text import printable
from operations.audit.audit import open_to_read
from operations.audit.invariants import CannotRead
from operations.audit.report import print_databases, print_line
from operations.reconcile.provider_books import ProviderBooks
from operations.reconcile.reconciliation import reconcile
from operations.reconcile.report import Report, print_report
from operations.up.card_account import with_card_provider
from participants.payment.card_api import CardApi

AGREE, DIFFER, INCOMPLETE = range(3)


def main() -> int:
    """Reconcile, print where and the report, and return the exit code."""
    try:
        settings = with_card_provider(read_settings())
    except SystemExit as reason:  # invalid settings
        print(reason.code, file=sys.stderr)
        return INCOMPLETE
    console = Console()
    try:
        report = reconcile_and_print(settings, console)
    except CannotRead as reason:
        print(f"cannot reconcile: {printable(str(reason))}", file=sys.stderr)
        return INCOMPLETE
    return AGREE if report.agrees else DIFFER


def reconcile_and_print(settings: Settings, console: Console) -> Report:
    """Compare the books that the settings name, and print what differs.

    Raises:
        CannotRead: a database is not there, or cannot be read, or the provider gives no answer.
    """
    if settings.payment != "cards":
        raise CannotRead("PAYMENT=wallets: there is no card provider whose books could differ")
    api = CardApi(settings.card_api_key.get_secret_value(), settings.card_api_url)
    with open_to_read(settings, "order") as orders, open_to_read(settings, "payment") as payments:
        report = reconcile(ProviderBooks(api), orders, payments)
    print_line(console, "provider  ", settings.card_api_url or "Stripe")
    print_databases(console, settings, "order", "payment")
    print_report(report, console)
    return report
