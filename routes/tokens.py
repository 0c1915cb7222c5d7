"""Bearer tokens: which are believed, and whom they name."""

import re
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import jwt

from application.caller import Caller
from config import Settings
from contracts.base import IDENTIFIER
from contracts.text import flaw
from routes.keys import Keys, refusal_of_token

MOST_SUBJECT = 128
MOST_NAME = 200

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
        return _read(claims, settings)

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


def _read(claims: dict[str, Any], settings: Settings) -> Caller:
    """Return whom the claims of a token name.

    A customer that cannot be read is no customer, and not all of them.
    """
    subject = claims["sub"]
    if len(subject) > MOST_SUBJECT or flaw(subject, one_line=True):
        raise refusal_of_token(
            f"has a sub that is no name of 1 to {MOST_SUBJECT} characters, all of them seen"
        )
    customer_claim = settings.auth_customer_claim
    customer_id = claims.get(customer_claim)
    if customer_claim in claims and not (
        isinstance(customer_id, str) and re.fullmatch(IDENTIFIER, customer_id)
    ):
        raise refusal_of_token(f"has a {customer_claim} that is no customer's id")
    return Caller(
        subject,
        _scopes(claims, settings.auth_scope_claim),
        customer_id,
        until=int(claims["exp"]) + settings.auth_clock_skew_seconds,
        name=_name(claims, settings.name_claims),
    )


def _scopes(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """Return the scopes of a token: words in a text, or a list of them."""
    value = claims.get(claim, "")
    scopes = value.split() if isinstance(value, str) else value
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise refusal_of_token(
            f"has a {claim} that is no text, like 'orders:read orders:write', and no list of such"
        )
    return frozenset(scopes)


def _name(claims: dict[str, Any], name_claims: Sequence[str]) -> str:
    """Return what a token calls its bearer; "" when it says nothing that can be shown as a name."""
    for claim in name_claims:
        name = claims.get(claim)
        if isinstance(name, str) and len(name) <= MOST_NAME and not flaw(name, one_line=True):
            return " ".join(name.split())
    return ""
