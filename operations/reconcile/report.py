"""What a reconciliation found: collected within bounds, and printed for a person."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console

from contracts.money import money
from contracts.states import OrderStatus
from operations.audit.report import print_line
from operations.reconcile.differences import (
    Difference,
    Kind,
    differences,
    excess_minor,
    without_order,
)
from operations.reconcile.join import Account, ProviderPayment

MOST_SENTENCES = 100
"""So many differences of one kind are told; the others are counted."""


@dataclass
class Report:
    """The differences by kind, how often each was found, and the sums of closed orders.

    `under_way` counts the orders that are open, of which nothing is claimed; `without_effect` the
    payments at the provider that never moved money. The sums are minor units by currency.
    """

    sentences: defaultdict[Kind, list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[Kind] = field(default_factory=Counter)
    under_way: int = 0
    without_effect: int = 0
    orders: int = 0
    captured_there: Counter[str] = field(default_factory=Counter)
    captured_here: Counter[str] = field(default_factory=Counter)
    refunded_there: Counter[str] = field(default_factory=Counter)
    refunded_here: Counter[str] = field(default_factory=Counter)
    by_hand: Counter[str] = field(default_factory=Counter)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs that somebody must act on."""
        return not any(kind.is_wrong for kind in self.counts)

    def take(self, accounts: Iterable[Account], strangers: Iterable[ProviderPayment]) -> None:
        """Compare each order's books, and count the payments that name no order."""
        for account in accounts:
            self.without_effect += sum(not payment.has_money for payment in account.payments)
            if account.order is not None and account.order.status == OrderStatus.PENDING:
                self.under_way += 1
                continue
            self.orders += account.shop is not None
            self._add(account)
            for difference in differences(account):
                self._tell(difference)
        for payment in strangers:
            self._tell(without_order(payment))

    def _tell(self, difference: Difference) -> None:
        self.counts[difference.kind] += 1
        if len(self.sentences[difference.kind]) < MOST_SENTENCES:
            self.sentences[difference.kind].append(difference.sentence)

    def _add(self, account: Account) -> None:
        currency_of = {payment.id: payment.currency for payment in account.payments}
        for payment in account.payments:
            self.captured_there[payment.currency] += payment.captured_minor
        for refund in account.refunds:
            self.refunded_there[currency_of[refund.payment]] += refund.amount_minor
        if shop := account.shop:
            self.captured_here[shop.currency] += shop.captured_minor
            self.refunded_here[shop.currency] += shop.refunded_minor
            self.by_hand[shop.currency] += max(excess_minor(shop, account.refunds), 0)


def print_report(report: Report, console: Console) -> None:
    """Print each kind of difference with its sentences, the sums, and whether the books agree."""
    for kind in Kind:
        sentences = report.sentences[kind]
        style = "bold red" if kind.is_wrong else "yellow"
        if sentences:
            print_line(console, "", f"{kind.name}: {kind}", style)
        for sentence in sentences:
            print_line(console, "  - ", sentence, style)
        if more := report.counts[kind] - len(sentences):
            print_line(console, "  - ", f"and {more} more", style)
    for currency in sorted(report.captured_there.keys() | report.captured_here):
        print_line(console, f"{currency}  ", _sums(report, currency))
    print_line(
        console,
        "orders  ",
        f"{report.orders} closed and compared, {report.under_way} under way; "
        f"{report.without_effect} payments that never moved money",
    )
    if report.agrees:
        print_line(console, "", "the books agree", "green")
    else:
        kinds = ", ".join(kind.name for kind in Kind if kind.is_wrong and report.counts[kind])
        print_line(console, "", f"the books do not agree: {kinds}", "bold red")


def _sums(report: Report, currency: str) -> str:
    captured_there, captured_here, refunded_there, refunded_here, by_hand = (
        money(sums[currency], currency)
        for sums in (
            report.captured_there,
            report.captured_here,
            report.refunded_there,
            report.refunded_here,
            report.by_hand,
        )
    )
    return (
        f"captured {captured_there} at the provider, {captured_here} with us; "
        f"refunded {refunded_there} there, {refunded_here} by us and {by_hand} by hand"
    )
