"""Which currencies there are, and which are taken."""

import re

import pytest
from pydantic import ValidationError

from contracts.money import IN_USE, MINOR_DIGITS, WITHOUT_MINOR_UNIT
from contracts.placing import PlaceOrder
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


@pytest.mark.parametrize(
    "currency", ["GBP", "JPY", "KWD", "CLF", "UYW", "XCG", "ZWG", "SLE", "VED"]
)
def test_a_currency_in_use_is_taken(currency: str) -> None:
    """However it is divided, and however new it is."""
    assert OrderBody.model_validate(ORDER | {"currency": currency}).currency == currency


@pytest.mark.parametrize(
    ("currency", "told"),
    [
        ("GPB", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("gbp", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("HRK", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("", "must be a currency in use, by its three letters (ISO 4217), like GBP"),
        ("XAU", "must be money of a minor unit, which XAU is not"),
        ("XXX", "must be money of a minor unit, which XXX is not"),
    ],
)
def test_what_is_no_currency_is_refused_in_words(currency: str, told: str) -> None:
    """At the door: an amount of it could be shown a hundred times too large."""
    with pytest.raises(ValidationError) as refused:
        OrderBody.model_validate(ORDER | {"currency": currency})
    assert [error["msg"] for error in refused.value.errors()] == [told]


def test_an_old_order_stays_readable() -> None:
    """What was placed in a currency that is not in use any more is still an order."""
    assert PlaceOrder.model_validate(ORDER | {"currency": "HRK"}).currency == "HRK"


def test_the_openapi_document_lists_them() -> None:
    """Who generates a client from it cannot send another."""
    assert OrderBody.model_json_schema()["properties"]["currency"]["enum"] == sorted(MINOR_DIGITS)
