"""Money: which currencies there are, and amounts for people to read.

Amounts are counted in whole minor units.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

IN_USE = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
        CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
        GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD
        LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB
        PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
        SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW
        ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""By digits of the minor unit: the codes in use, as ISO 4217 list one has them, published on
2026-01-01 by
https://www.six-group.com/en/products-services/financial-information/data-standards.html
(list-one.xml). A later list is taken over by changing this table; nothing else in this project
knows how a currency is divided."""

WITHOUT_MINOR_UNIT = frozenset(
    ["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"]
)
"""Codes of the same list that are no money of a shop: metals, units of account, for tests.

The list gives them no minor unit.
"""

MINOR_DIGITS: Mapping[str, int] = {
    code: digits for digits, codes in IN_USE.items() for code in codes.split()
}
"""By currency in use: how many digits its minor unit has."""

MOST_CURRENCIES_HAVE = 2
"""What an amount of an old record is shown with, whose code is not, or no longer, in use."""


UNUSUAL = dict(
    sorted(
        (code, digits)
        for code, digits in {**dict.fromkeys(WITHOUT_MINOR_UNIT, 0), **MINOR_DIGITS}.items()
        if digits != MOST_CURRENCIES_HAVE
    )
)
"""By code: with how many digits amounts are shown, where most currencies have another number."""


def money(minor: int, currency: str) -> str:
    """Return an amount as ISO 4217 divides its currency, e.g. `15.30 GBP` or `1530 JPY`."""
    digits = UNUSUAL.get(currency, MOST_CURRENCIES_HAVE)
    whole, part = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}{f'.{part:0{digits}}' if digits else ''} {currency}"


def _in_use(code: str) -> str:
    if code in WITHOUT_MINOR_UNIT:
        raise PydanticCustomError(
            "currency", "must be money of a minor unit, which {code} is not", {"code": code}
        )
    if code not in MINOR_DIGITS:
        raise PydanticCustomError(
            "currency", "must be a currency in use, by its three letters (ISO 4217), like GBP"
        )
    return code


CurrencyInUse = Annotated[
    str,
    AfterValidator(_in_use),
    Field(
        strict=True, description="ISO 4217 code", json_schema_extra={"enum": sorted(MINOR_DIGITS)}
    ),
]
"""What new money is given in.

What is on record may be older than the list, and stays readable as `contracts.base.Currency`.
"""
