"""Which currencies there are, and which are taken."""

import re
from collections.abc import Callable

import pytest
from pydantic import BaseModel, ValidationError

from contracts.money import IN_USE, MINOR_DIGITS, WITHOUT_MINOR_UNIT
from contracts.payment import DepositMoneyCommand, WalletOpening
from contracts.placing import PlaceOrder
from contracts.prose import problems
from contracts.stock import ProductOffer
from routes.manage import CustomersBody, OffersBody, ProductBody, WalletBody
from routes.orders import OrderBody

ORDER = {
    "customer_id": "17850",
    "lines": [{"sku": "85123A", "quantity": 6, "unit_price_minor": 255}],
}


def test_the_list_is_whole() -> None:
    """As many codes of each kind as ISO 4217 list one of 2026-01-01 has, each once."""
    assert {digits: len(codes.split()) for digits, codes in IN_USE.items()} == {
        0: 17,
        2: 139,
        3: 7,
        4: 2,
    }
    assert len(WITHOUT_MINOR_UNIT) == 13
    assert len(MINOR_DIGITS) == 165
    assert not WITHOUT_MINOR_UNIT & MINOR_DIGITS.keys()
    assert all(re.fullmatch("[A-Z]{3}", code) for code in {*MINOR_DIGITS, *WITHOUT_MINOR_UNIT})


DOORS: dict[str, Callable[[str], BaseModel]] = {
    "an order": lambda code: OrderBody.model_validate(ORDER | {"currency": code}),
    "a wallet": lambda code: WalletBody.model_validate({"currency": code}),
    "wallets": lambda code: CustomersBody.model_validate(
        {"customers": [{"customer_id": "ann", "currency": code}]}
    ),
    "a row of a file of customers": lambda code: WalletOpening(customer_id="ann", currency=code),
    "prices": lambda code: ProductBody.model_validate({"name": "apple", "prices": {code: 1}}),
    "prices of many": lambda code: OffersBody.model_validate(
        {"products": [{"sku": "A", "name": "apple", "prices": {code: 1}}]}
    ),
    "a row of a file of products": lambda code: ProductOffer(
        sku="A", name="apple", prices={code: 1}
    ),
}
"""By what is given: how money of a currency comes in."""


@pytest.mark.parametrize(
    "currency", ["GBP", "JPY", "KWD", "CLF", "UYW", "XCG", "ZWG", "SLE", "VED"]
)
@pytest.mark.parametrize("door", DOORS)
def test_a_currency_in_use_is_taken(door: str, currency: str) -> None:
    """However it is divided, and however new it is."""
    assert currency in DOORS[door](currency).model_dump_json()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("currency", "sentence"),
    [
        ("GPB", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("gbp", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("BTC", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("HRK", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("XAU", "must be money of a minor unit, which XAU is not"),
        ("XTS", "must be money of a minor unit, which XTS is not"),
        ("XXX", "must be money of a minor unit, which XXX is not"),
    ],
)
def test_what_is_no_currency_is_refused_in_words(door: str, currency: str, sentence: str) -> None:
    """At each door: a wallet's currency stays, so a typo would hold its money for ever."""
    with pytest.raises(ValidationError) as error_info:
        DOORS[door](currency)
    assert [message for _, message in problems(error_info.value.errors())] == [sentence]


def test_an_old_order_stays_readable() -> None:
    """What was placed in a currency that is not in use any more is still an order."""
    assert PlaceOrder.model_validate(ORDER | {"currency": "HRK"}).currency == "HRK"


def test_money_in_an_old_wallet_can_be_taken_out() -> None:
    """A deposit is in the wallet's currency, also where no new wallet may be in it."""
    command = DepositMoneyCommand(
        idempotency_key="1", customer_id="ann", currency="GPB", amount_minor=-5, reason="a typo"
    )
    assert command.currency == "GPB"


def test_the_openapi_document_lists_them() -> None:
    """Who generates a client from it cannot send another."""
    in_use = sorted(MINOR_DIGITS)
    assert OrderBody.model_json_schema()["properties"]["currency"]["enum"] == in_use
    assert WalletBody.model_json_schema()["properties"]["currency"]["enum"] == in_use
    prices, _ = ProductBody.model_json_schema()["properties"]["prices"]["anyOf"]
    assert prices["propertyNames"]["enum"] == in_use
