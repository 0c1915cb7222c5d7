"""How callers prove who they are, and where people sign in to the console."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from config.values import LOOPBACK, ORIGIN, USUAL_PORT, Origins

NAME_CLAIMS = ("name", "preferred_username", "email")
"""The claims of OpenID Connect that name a person, the best first."""


def _issuer(url: str) -> str:
    where = urlsplit(url)
    is_near = where.scheme == "http" and where.hostname in LOOPBACK
    if url and not (where.hostname and (where.scheme == "https" or is_near)):
        raise ValueError(
            "it must begin with https://, or lead to this machine: who signs in there is believed"
        )
    if url and (where.query or where.fragment or not ORIGIN.fullmatch(_origin(url))):
        raise ValueError("it must be a URL of a host and a path: no name in it, no ? and no #")
    return url


def _origin(url: str) -> str:
    """Return the origin of a URL, as browsers write it."""
    where = urlsplit(url)
    origin = f"{where.scheme}://{where.netloc}".lower()
    return origin.removesuffix(USUAL_PORT.get(where.scheme, ""))


class AccessSettings(BaseSettings):
    """How callers prove who they are, what of that is read, and where people sign in."""

    auth_secret: SecretStr = Field(
        default=SecretStr(""), description="callers' tokens are signed with this shared secret"
    )
    auth_jwks_url: str = Field(default="", description="or with one of the keys published here")
    auth_algorithm: (
        Literal["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"] | None
    ) = Field(
        default=None,
        description="and by this algorithm alone; HS256 with a secret, "
        "RS256 with published keys when unset",
    )
    auth_issuer: str = Field(default="", description="who must have issued them")
    auth_audience: str = Field(default="", description="for whom")
    auth_customer_claim: str = Field(
        default="customer_id",
        min_length=1,
        description="the claim that names the caller's customer",
    )
    auth_clock_skew_seconds: int = Field(
        default=30, ge=0, le=300, description="how far the issuer's clock may be off"
    )
    auth_scope_claim: str = Field(
        default="scope",
        min_length=1,
        description="the claim with the scopes, as words in a text or as a list: "
        "scp at Microsoft Entra and Okta",
    )
    auth_name_claim: str = Field(
        default="",
        description="the claim with a person's name; the first of name, preferred_username and "
        "email when empty",
    )

    oidc_client_id: str = Field(
        default="",
        description="the console's name at the provider where people sign in; "
        "no sign-in when empty",
    )
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        default="", description="that provider; AUTH_ISSUER when empty"
    )
    oidc_scope: str = Field(
        default="openid profile", description="the scopes that the console asks it for"
    )
    oidc_audience: str = Field(
        default="", description="the parameter audience of a sign-in, where a provider wants it"
    )
    oidc_resource: str = Field(
        default="", description="the parameter resource (RFC 8707), likewise"
    )
    oidc_origins: Origins = Field(
        default=(),
        description="further origins of the provider's addresses, like https://login.example.org",
    )

    @model_validator(mode="after")
    def _sign_in_is_whole(self) -> Self:
        names = ("oidc_issuer", "oidc_audience", "oidc_resource", "oidc_origins")
        if not self.oidc_client_id:
            if alone := ", ".join(name.upper() for name in names if getattr(self, name)):
                raise ValueError(f"{alone} alone signs nobody in: set OIDC_CLIENT_ID as well")
            return self
        if not self.oidc_issuer:
            try:
                _issuer(self.auth_issuer)
            except ValueError as error:
                raise ValueError(f"AUTH_ISSUER is invalid where people sign in: {error}") from None
        if "openid" not in self.oidc_scope.split():
            raise ValueError("OIDC_SCOPE must hold openid, or the provider tells nobody's identity")
        return self

    @property
    def sign_in_issuer(self) -> str:
        """The provider where people sign in to the console."""
        return self.oidc_issuer or self.auth_issuer

    @property
    def sign_in_origins(self) -> tuple[str, ...]:
        """The origins that the console asks for tokens; none where nobody signs in."""
        if not self.oidc_client_id:
            return ()
        return (_origin(self.sign_in_issuer), *self.oidc_origins)

    @property
    def name_claims(self) -> tuple[str, ...]:
        """The claims that may name a person, the best first."""
        return (self.auth_name_claim,) if self.auth_name_claim else NAME_CLAIMS
