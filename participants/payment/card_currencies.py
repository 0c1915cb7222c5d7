"""Which amounts mean the same to the card provider: it divides some currencies unlike ISO 4217.

An amount that it would read as another one is refused before it hears of it.
"""

from contracts.money import MINOR_DIGITS, MOST_CURRENCIES_HAVE

THERE = {
    0: "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF",
    3: "BHD JOD KWD OMR TND",
}
"""By digits of the minor unit: the provider's currencies that have not two, by
https://docs.stripe.com/currencies. ISK and UGX have two there, for old times' sake."""

DIGITS_THERE = {code: digits for digits, codes in THERE.items() for code in codes.split()}

ROUND_THERE = 10
"""Amounts of three decimals must be a multiple of this, as banks count two of them."""


def why_not_payable(currency: str, amount_minor: int) -> str | None:
    """Return why a card does not pay this amount, in words; None where it may."""
    digits = DIGITS_THERE.get(currency, MOST_CURRENCIES_HAVE)
    if MINOR_DIGITS.get(currency) != digits:
        return (
            f"the card provider counts {digits} decimals in {currency}, and ISO 4217 does not: "
            "it would charge another amount"
        )
    if digits > MOST_CURRENCIES_HAVE and amount_minor % ROUND_THERE:
        return (
            f"the card provider takes {currency} in whole hundredths: {amount_minor} ends in no 0"
        )
    return None
