"""What a shop tells the payment service of wallets and deposits.

That stock and books are right is checked after every test.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.base import MAX_TOTAL_MINOR
from contracts.payment import (
    DepositRefusedEvent,
    MoneyDepositedEvent,
    WalletsOpenedEvent,
    WalletView,
)
from participants.payment.service import PaymentService
from participants.payment.tables import DEPOSIT_REASONS
from temporal_saga.database import reading
from tests.commands import deposit, open_wallets, pay
from tests.concurrency import at_once
from tests.participants.state import balance


def test_wallets_are_opened_with_what_they_hold(payment: PaymentService) -> None:
    """New ones are opened, open ones stay, and one in another currency is named."""
    first = open_wallets("1", ("ann", "GBP", 1_000), ("bob", "EUR", 0))
    assert payment.open_new(first) == WalletsOpenedEvent(opened=2, left=0)
    payment.process(pay("1", 400))
    again = open_wallets("2", ("ann", "GBP", 9), ("bob", "GBP", 9), ("cy", "GBP", 9))
    event = payment.open_new(again)
    assert event == WalletsOpenedEvent(opened=1, left=1, in_other_currency={"bob": "EUR"})
    assert (balance(payment), balance(payment, "bob"), balance(payment, "cy")) == (600, 0, 9)
    assert payment.open_new(first) == WalletsOpenedEvent(opened=2, left=0), "as it did"


def test_money_comes_in_and_goes_back(payment: PaymentService, engine: sa.Engine) -> None:
    """A deposit raises the balance, a negative one takes it back, and the books say why."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    event = payment.deposit(deposit("1", 500))
    assert event == MoneyDepositedEvent(
        customer_id="ann", currency="GBP", amount_minor=500, balance_minor=500
    )
    back = payment.deposit(deposit("2", -500, reason="typed twice"))
    assert isinstance(back, MoneyDepositedEvent)
    assert back.balance_minor == balance(payment) == 0
    with reading(engine) as connection:
        reason_rows = connection.execute(
            sa.select(DEPOSIT_REASONS).order_by("transaction_id")
        ).all()
    assert [tuple(row) for row in reason_rows] == [
        ("paid-in/1", "in", "till-7"),
        ("paid-in/2", "typed twice", "till-7"),
    ]


def test_a_deposit_repeated_comes_in_once(payment: PaymentService) -> None:
    """The same key again gets the same answer, and no more money."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    first = payment.deposit(deposit("1", 500))
    payment.process(pay("1", 400))
    assert payment.deposit(deposit("1", 500)) == first
    assert balance(payment) == 100


REFUSED: list[tuple[Any, str, str]] = [
    (deposit("1", 501), "KEY_REUSED", "this Idempotency-Key belongs to another deposit"),
    (deposit("1", 500, customer_id="bob"), "KEY_REUSED", "this Idempotency-Key belongs to another"),
    (deposit("2", 1, customer_id="zoe"), "UNKNOWN_CUSTOMER", "customer zoe has no wallet"),
    (deposit("2", 1, currency="EUR"), "CURRENCY_MISMATCH", "is in GBP, the deposit in EUR"),
    (deposit("2", -501), "INSUFFICIENT_FUNDS", "5.01 GBP are to be taken out, and there are 5.00"),
]


@pytest.mark.parametrize(("command", "reason", "message"), REFUSED)
def test_a_deposit_is_refused_with_its_reason(
    payment: PaymentService, command: Any, reason: str, message: str
) -> None:
    """No money moves, and the reason is said."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0), ("bob", "GBP", 0)))
    payment.deposit(deposit("1", 500))
    refusal = payment.deposit(command)
    assert isinstance(refusal, DepositRefusedEvent)
    assert refusal.reason == reason
    assert message in refusal.message
    assert (balance(payment), balance(payment, "bob")) == (500, 0)


def test_a_refused_deposit_may_be_asked_again(payment: PaymentService) -> None:
    """A refusal is no last word: the wallet may be opened, and the same deposit then comes in."""
    assert isinstance(payment.deposit(deposit("1", 500)), DepositRefusedEvent)
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    assert isinstance(payment.deposit(deposit("1", 500)), MoneyDepositedEvent)


def test_a_wallet_is_filled_to_a_limit(payment: PaymentService) -> None:
    """No number of deposits makes an amount that is not exact; taking out is always possible."""
    rich = WalletView(customer_id="ann", currency="GBP", balance_minor=MAX_TOTAL_MINOR + 1)
    payment.open_wallets([rich])
    refusal = payment.deposit(deposit("1", 1))
    assert isinstance(refusal, DepositRefusedEvent)
    assert refusal.reason == "TOO_MUCH"
    assert isinstance(payment.deposit(deposit("2", -1)), MoneyDepositedEvent)


def test_many_who_take_the_last_money_out_at_once_get_it_once(payment: PaymentService) -> None:
    """A wallet is never below zero, whoever takes from it at the same time."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 500)))
    doings: list[Callable[[], Any]] = [
        *(partial(payment.deposit, deposit(str(number), -100)) for number in range(4)),
        *(partial(payment.process, pay(str(number), 100)) for number in range(4)),
    ]
    events = at_once(doings)
    effects = [
        event for event in events if event.event in ("MoneyDepositedEvent", "PaymentCompletedEvent")
    ]
    assert (len(effects), balance(payment)) == (5, 0)


def test_one_deposit_that_comes_many_times_at_once_comes_in_once(payment: PaymentService) -> None:
    """However often a command is delivered side by side, it takes effect once."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    events = at_once([partial(payment.deposit, deposit("1", 100))] * 8)
    assert events == events[:1] * 8
    assert balance(payment) == 100
