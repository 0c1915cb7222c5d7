"""Amounts for people to read. Everything that counts money counts whole minor units."""

WITHOUT_MINOR_UNIT = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
        *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
THOUSAND_TO_ONE = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def money(minor: int, currency: str) -> str:
    """Return an amount as ISO 4217 divides its currency, e.g. `15.30 GBP` or `1530 JPY`."""
    if currency in WITHOUT_MINOR_UNIT:
        return f"{minor} {currency}"
    digits = 3 if currency in THOUSAND_TO_ONE else 2
    whole, part = divmod(minor, 10**digits)
    return f"{whole}.{part:0{digits}} {currency}"
