"""Which combinations of the `AUTH_*` settings cannot check a token safely."""

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from config.values import LOOPBACK

SHORTEST_SECRET = {"HS256": 32, "HS384": 48, "HS512": 64}
"""By algorithm of a shared secret: the bytes that it needs at least (RFC 7518, 3.2)."""


class Authentication(Protocol):
    """The settings that say how callers prove who they are."""

    auth_secret: SecretStr
    auth_jwks_url: str
    auth_issuer: str
    auth_audience: str
    oidc_client_id: str

    @property
    def asks_for_tokens(self) -> bool:
        """Whether callers must bring a token."""
        ...

    @property
    def token_algorithm(self) -> str:
        """The one algorithm by which tokens are signed."""
        ...


def problems(settings: Authentication) -> Iterator[str]:
    """Yield why tokens cannot be checked, or not safely, with these settings."""
    return _with_a_key(settings) if settings.asks_for_tokens else _without_a_key(settings)


def _without_a_key(settings: Authentication) -> Iterator[str]:
    names = ("auth_algorithm", "auth_issuer", "auth_audience")
    if settings.oidc_client_id:
        yield (
            "OIDC_CLIENT_ID signs people in for tokens that nobody checks: "
            "set AUTH_SECRET or AUTH_JWKS_URL as well"
        )
    if alone := ", ".join(name.upper() for name in names if getattr(settings, name)):
        yield f"{alone} alone authenticates nobody: set AUTH_SECRET or AUTH_JWKS_URL as well"


def _with_a_key(settings: Authentication) -> Iterator[str]:
    secret = settings.auth_secret.get_secret_value()
    keys = settings.auth_jwks_url
    algorithm = settings.token_algorithm
    names = ("auth_issuer", "auth_audience")
    missing = ", ".join(name.upper() for name in names if not getattr(settings, name))
    least = SHORTEST_SECRET.get(algorithm, 0)
    if secret and keys:
        yield "set AUTH_SECRET or AUTH_JWKS_URL, not both: tokens are signed in one way"
    if missing:
        yield (
            f"with authentication, {missing} must be set: "
            "a token issued by or for somebody else opens nothing here"
        )
    if secret and not least:
        yield (
            f"AUTH_ALGORITHM={algorithm} needs AUTH_JWKS_URL: "
            f"a shared secret goes with {', '.join(SHORTEST_SECRET)}"
        )
    if keys and least:
        yield (
            f"AUTH_ALGORITHM={algorithm} needs AUTH_SECRET: "
            "published keys go with RS256, PS256, ES256 or EdDSA"
        )
    if secret and len(secret.encode()) < least:
        yield f"AUTH_SECRET is too short to be safe: {algorithm} needs {least} bytes or more"
    if keys and not _is_safe(keys):
        yield (
            "AUTH_JWKS_URL must begin with https://, "
            "or anybody on the way could put in keys of their own"
        )


def _is_safe(url: str) -> bool:
    """Tell whether nobody on the way can change what is read from a URL.

    It is encrypted, or leads to this machine.
    """
    where = urlsplit(url)
    return bool(where.hostname) and (
        where.scheme == "https" or (where.scheme == "http" and where.hostname in LOOPBACK)
    )
