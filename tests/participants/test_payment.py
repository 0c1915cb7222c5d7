"""What the payment service promises of payments; the books balance after every test."""

from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

import pytest
import sqlalchemy as sa

from contracts.base import MAX_TOTAL_MINOR
from contracts.payment import (
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    WalletView,
)
from participants.payment.service import PaymentService
from participants.payment.tables import LEDGER
from temporal_saga.database import reading
from temporal_saga.fence import KeyReused
from tests.commands import forward_key, pay, refund
from tests.participants.state import balance, legs, open_two_wallets


@pytest.fixture(autouse=True)
def _wallets(payment: PaymentService) -> None:
    open_two_wallets(payment)


def test_a_payment_moves_the_price_from_the_wallet_to_the_shop(
    payment: PaymentService, engine: sa.Engine
) -> None:
    """A payment takes its amount from the wallet, in one movement whose legs sum to zero."""
    event = payment.process(pay("1", 400))
    assert event == PaymentCompletedEvent(order_id="1", currency="GBP", amount_minor=400)
    assert balance(payment) == 600
    assert legs(engine, forward_key("1", "ProcessPayment")) == {"wallet:ann": -400, "shop": 400}


def test_a_wallet_pays_its_last_penny_and_no_more(payment: PaymentService) -> None:
    """A wallet can be emptied, and not overdrawn by a penny."""
    assert isinstance(payment.process(pay("1", 1_001)), PaymentFailedEvent)
    assert isinstance(payment.process(pay("2", 1_000)), PaymentCompletedEvent)
    assert isinstance(payment.process(pay("3", 1)), PaymentFailedEvent)
    assert balance(payment) == 0


def test_an_order_of_zero_can_be_paid_and_refunded(
    payment: PaymentService, engine: sa.Engine
) -> None:
    """An order that costs nothing is paid from an empty wallet, and its refund is of nothing."""
    free = pay("1", 0, customer_id="bob", currency="EUR")
    assert payment.process(free) == PaymentCompletedEvent(
        order_id="1", currency="EUR", amount_minor=0
    )
    back = refund("1", 0, customer_id="bob", currency="EUR")
    assert payment.refund(back) == PaymentRefundedEvent(
        order_id="1", currency="EUR", refunded_minor=0
    )
    assert balance(payment, "bob") == 0
    assert legs(engine, free.idempotency_key) == {"wallet:bob": 0, "shop": 0}


def test_the_largest_total_is_exact_to_the_penny(payment: PaymentService) -> None:
    """Money stays exact up to the largest total that an order may have."""
    payment.open_wallets(
        [WalletView(customer_id="rich", currency="GBP", balance_minor=MAX_TOTAL_MINOR + 1)]
    )
    payment.process(pay("1", MAX_TOTAL_MINOR, customer_id="rich"))
    assert balance(payment, "rich") == 1
    payment.refund(refund("1", MAX_TOTAL_MINOR, customer_id="rich"))
    assert balance(payment, "rich") == MAX_TOTAL_MINOR + 1


def test_too_little_money_is_refused_with_what_was_asked_and_what_is_left(
    payment: PaymentService,
) -> None:
    """INSUFFICIENT_FUNDS says how much was asked and how much is left."""
    assert payment.process(pay("1", 1_005)) == PaymentFailedEvent(
        order_id="1",
        reason="INSUFFICIENT_FUNDS",
        message="the order costs 10.05 GBP, and there are 10.00 GBP in the wallet",
        details={"asked_minor": 1_005, "balance_minor": 1_000, "currency": "GBP"},
    )
    assert balance(payment) == 1_000


def test_an_unknown_customer_is_refused(payment: PaymentService) -> None:
    """UNKNOWN_CUSTOMER names the customer who has no wallet."""
    assert payment.process(pay("1", 1, customer_id="zoe")) == PaymentFailedEvent(
        order_id="1",
        reason="UNKNOWN_CUSTOMER",
        message="customer zoe has no wallet",
        details={"customer_id": "zoe"},
    )


def test_another_currency_is_refused_also_when_the_number_would_do(payment: PaymentService) -> None:
    """CURRENCY_MISMATCH names both currencies, whatever the balance is."""
    assert payment.process(pay("1", 1, currency="EUR")) == PaymentFailedEvent(
        order_id="1",
        reason="CURRENCY_MISMATCH",
        message="the wallet of ann is in GBP, the order in EUR",
        details={"wallet_currency": "GBP", "order_currency": "EUR"},
    )
    assert balance(payment) == 1_000


def test_a_refusal_stands_when_the_money_comes_later(payment: PaymentService) -> None:
    """A payment that was declined stays declined, though the wallet could pay by now."""
    payment.process(pay("1", 600))
    refusal = payment.process(pay("2", 600))
    payment.refund(refund("1", 600))
    assert payment.process(pay("2", 600)) == refusal
    assert balance(payment) == 1_000


@pytest.mark.parametrize("looks", [1, 2])
def test_a_refusal_is_true_when_money_comes_in_the_middle(
    payment: PaymentService, engine: sa.Engine, looks: int
) -> None:
    """A decline never reports enough money.

    A refund that slips in while it is decided is waited out, or pays after all.
    """
    payment.process(pay("1", 400))
    impatient = {"sqlite": {"timeout": 0.001}, "postgresql": {"options": "-c lock_timeout=1ms"}}[
        engine.dialect.name
    ]
    elsewhere = PaymentService.open(
        sa.create_engine(engine.url, connect_args=impatient, poolclass=sa.pool.NullPool)
    )
    look_count = count(1)

    @sa.event.listens_for(engine, "after_cursor_execute")
    def slip_in(
        _connection: sa.Connection, _cursor: object, statement: str, *_more: object
    ) -> None:
        if "wallets" in statement and next(look_count) == looks:
            with suppress(sa.exc.OperationalError):  # locked out
                elsewhere.refund(refund("1", 400))

    answer = payment.process(pay("2", 900))
    if isinstance(answer, PaymentFailedEvent):
        assert answer.details == {"asked_minor": 900, "balance_minor": 600, "currency": "GBP"}
    assert balance(payment) == (600 if isinstance(answer, PaymentFailedEvent) else 100)
    came_in_time = (
        engine.dialect.name == "postgresql" and looks == 1
    )  # after the wallet was found empty, before it was locked
    assert isinstance(answer, PaymentCompletedEvent) is came_in_time


def test_a_payment_repeated_is_paid_once(payment: PaymentService) -> None:
    """The same payment command again gets the same answer and takes no more money."""
    first = payment.process(pay("1", 400))
    assert payment.process(pay("1", 400)) == first
    assert balance(payment) == 600


@pytest.mark.parametrize(
    "other",
    [pay("1", 401), pay("1", 400, customer_id="bob"), pay("1", 400, currency="EUR")],
    ids=["other amount", "other customer", "other currency"],
)
def test_another_payment_under_the_same_key_takes_nothing(
    payment: PaymentService, other: ProcessPaymentCommand
) -> None:
    """A payment's key belongs to its amount, its customer and its currency."""
    payment.process(pay("1", 400))
    with pytest.raises(KeyReused):
        payment.process(other)
    assert balance(payment) == 600


def test_an_order_is_paid_once_whatever_the_key(payment: PaymentService) -> None:
    """A second payment for the same order, under another key, is an error that takes nothing."""
    payment.process(pay("1", 400))
    with pytest.raises(sa.exc.IntegrityError):
        payment.process(
            pay("1", 400).model_copy(update={"idempotency_key": "elsewhere/ProcessPayment"})
        )
    assert balance(payment) == 600


def test_a_wallet_that_is_open_keeps_its_balance(payment: PaymentService) -> None:
    """Opening wallets again changes nothing, and opens each that is missing once."""
    payment.process(pay("1", 400))
    payment.open_wallets(
        [
            WalletView(customer_id=name, currency="GBP", balance_minor=minor)
            for name, minor in [("ann", 9), ("cy", 5), ("cy", 5)]
        ]
    )
    assert (balance(payment), balance(payment, "cy")) == (600, 5)


def test_a_wallet_cannot_open_in_debt(payment: PaymentService) -> None:
    """No wallet is below zero, not even at first; and of a list with such a one none is opened."""
    with pytest.raises(sa.exc.IntegrityError):
        payment.open_wallets(
            [
                WalletView(customer_id=name, currency="GBP", balance_minor=minor)
                for name, minor in [("cy", 5), ("di", -1)]
            ]
        )
    assert payment.wallet("cy") is None


def test_a_customer_without_a_wallet_has_none(payment: PaymentService) -> None:
    """Asking for a wallet that is not there is answered, not an error."""
    assert payment.wallet("zoe") is None


def test_every_movement_is_dated_in_utc(payment: PaymentService, engine: sa.Engine) -> None:
    """The ledger says when, in UTC."""
    before = datetime.now(UTC)
    payment.process(pay("1", 400))
    with reading(engine) as connection:
        at = connection.scalars(sa.select(LEDGER.c.at).where(LEDGER.c.account == "shop")).one()
    assert before <= at <= datetime.now(UTC)
    assert at.tzinfo is UTC
