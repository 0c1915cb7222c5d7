"""Payments by card that the provider does not take as meant, or does in part, or not at all."""

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest

from operations.audit.invariants import violations_by_id
from participants.payment import card_api
from participants.payment.card_api import CardApi
from participants.payment.card_errors import ProviderAway
from participants.payment.cards import Cards
from participants.payment.service import PaymentService
from tests.card_provider.till import AT_FIRST
from tests.participants.card_shop import CAPTURED, NOTHING, PRICE, CardShop, open_card_shop


@pytest.fixture(scope="module")
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardShop]:
    with open_card_shop(tmp_path_factory.mktemp("cards")) as shop:
        yield shop


@pytest.fixture
def shop(open_shop: CardShop) -> Iterator[CardShop]:
    """Give an order that nobody has paid; whatever was done to it, the invariants hold."""
    open_shop.till.control.delete("/faults").raise_for_status()
    open_shop.till.settings(**AT_FIRST)
    open_shop.order_id = f"o-{uuid4().hex}"
    yield open_shop
    assert violations_by_id(open_shop.engine, "payment") == {}


@pytest.mark.parametrize("currency", ["MGA", "ISK", "UGX", "IQD", "CLF"])
def test_a_currency_that_is_divided_otherwise_there_is_refused(
    shop: CardShop, currency: str
) -> None:
    """Nobody pays a hundred times the price, or a hundredth of it."""
    refusal = shop.pay(currency=currency)
    assert refusal.reason == "AMOUNT_NOT_PAYABLE"
    assert f"decimals in {currency}" in refusal.message
    assert shop.payments == 0


def test_three_decimals_are_paid_in_hundredths(shop: CardShop) -> None:
    """The provider takes no others; yen have no decimals here and there."""
    assert shop.pay(amount_minor=1533, currency="KWD").reason == "AMOUNT_NOT_PAYABLE"
    for currency in ("KWD", "JPY"):
        shop.order_id += f"-{currency}"
        shop.pay(currency=currency)
        assert shop.books == (PRICE, 0, 0, 0)


def test_a_refund_that_fails_gave_nothing_back(shop: CardShop) -> None:
    """Also where its answer said that it did; a person is told what is left to do."""
    shop.capture(shop.pay("gil").reference)
    for _ in range(2):
        with pytest.raises(ProviderAway, match=r"^0 of 1530 of pi_.* went back: see with"):
            shop.refund("gil")
    assert shop.books == CAPTURED


def test_a_capture_of_a_part_is_not_the_price(shop: CardShop) -> None:
    """A person who took less has a person told; taken back, the part that was not taken counts."""
    reference = shop.pay().reference
    shop.till.stripe.payment_intents.capture(reference, {"amount_to_capture": 500})
    with pytest.raises(ProviderAway, match=r"^500 of 1530 of .* settle the step"):
        shop.capture(reference)
    assert shop.refund() == (500, PRICE - 500)
    assert shop.books == (PRICE, 500, PRICE - 500, 500)


@pytest.mark.parametrize("is_taken_back", [False, True])
def test_a_bank_that_asks_on_no_page_is_not_waited_for(
    shop: CardShop, *, is_taken_back: bool
) -> None:
    """Nobody could answer it; the payment is closed, and the customer is told to pay otherwise."""
    cards = Cards(shop.engine, CardApi("sk_test_shop", shop.till.url))  # that has no return URL
    without_page = replace(shop, service=PaymentService(shop.engine, cards))
    if is_taken_back:
        shop.till.fault("answer_lost", "payment_intents.confirm")
        with pytest.raises(ProviderAway):
            without_page.pay("eve")
        assert without_page.refund("eve") == (0, 0)
    else:
        assert without_page.pay("eve").reason == "AUTHENTICATION_FAILED"
    [payment] = [
        payment
        for payment in shop.till.stripe.payment_intents.list({"limit": 100})
        if payment.metadata["order_id"] == shop.order_id
    ]
    assert (payment.status, shop.books) == ("canceled", NOTHING)


def test_a_currency_that_the_provider_does_not_take_is_refused(shop: CardShop) -> None:
    """It says so each time anew, which is no outage."""
    refusal = shop.pay(currency="CUP")
    assert refusal.reason == "AMOUNT_NOT_PAYABLE"
    assert "Invalid currency: cup" in refusal.message


def test_a_card_that_is_gone_when_the_payment_is_made_is_refused(shop: CardShop) -> None:
    """The provider's error has no payment in it then; the one that was prepared is closed."""
    shop.till.fault("request_lost", "payment_intents.confirm")
    with pytest.raises(ProviderAway):
        shop.pay()
    with closing(sqlite3.connect(shop.books_file)) as books, books:
        books.execute(
            "UPDATE objects SET body = json_set(body, '$.payment_method', 'pm_gone')"
            " WHERE json_extract(body, '$.metadata.order_id') = ?",
            [shop.order_id],
        )
    refusal = shop.pay()
    assert refusal.reason == "CARD_DECLINED"
    assert "No such PaymentMethod" in refusal.message
    assert (shop.pay(), shop.books) == (refusal, NOTHING)


def test_an_answer_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is one on the whole exchange; those that do not end leave place for so many."""
    monkeypatch.setattr(card_api._InTime, "places", threading.BoundedSemaphore(1))
    is_over = threading.Event()

    def trickle() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
            for _ in range(30):
                if is_over.wait(0.1):
                    return
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle)
        thread.start()
        api = CardApi("sk_test_shop", f"http://127.0.0.1:{server.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(ProviderAway, match=r"no whole answer within 0\.300 s"):
            api.payment("pi_1", 0.3)
        with pytest.raises(ProviderAway, match="too many answers"):
            api.payment("pi_1", 0.3)
        seconds = time.monotonic() - begin
        is_over.set()
        thread.join()
    assert seconds < 2
