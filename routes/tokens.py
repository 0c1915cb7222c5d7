"""Bearer tokens: which are believed, and whom they name."""

import re
from collections.abc import Callable
from time import monotonic
from typing import Any

import jwt

from application.caller import Caller
from config import Settings
from contracts.base import IDENTIFIER
from contracts.text import flaw
from routes.keys import Keys, refusal_of_token

MOST_SUBJECT = 128

WRONG: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "has expired"),
    (jwt.ImmatureSignatureError, "is not valid yet"),
    (jwt.InvalidIssuerError, "was issued by somebody else"),
    (jwt.InvalidAudienceError, "was issued for something else"),
    (jwt.MissingRequiredClaimError, "lacks a claim; it needs exp, iss, aud and sub"),
)


class Tokens:
    """Believes the tokens of one issuer, for one audience, signed by one algorithm."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = monotonic) -> None:
        """Check tokens as the settings say.

        `clock` counts the seconds for which published keys serve.
        """
        self._settings = settings
        self._key_set = (
            Keys(settings.auth_jwks_url, settings.token_algorithm, clock)
            if settings.auth_jwks_url
            else None
        )

    async def caller(self, token: str) -> Caller:
        """Return whom a token names.

        Raises:
            Problem: 401 when the token is not believed; 503 when the issuer's keys cannot be had.
        """
        settings = self._settings
        try:
            claims = await self._claims(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise refusal_of_token(
                next((why for kind, why in WRONG if isinstance(error, kind)), "is not one of ours")
            ) from error
        return _read(claims, settings.auth_customer_claim, settings.auth_clock_skew_seconds)

    async def _claims(self, token: str) -> dict[str, Any]:
        """Return what a token says, once it is known who signed it."""
        if self._key_set is None:
            return self._decode(token, self._settings.auth_secret.get_secret_value())
        key = await self._key_set.key_of(token)
        try:
            return self._decode(token, key)
        except jwt.InvalidSignatureError:
            if key.key_id:
                raise
            # The only key has no name: another may have taken its place.
            return self._decode(token, await self._key_set.key_of(token, instead_of=key))

    def _decode(self, token: str, key: Any) -> dict[str, Any]:
        settings = self._settings
        return jwt.decode(
            token,
            key,
            algorithms=[settings.token_algorithm],
            issuer=settings.auth_issuer,
            audience=settings.auth_audience,
            leeway=settings.auth_clock_skew_seconds,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )


def _read(claims: dict[str, Any], customer_claim: str, clock_skew_seconds: float) -> Caller:
    """Return whom the claims of a token name.

    A customer that cannot be read is no customer, and not all of them.
    """
    subject = claims["sub"]
    scopes = claims.get("scope", "")
    if len(subject) > MOST_SUBJECT or flaw(subject, one_line=True):
        raise refusal_of_token(
            f"has a sub that is no name of 1 to {MOST_SUBJECT} characters, all of them seen"
        )
    if not isinstance(scopes, str):
        raise refusal_of_token("has a scope that is no text, like 'orders:read orders:write'")
    customer_id = claims.get(customer_claim)
    if customer_claim in claims and not (
        isinstance(customer_id, str) and re.fullmatch(IDENTIFIER, customer_id)
    ):
        raise refusal_of_token(f"has a {customer_claim} that is no customer's id")
    return Caller(
        subject,
        frozenset(scopes.split()),
        customer_id,
        until=int(claims["exp"]) + clock_skew_seconds,
    )
