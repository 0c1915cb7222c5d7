"""Bearer tokens for tests: an issuer, and what it signs."""

import time
from typing import Any

import jwt

SECRET = "a secret of the tests, and nobody else's: 1234567890"
ISSUER = "https://issuer.example.org"
AUDIENCE = "order-saga"
AUTHENTICATION = {"AUTH_SECRET": SECRET, "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE}
"""The settings of an API that believes these tokens."""

SCOPES = ("orders:write", "orders:read", "saga:operate", "shop:manage")


def claims(*scopes: str, customer: str | None = None, **other: Any) -> dict[str, Any]:
    """Return the claims of a token; a claim that is given as None is left out."""
    token_claims = {
        "sub": "tester",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 86_400,
        "scope": " ".join(scopes),
    }
    return {
        name: value
        for name, value in (token_claims | {"customer_id": customer} | other).items()
        if value is not None
    }


def bearer(*scopes: str, customer: str | None = None, **other: Any) -> dict[str, str]:
    """Return the header of a caller with these scopes, of a customer if one is named."""
    token = jwt.encode(claims(*scopes, customer=customer, **other), SECRET, "HS256")
    return {"Authorization": f"Bearer {token}"}
