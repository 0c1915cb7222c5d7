"""The currencies that can be paid with: Stripe's, each with what its amounts must be divisible by.

By https://docs.stripe.com/currencies. ISK and UGX have no decimals, and are sent with two; of three
decimals the last is 0.
"""

from card_provider.errors import invalid

_PLAIN = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bif bmd bnd bob brl bsd bwp byn bzd cad
    cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd
    hkd hnl htg huf idr ils inr jmd jpy kes kgs khr kmf krw kyd kzt lak lbp lkr lrd lsl mad mdl mga
    mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln pyg qar
    ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah usd
    uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
DIVISORS = (
    dict.fromkeys(_PLAIN.split(), 1)
    | dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 10)
    | dict.fromkeys(("isk", "ugx"), 100)
)


def check(currency: str, amount: int) -> None:
    """Check that an amount can be charged in a currency.

    Raises:
        ApiError: it cannot.
    """
    if currency not in DIVISORS:
        codes = ", ".join(DIVISORS)
        message = f"Invalid currency: {currency}. Stripe currently supports these: {codes}"
        raise invalid(message, param="currency")
    if amount % DIVISORS[currency]:
        divisor = DIVISORS[currency]
        raise invalid(f"Amount must be evenly divisible by {divisor}.", param="amount")
