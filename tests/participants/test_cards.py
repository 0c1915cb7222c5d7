"""Payments by card: each command takes effect once in the provider's own books, or not at all."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from contracts.payment import (
    PaymentActionRequiredEvent,
    PaymentCompletedEvent,
    PaymentFailedEvent,
    WalletView,
)
from operations.audit.invariants import violations_by_id
from participants.payment.card_errors import ProviderAway
from participants.payment.service import PaymentService
from participants.payment.tables import CARD_PAYMENTS
from participants.payment.wallets import NothingHeld
from tests.card_provider.till import AT_FIRST, DAY_SECONDS
from tests.commands import pay
from tests.participants.card_shop import (
    CAPTURED,
    HELD,
    NOTHING,
    PRICE,
    REFUNDED,
    RELEASED,
    CardShop,
    answer,
    open_card_shop,
)

HOUR_SECONDS = 3_600


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]
)
def open_shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CardShop]:
    url: str | None = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").create_database()
    with open_card_shop(tmp_path_factory.mktemp("cards"), url) as shop:
        yield shop


@pytest.fixture
def shop(open_shop: CardShop) -> Iterator[CardShop]:
    """Give an order that nobody has paid; whatever was done to it, the invariants hold."""
    open_shop.till.control.delete("/faults").raise_for_status()
    open_shop.till.settings(**AT_FIRST)
    open_shop.order_id = f"o-{uuid4().hex}"
    yield open_shop
    assert violations_by_id(open_shop.engine, "payment") == {}


def test_a_card_pays(shop: CardShop) -> None:
    """Money is held, then captured; each command repeated says the same and moves nothing more."""
    event = shop.pay()
    assert isinstance(event, PaymentCompletedEvent)
    assert shop.books == HELD
    assert shop.pay() == event
    assert [shop.capture(event.reference) for _ in range(2)] == [PRICE, PRICE]
    assert shop.books == CAPTURED
    row = sa.select(CARD_PAYMENTS).where(CARD_PAYMENTS.c.order_id == shop.order_id)
    with shop.engine.connect() as connection:
        payment = connection.execute(row).one()
    assert (payment.reference, payment.captured_minor) == (event.reference, PRICE)


@pytest.mark.parametrize(
    ("customer", "reason", "codes"),
    [
        ("bob", "INSUFFICIENT_FUNDS", {"card_declined", "insufficient_funds"}),
        ("cat", "CARD_DECLINED", {"card_declined", "stolen_card"}),
        ("dan", "CARD_EXPIRED", {"expired_card"}),
    ],
)
def test_a_decline_is_a_refusal(
    shop: CardShop, customer: str, reason: str, codes: set[str]
) -> None:
    """Its reason is ours; staff find the provider's codes. Nobody can pay it afterwards."""
    refusal = shop.pay(customer)
    assert isinstance(refusal, PaymentFailedEvent)
    assert (refusal.reason, set(refusal.details.values())) == (reason, codes)
    assert shop.pay(customer) == refusal
    assert shop.books == NOTHING
    [payment] = [
        payment
        for payment in shop.till.stripe.payment_intents.list({"limit": 100})
        if payment.metadata["order_id"] == shop.order_id
    ]
    assert payment.status == "canceled"


def test_what_no_card_pays_is_refused(shop: CardShop) -> None:
    """An amount that the provider does not take, and a customer of whom no card is on file."""
    assert shop.pay(amount_minor=1).reason == "AMOUNT_NOT_PAYABLE"
    shop.order_id += "-2"
    assert shop.pay("nobody").reason == "UNKNOWN_CUSTOMER"
    assert shop.books == NOTHING


def test_an_order_that_costs_nothing_asks_nobody(shop: CardShop) -> None:
    """It is paid although the provider is away, and holds nothing that is to be captured."""
    shop.till.control.post("/door/close", json={"for_seconds": None})
    assert shop.pay(amount_minor=0).reference is None
    assert shop.refund(amount_minor=0) == (0, 0)


@pytest.mark.parametrize(
    ("word", "customer", "reason"),
    [
        ("accept", "eve", None),
        ("decline", "eve", "AUTHENTICATION_FAILED"),
        ("accept", "fay", "INSUFFICIENT_FUNDS"),
    ],
)
def test_a_bank_that_asks_first(
    shop: CardShop, word: str, customer: str, reason: str | None
) -> None:
    """The same command goes on from what the customer has answered, and asks nothing twice."""
    event = shop.pay(customer)
    assert isinstance(event, PaymentActionRequiredEvent)
    assert event == shop.pay(customer)
    assert (shop.books, shop.payments) == (NOTHING, 1)
    answer(event, word)
    result = shop.pay(customer)
    assert getattr(result, "reason", None) == reason
    assert shop.books == (NOTHING if reason else HELD)


def test_a_customer_who_answers_too_late_pays_nothing(shop: CardShop) -> None:
    """Taken back, the payment is closed: the bank's page cannot hold anything any more."""
    event = shop.pay("eve")
    assert shop.refund("eve") == (0, 0)
    answer(event, "accept")
    assert shop.books == NOTHING
    assert shop.pay("eve").reason == "ALREADY_COMPENSATED"


def test_what_is_held_is_released_and_what_was_captured_is_given_back(shop: CardShop) -> None:
    """A void costs the customer nothing; a refund gives back all that is left, also by hand."""
    shop.pay()
    assert [shop.refund() for _ in range(2)] == [(0, PRICE), (0, PRICE)]
    assert shop.books == RELEASED
    shop.order_id += "-2"
    reference = shop.pay().reference
    shop.capture(reference)
    shop.till.stripe.refunds.create({"payment_intent": reference, "amount": 500})
    assert shop.refund() == (PRICE, 0)
    assert shop.books == REFUNDED


def nothing_before(_shop: CardShop) -> None:
    """Leave the order as it is."""


def take_money(shop: CardShop) -> None:
    """Take the money of an order."""
    shop.capture(shop.pay().reference)


Step = Callable[[CardShop], Any]

CALLS: dict[str, tuple[Step, Step, tuple[int, ...]]] = {
    "payment_intents.create": (nothing_before, CardShop.pay, HELD),
    "payment_intents.confirm": (nothing_before, CardShop.pay, HELD),
    "payment_intents.capture": (CardShop.pay, take_money, CAPTURED),
    "payment_intents.cancel": (CardShop.pay, CardShop.refund, RELEASED),
    "refunds.create": (take_money, CardShop.refund, REFUNDED),
}
"""By the library's name of a call: what comes before, the command, and what the books say then."""


@pytest.mark.parametrize("fault", ["answer_lost", "error_after_booking", "rate_limited"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_without_a_usable_answer_takes_effect_once(
    shop: CardShop, call: str, fault: str
) -> None:
    """Sent again, also when the provider has forgotten its keys, the command ends the same."""
    before, command, books = CALLS[call]
    before(shop)
    shop.till.fault(fault, call)
    with pytest.raises(ProviderAway) as outage:
        command(shop)
    assert (outage.value.retry_in_seconds is not None) == (fault == "rate_limited")
    shop.till.settings(clock_offset_seconds=DAY_SECONDS + 60)
    command(shop)
    assert shop.books == books


@pytest.mark.parametrize("call", CALLS)
def test_a_provider_that_is_away_for_an_hour_is_asked_again(shop: CardShop, call: str) -> None:
    """Nothing is refused or given up meanwhile, and then the command takes effect once."""
    before, command, books = CALLS[call]
    before(shop)
    shop.till.control.post("/door/close", json={"for_seconds": None}).raise_for_status()
    for _ in range(2):
        with pytest.raises(ProviderAway):
            command(shop)
    shop.till.settings(clock_offset_seconds=HOUR_SECONDS)
    shop.till.control.post("/door/open").raise_for_status()
    command(shop)
    assert shop.books == books


@pytest.mark.parametrize("fault", ["answer_lost", "error_after_booking", "request_lost"])
def test_a_rollback_finds_what_the_payment_did(shop: CardShop, fault: str) -> None:
    """Whatever became of the call, nothing stays held; the payment can come no more."""
    shop.till.fault(fault, "payment_intents.confirm")
    with pytest.raises(ProviderAway):
        shop.pay()
    was_held = fault != "request_lost"
    assert shop.books == (HELD if was_held else NOTHING)
    assert shop.refund() == (0, PRICE if was_held else 0)
    assert shop.books == (RELEASED if was_held else NOTHING)
    assert shop.pay().reason == "ALREADY_COMPENSATED"


def test_a_backup_that_was_put_back_charges_nobody_twice(shop: CardShop) -> None:
    """Without its rows the command finds its payment by what it wrote there, as lists show it."""
    event = shop.pay()
    shop.forget()
    assert shop.pay() == event
    assert (shop.books, shop.payments) == (HELD, 1)
    shop.forget()
    assert shop.refund() == (0, PRICE)
    assert shop.books == RELEASED


def test_a_payment_that_a_wallet_made_goes_back_to_it(shop: CardShop) -> None:
    """Also when customers pay with cards since; and what a card holds no wallet captures."""
    wallets = PaymentService(shop.engine)
    wallets.open_wallets([WalletView(customer_id="old", currency="GBP", balance_minor=PRICE)])
    wallets.process(pay(shop.order_id, PRICE, customer_id="old"))
    assert shop.refund("old") == (PRICE, None)
    wallet = wallets.wallet("old")
    assert wallet is not None
    assert wallet.balance_minor == PRICE
    shop.order_id += "-2"
    reference = shop.pay().reference
    cards = shop.service
    shop.service = wallets
    with pytest.raises(NothingHeld):
        shop.capture(reference)
    shop.service = cards


def test_an_authorisation_that_has_ended_is_not_captured(shop: CardShop) -> None:
    """A person is told what to do; nobody is charged anew."""
    reference = shop.pay().reference
    shop.till.settings(clock_offset_seconds=8 * DAY_SECONDS)
    with pytest.raises(ProviderAway, match=r"nothing is held by .* any more, it is canceled: see"):
        shop.capture(reference)
    assert shop.books == RELEASED
