"""What the payment service promises of refunds; the books balance after every test."""

import pytest
import sqlalchemy as sa

from contracts.payment import (
    PaymentFailedEvent,
    PaymentRefundedEvent,
)
from participants.payment.service import PaymentService
from participants.payment.tables import PAYMENTS
from temporal_saga.database import reading
from temporal_saga.fence import KeyReused
from tests.commands import pay, refund
from tests.participants.state import balance, legs, open_two_wallets


@pytest.fixture(autouse=True)
def _wallets(payment: PaymentService) -> None:
    open_two_wallets(payment)


def test_a_refund_gives_back_exactly_what_was_paid(
    payment: PaymentService, engine: sa.Engine
) -> None:
    """A refund moves the payment's amount back, in one movement whose legs sum to zero."""
    payment.process(pay("1", 400))
    event = payment.refund(refund("1", 400))
    assert event == PaymentRefundedEvent(order_id="1", currency="GBP", refunded_minor=400)
    assert balance(payment) == 1_000
    assert legs(engine, refund("1", 400).idempotency_key) == {"shop": -400, "wallet:ann": 400}


def test_a_refund_repeated_gives_back_once(payment: PaymentService) -> None:
    """The same refund command again gets the same answer and gives back no more."""
    payment.process(pay("1", 400))
    first = payment.refund(refund("1", 400))
    assert payment.refund(refund("1", 400)) == first
    assert balance(payment) == 1_000


@pytest.mark.parametrize("amount_minor", [0, 399, 401])
def test_a_refund_gives_back_what_was_taken_whatever_amount_it_names(
    payment: PaymentService, amount_minor: int
) -> None:
    """The payment's own record says how much goes back.

    So nothing is kept and nothing is given away.
    """
    payment.process(pay("1", 400))
    event = payment.refund(refund("1", amount_minor))
    assert event == PaymentRefundedEvent(order_id="1", currency="GBP", refunded_minor=400)
    assert balance(payment) == 1_000


def test_a_refund_goes_to_who_paid_whoever_it_names(payment: PaymentService) -> None:
    """The payment's own record says whose money goes back, and in which currency."""
    payment.process(pay("1", 400))
    event = payment.refund(refund("1", 400, customer_id="bob", currency="EUR"))
    assert event == PaymentRefundedEvent(order_id="1", currency="GBP", refunded_minor=400)
    assert (balance(payment), balance(payment, "bob")) == (1_000, 0)


def test_a_refund_of_one_order_leaves_the_others_paid(
    payment: PaymentService, engine: sa.Engine
) -> None:
    """A refund touches its own order's payment alone."""
    payment.process(pay("1", 400))
    payment.process(pay("2", 300))
    payment.refund(refund("1", 400))
    assert balance(payment) == 700
    with reading(engine) as connection:
        rows = connection.execute(sa.select(PAYMENTS)).all()
    assert {row.order_id: row.refunded_minor for row in rows} == {"1": 400, "2": 0}


def test_a_refund_of_a_payment_that_never_came_gives_nothing(payment: PaymentService) -> None:
    """A refund without a payment succeeds, gives back nothing, and says so."""
    event = payment.refund(refund("1", 400))
    assert event == PaymentRefundedEvent(order_id="1", currency="GBP", refunded_minor=0)
    assert balance(payment) == 1_000


def test_a_refund_of_a_customer_without_a_wallet_gives_nothing(payment: PaymentService) -> None:
    """A refund can be asked for a customer whom the payment service does not know."""
    assert payment.refund(refund("1", 400, customer_id="zoe")).refunded_minor == 0


def test_a_refund_of_a_declined_payment_gives_nothing(payment: PaymentService) -> None:
    """A refund of a payment that was declined succeeds and gives back nothing."""
    payment.process(pay("1", 1_001))
    assert payment.refund(refund("1", 1_001)).refunded_minor == 0
    assert balance(payment) == 1_000


@pytest.mark.parametrize("was_paid", [True, False])
def test_a_payment_after_its_refund_is_refused(payment: PaymentService, was_paid: bool) -> None:
    """A payment that arrives after its refund takes nothing.

    Its refusal says that it came too late.
    """
    if was_paid:
        payment.process(pay("1", 400))
    payment.refund(refund("1", 400))
    late = payment.process(pay("1", 400))
    assert isinstance(late, PaymentFailedEvent)
    assert (late.reason, late.details) == ("ALREADY_COMPENSATED", {})
    assert "arrived after its compensation" in late.message
    assert balance(payment) == 1_000


def test_another_refund_under_the_same_key_gives_nothing(payment: PaymentService) -> None:
    """A refund's key belongs to its payload."""
    payment.process(pay("1", 400))
    payment.refund(refund("1", 400))
    with pytest.raises(KeyReused):
        payment.refund(refund("1", 300))
    assert balance(payment) == 1_000
