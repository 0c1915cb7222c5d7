"""Payments by card of which a database has no record, or whose customers pay otherwise since."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from contracts.payment import WalletView
from participants.payment import card_api
from participants.payment.card_errors import ProviderAway
from participants.payment.card_file import add_cards
from participants.payment.service import PaymentService
from participants.payment.tables import CARDS
from participants.payment.wallets import BegunByCard
from temporal_saga.provider import NotYetKnown
from tests.card_provider.till import AT_FIRST
from tests.participants.card_shop import PRICE, RELEASED, CardShop, open_card_shop


@pytest.fixture(scope="module")
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardShop]:
    with open_card_shop(tmp_path_factory.mktemp("cards")) as shop:
        yield shop


@pytest.fixture
def shop(open_shop: CardShop) -> CardShop:
    """Give an order that nobody has paid."""
    open_shop.till.control.delete("/faults").raise_for_status()
    open_shop.till.settings(**AT_FIRST)
    open_shop.order_id = f"o-{uuid4().hex}"
    return open_shop


def api_of(shop: CardShop) -> card_api.CardApi:
    """Return the shop's account at its provider."""
    return card_api.CardApi("sk_test_shop", shop.till.url)


@pytest.mark.parametrize("card", ["gone", "of another customer"])
def test_a_rollback_finds_a_payment_without_the_card_that_made_it(
    shop: CardShop, card: str
) -> None:
    """A backup may be older than the customer's card; search finds the payment all the same."""
    shop.till.settings(search_lag_seconds=0)
    customer = f"gus-{shop.order_id}"
    add_cards(shop.engine, api_of(shop), {customer: "pm_card_visa"})
    of_customer = CARDS.c.customer_id == customer
    event = shop.pay(customer)
    shop.forget()
    if card == "gone":
        with shop.engine.begin() as connection:
            connection.execute(sa.delete(CARDS).where(of_customer))
        assert shop.pay(customer) == event
        shop.forget()
    else:
        other = api_of(shop).enrol(f"{customer}-2", 5)
        with shop.engine.begin() as connection:
            connection.execute(
                sa.update(CARDS).where(of_customer).values(provider_customer_id=other)
            )
    assert shop.refund(customer) == (0, PRICE)
    assert shop.books == RELEASED


def test_where_only_search_has_no_payment_a_rollback_waits(shop: CardShop) -> None:
    """Search is behind, so that it does not say that nothing is held."""
    with pytest.raises(NotYetKnown):
        shop.refund("nobody")


def test_a_customer_with_many_payments_can_pay(
    shop: CardShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of old payments one page is read, and search; of new ones all, within one limit of time."""
    monkeypatch.setattr(card_api, "PAGE", 2)
    customer = api_of(shop).enrol(f"hal-{shop.order_id}", 5)
    step = f"step-{shop.order_id}"
    form = {"amount": 100, "currency": "gbp", "customer": customer}
    shop.till.settings(search_lag_seconds=0, created_shift_seconds=-2 * card_api.SEARCH_LAG_SECONDS)
    payment = api_of(shop).create(form | {"metadata": {"saga_step": step}}, step, 5)
    for _ in range(5):
        shop.till.stripe.payment_intents.create(form)
    shop.till.fault("answer_late", "payment_intents.list", times=None, seconds=0.2)
    assert api_of(shop).payments_of(customer, step, 0.4) == [payment]

    shop.till.settings(created_shift_seconds=0)
    for _ in range(5):
        shop.till.stripe.payment_intents.create(form)
    with pytest.raises(ProviderAway):
        api_of(shop).payments_of(customer, step, 0.4)
    assert api_of(shop).payments_of(customer, step, 5) == [payment]


@pytest.mark.parametrize("customer", ["ann", "eve"])
@pytest.mark.parametrize("is_rich", [True, False])
def test_what_was_begun_by_card_no_wallet_goes_on_with(
    shop: CardShop, customer: str, *, is_rich: bool
) -> None:
    """Paid, or waiting for the customer: the wallet is not charged, and nobody says "nothing"."""
    wallets = PaymentService(shop.engine)
    if is_rich:
        wallets.open_wallets(
            [WalletView(customer_id=customer, currency="GBP", balance_minor=PRICE)]
        )
    event = shop.pay(customer)
    cards = shop.service
    shop.service = wallets
    with pytest.raises(BegunByCard):
        shop.refund(customer)
    if customer == "eve":
        with pytest.raises(BegunByCard):
            shop.pay(customer)
    shop.service = cards
    assert shop.pay(customer) == event
    assert shop.refund(customer) == (0, PRICE if customer == "ann" else 0)
