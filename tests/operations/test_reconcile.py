"""Both books of card payments laid side by side: a real provider's, and a shop's that differ."""

import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from rich.console import Console

from config import Settings
from operations.audit.invariants import CannotRead
from operations.reconcile.command import main, reconcile_and_print
from operations.reconcile.differences import Kind
from operations.reconcile.report import MOST_SENTENCES, Report
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.payment.tables import CARD_PAYMENTS
from tests.card_provider.till import Till, running
from tests.commands import ORDER, cancel, confirm, register
from tests.shop import one_settled
from tests.stack import free_port

pytestmark = pytest.mark.long

TOTAL = 1530
EVES_SETTLEMENT = (
    "Eve settled RefundPaymentCommand, 2010-12-01 08:26 UTC: the bank refuses it; "
    "evidence: letter 42"
)


class CardShop:
    """A shop's own books of its card payments, beside a provider's."""

    def __init__(self, till: Till, folder: Path) -> None:
        self.till = till
        self.provider_file = folder / "books.db"
        self.settings = Settings.model_validate(
            {
                "data_dir": folder,
                "payment": "cards",
                "card_api_url": till.url,
                "card_api_key": "sk_test_shop",
            }
        )
        self.orders = sa.create_engine(self.settings.database_url("order"))
        self.payments = sa.create_engine(self.settings.database_url("payment"))
        self._order_service = OrderService.open(self.orders)
        PaymentService.open(self.payments)

    def order(self, order_id: str, status: str = "CONFIRMED", *, by_hand: bool = False) -> None:
        """Have an order on record in a status."""
        self._order_service.register(register(order_id, ORDER))
        compensations = tuple(one_settled("ProcessPayment")) if by_hand else ()
        if status == "CONFIRMED":
            self._order_service.confirm(confirm(order_id))
        elif status == "CANCELLED":
            self._order_service.cancel(cancel(order_id, ORDER, compensations=compensations))

    def record(self, order_id: str, reference: str | None, **amounts: int) -> None:
        """Have a payment by card on record."""
        row: dict[str, Any] = {"amount_minor": TOTAL, **amounts}
        row |= {"order_id": order_id, "customer_id": "ann"}
        row |= {"reference": reference, "currency": "GBP"}
        with self.payments.begin() as connection:
            connection.execute(sa.insert(CARD_PAYMENTS).values(row))

    def capture(self, order_id: str, amount_minor: int = TOTAL) -> str:
        """Let the provider capture a payment for an order; return its reference."""
        reference = str(self.till.pay(order_id).id)
        parameters = {"amount_to_capture": amount_minor}
        self.till.stripe.payment_intents.capture(reference, parameters)
        return reference

    def refund(self, reference: str, amount_minor: int, **fields: Any) -> str:
        """Let the provider give so much of a payment back; return the refund's id."""
        parameters = {"payment_intent": reference, "amount": amount_minor, **fields}
        return str(self.till.stripe.refunds.create(parameters).id)

    def reconcile(self) -> Report:
        """Compare the books."""
        return reconcile_and_print(self.settings, Console(quiet=True))


@pytest.fixture
def card_shop(tmp_path: Path) -> Iterator[CardShop]:
    """Give a shop with an order of every kind, of which both books agree."""
    with running(tmp_path / "books.db") as till:
        till.settings(requests_per_second=100_000)
        shop = CardShop(till, tmp_path)
        shop.order("done")
        shop.record("done", shop.capture("done"), captured_minor=TOTAL)
        shop.order("free")
        shop.record("free", None, amount_minor=0)
        shop.order("released", "CANCELLED")
        reference = till.pay("released").id
        till.stripe.payment_intents.cancel(reference)
        shop.record("released", reference, released_minor=TOTAL)
        shop.order("back", "CANCELLED")
        back = shop.capture("back")
        shop.refund(back, TOTAL, metadata={"saga_step": "order-back/ProcessPayment/compensation"})
        shop.record("back", back, captured_minor=TOTAL, refunded_minor=TOTAL)
        shop.order("declined", "CANCELLED")
        till.pay("declined", confirm=False)
        shop.order("open", "PENDING")
        till.pay("open")
        yield shop
        shop.orders.dispose()
        shop.payments.dispose()


def test_each_difference_is_told(
    card_shop: CardShop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Books that agree say so; then each kind of difference is a sentence, with the sums beside.

    An order that is under way, and a payment that never moved money, are counted alone.
    """
    for name in ("data_dir", "payment", "card_api_url"):
        monkeypatch.setenv(name.upper(), str(getattr(card_shop.settings, name)))
    monkeypatch.setenv("CARD_API_KEY", "sk_test_shop")
    assert main() == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        _sums("30.60 GBP", "30.60 GBP", "15.30 GBP", "15.30 GBP", "0.00 GBP"),
        "orders  4 closed and compared, 1 under way; 2 payments that never moved money",
        "the books agree",
    ]

    expected = _differ(card_shop)
    assert main() == 1
    output = capsys.readouterr().out
    report = card_shop.reconcile()
    lines_by_kind = {kind: sorted(lines) for kind, lines in report.sentences.items() if lines}
    assert lines_by_kind == {kind: sorted(lines) for kind, lines in expected.items()}
    for kind, sentences in expected.items():
        assert f"{kind.name}: {kind}\n" in output
        assert all(f"  - {sentence}\n" in output for sentence in sentences)
    wrong = "MISSING, AMOUNT, HELD, KEPT, TWICE, STRANGER"
    assert output.splitlines()[-1] == f"the books do not agree: {wrong}"
    assert report.counts[Kind.BY_HAND] == 2


def _sums(there: str, here: str, refunded_there: str, refunded_here: str, by_hand: str) -> str:
    return (
        f"GBP  captured {there} at the provider, {here} with us; "
        f"refunded {refunded_there} there, {refunded_here} by us and {by_hand} by hand"
    )


def _differ(shop: CardShop) -> dict[Kind, tuple[str, ...]]:
    """Make both books differ in every way; return what is to be told."""
    shop.order("missing")
    shop.record("missing", "pi_none", captured_minor=TOTAL)
    shop.order("less")
    less = shop.capture("less", 1000)
    shop.record("less", less, captured_minor=TOTAL)
    shop.order("unknown-to-us", "CONFIRMED")
    stray = shop.capture("unknown-to-us")
    shop.order("never-refunded", "CANCELLED")
    never = shop.capture("never-refunded")
    shop.record("never-refunded", never, captured_minor=TOTAL, refunded_minor=TOTAL)
    shop.order("held")
    on_card = str(shop.till.pay("held").id)
    shop.record("held", on_card)
    shop.order("settled", "CANCELLED", by_hand=True)
    kept_payment = shop.capture("settled")
    shop.record("settled", kept_payment, captured_minor=TOTAL)
    shop.order("twice")
    twice = sorted((shop.capture("twice"), shop.capture("twice")))
    shop.record("twice", twice[0], captured_minor=2 * TOTAL, amount_minor=2 * TOTAL)
    ghost = shop.capture("ghost")
    nameless = str(shop.till.pay("x", metadata=None).id)
    gift = shop.capture("gift")
    shop.order("gift")
    shop.record("gift", gift, captured_minor=TOTAL)
    first = shop.refund(gift, 500, metadata={"by": "Eve"}, reason="requested_by_customer")
    second = shop.refund(gift, 30)
    on = _minute(shop.till, first)
    later = _minute(shop.till, second)
    unknown_there = "which the provider has not with money for this order"
    without_who = "by whom, the provider does not say, without a reason"
    twice_text = "; ".join(f"15.30 GBP captured as {reference}" for reference in twice)
    here = "15.30 GBP by our record"
    return {
        Kind.MISSING: (
            f"order missing: 15.30 GBP captured by our record as pi_none, {unknown_there}",
        ),
        Kind.AMOUNT: (
            f"order less: 10.00 GBP captured at the provider, {here}",
            f"order never-refunded: 0.00 GBP refunded at the provider, {here}",
            f"order unknown-to-us: 15.30 GBP captured as {stray}; nothing is on record with us",
        ),
        Kind.HELD: (f"order held is CONFIRMED: 15.30 GBP held as {on_card}",),
        Kind.KEPT: (f"order never-refunded is CANCELLED: 15.30 GBP of {never} kept",),
        Kind.TWICE: (f"order twice: {twice_text}",),
        Kind.STRANGER: (
            f"order ghost is not known to the order service: 15.30 GBP captured as {ghost}",
            f"15.30 GBP held as {nameless}, and names no order",
        ),
        Kind.BY_HAND: (
            f"order gift: 5.00 GBP of {gift} as {first}, {on} UTC, by Eve, requested_by_customer",
            f"order gift: 0.30 GBP of {gift} as {second}, {later} UTC, {without_who}",
        ),
        Kind.SETTLED: (
            f"order settled is CANCELLED: 15.30 GBP of {kept_payment} kept; {EVES_SETTLEMENT}",
        ),
    }


def _minute(till: Till, refund: str) -> str:
    moment = till.stripe.refunds.retrieve(refund).created
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"


def test_memory_is_bounded(card_shop: CardShop) -> None:
    """Five times as many payments, of which all differ, take no more memory, and few are told."""
    _copy_payments(card_shop, 0, 150)
    _, few = _reconcile_measured(card_shop)
    _copy_payments(card_shop, 150, 750)
    report, many = _reconcile_measured(card_shop)
    assert report.counts[Kind.STRANGER] == 750
    assert len(report.sentences[Kind.STRANGER]) == MOST_SENTENCES
    assert many < 1.5 * few, f"{few:,} bytes for 150, {many:,} for 750"


def _copy_payments(shop: CardShop, first: int, end: int) -> None:
    """Put payments of orders that nobody knows into the provider's books, as one that it has."""
    with closing(sqlite3.connect(shop.provider_file)) as books, books:
        books.execute(
            "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) "
            "INSERT INTO objects (id, object, created, body) SELECT 'pi_' || i, object, created, "
            "json_set(body, '$.id', 'pi_' || i, '$.metadata.order_id', 'copy-' || i) "
            "FROM n, objects WHERE json_extract(body, '$.metadata.order_id') = 'done'",
            (first, end),
        )


def _reconcile_measured(shop: CardShop) -> tuple[Report, int]:
    """Return the report, and the most bytes that were in use at one time."""
    tracemalloc.start()
    report = shop.reconcile()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return report, peak


def test_what_cannot_be_read_is_said(
    card_shop: CardShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A provider that is away, a wrong key, a missing database: a sentence, and exit code 2."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    wrong_key = card_shop.settings.model_copy(update={"card_api_key": SecretStr("pk_live")})
    with pytest.raises(CannotRead, match="the card provider gives no answer: You did not provide"):
        reconcile_and_print(wrong_key, Console(quiet=True))
    away = card_shop.settings.model_copy(update={"card_api_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(CannotRead, match="the card provider gives no answer: ConnectionError: "):
        reconcile_and_print(away, Console(quiet=True))
    card_shop.till.fault("rate_limited", "payment_intents.list", times=2)
    assert card_shop.reconcile().agrees
    wallets = card_shop.settings.model_copy(update={"payment": "wallets"})
    with pytest.raises(CannotRead, match="PAYMENT=wallets: there is no card provider"):
        reconcile_and_print(wallets, Console(quiet=True))
    elsewhere = card_shop.settings.model_copy(update={"data_dir": Path("nowhere")})
    with pytest.raises(CannotRead, match="there is no order database"):
        reconcile_and_print(elsewhere, Console(quiet=True))
    for name, value in {"PAYMENT": "cards", "CARD_API_KEY": "k", "DATA_DIR": "nowhere"}.items():
        monkeypatch.setenv(name, value)
    assert main() == 2
    assert "cannot reconcile: there is no order database" in capsys.readouterr().err
