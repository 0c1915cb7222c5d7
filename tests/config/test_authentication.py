"""Which settings let callers in, and which combinations are refused."""

import pytest
from pydantic import ValidationError

from config import Settings, explain


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_permission(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The API may always listen where only this machine reaches it."""
    monkeypatch.setenv("API_HOST", host)
    assert Settings().api_host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "127.0.0.1.example.org"])
def test_beyond_loopback_the_network_must_be_trusted(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Anywhere else the API refuses to listen and names the setting that allows it."""
    monkeypatch.setenv("API_HOST", host)
    with pytest.raises(
        ValidationError, match=f"API_HOST={host} would let anybody .* set API_TRUSTED_NETWORK=1"
    ):
        Settings()
    monkeypatch.setenv("API_TRUSTED_NETWORK", "0")
    with pytest.raises(ValidationError, match="API_TRUSTED_NETWORK=1"):
        Settings()
    monkeypatch.setenv("API_TRUSTED_NETWORK", "1")
    assert Settings().api_host == host


SECRET = "a secret that is long enough to be one"
CLAIMS = {"AUTH_ISSUER": "https://issuer.example.org", "AUTH_AUDIENCE": "order-saga"}
KEYS = {"AUTH_JWKS_URL": "https://issuer.example.org/keys"} | CLAIMS


@pytest.mark.parametrize(
    ("settings", "algorithm"),
    [
        ({"AUTH_SECRET": SECRET} | CLAIMS, "HS256"),
        ({"AUTH_SECRET": SECRET * 2, "AUTH_ALGORITHM": "HS512"} | CLAIMS, "HS512"),
        (KEYS, "RS256"),
        (KEYS | {"AUTH_ALGORITHM": "EdDSA"}, "EdDSA"),
        (KEYS | {"AUTH_JWKS_URL": "http://localhost:8080/keys", "AUTH_SECRET": ""}, "RS256"),
    ],
)
def test_authentication_opens_the_api_to_the_network(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], algorithm: str
) -> None:
    """With tokens to check, the API may listen anywhere, and believes one algorithm."""
    for name, value in {"API_HOST": "0.0.0.0", **settings}.items():
        monkeypatch.setenv(name, value)
    assert (Settings().asks_for_tokens, Settings().token_algorithm) == (True, algorithm)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            CLAIMS,
            (
                "AUTH_ISSUER, AUTH_AUDIENCE alone authenticates nobody: "
                "set AUTH_SECRET or AUTH_JWKS_URL as well"
            ),
        ),
        ({"AUTH_ALGORITHM": "HS256"}, "AUTH_ALGORITHM alone authenticates nobody"),
        ({"AUTH_SECRET": SECRET} | KEYS, "set AUTH_SECRET or AUTH_JWKS_URL, not both"),
        ({"AUTH_SECRET": SECRET}, "with authentication, AUTH_ISSUER, AUTH_AUDIENCE must be set"),
        (KEYS | {"AUTH_AUDIENCE": ""}, "with authentication, AUTH_AUDIENCE must be set"),
        (
            {"AUTH_SECRET": "too short"} | CLAIMS,
            "AUTH_SECRET is too short to be safe: HS256 needs 32 bytes or more",
        ),
        (
            {"AUTH_SECRET": SECRET, "AUTH_ALGORITHM": "HS512"} | CLAIMS,
            "AUTH_SECRET is too short to be safe: HS512 needs 64",
        ),
        (
            {"AUTH_SECRET": SECRET, "AUTH_ALGORITHM": "RS256"} | CLAIMS,
            "AUTH_ALGORITHM=RS256 needs AUTH_JWKS_URL",
        ),
        (KEYS | {"AUTH_ALGORITHM": "HS256"}, "AUTH_ALGORITHM=HS256 needs AUTH_SECRET"),
        (
            KEYS | {"AUTH_JWKS_URL": "http://issuer.example.org/keys"},
            "AUTH_JWKS_URL must begin with https://",
        ),
        (KEYS | {"AUTH_JWKS_URL": "file:///etc/keys"}, "AUTH_JWKS_URL must begin with https://"),
        ({"AUTH_ALGORITHM": "none"}, "AUTH_ALGORITHM=none is invalid"),
        ({"AUTH_CLOCK_SKEW_SECONDS": "3600"}, "AUTH_CLOCK_SKEW_SECONDS=3600 is invalid"),
        ({"OIDC_CLIENT_ID": "console"}, "OIDC_CLIENT_ID signs people in for tokens that nobody"),
        (
            KEYS | {"OIDC_AUDIENCE": "order-saga", "OIDC_ISSUER": "https://issuer.example.org"},
            "OIDC_ISSUER, OIDC_AUDIENCE alone signs nobody in: set OIDC_CLIENT_ID as well",
        ),
        (
            KEYS | {"OIDC_CLIENT_ID": "console", "AUTH_ISSUER": "http://issuer.example.org"},
            "AUTH_ISSUER is invalid where people sign in: it must begin with https://",
        ),
        (
            KEYS | {"OIDC_CLIENT_ID": "console", "OIDC_ISSUER": "https://a;script-src *"},
            "OIDC_ISSUER=https://a;script-src * is invalid: it must be a URL of a host and a path",
        ),
        (KEYS | {"OIDC_CLIENT_ID": "console", "OIDC_SCOPE": "profile"}, "OIDC_SCOPE must hold"),
        ({"API_RATE_LIMIT": "often"}, "API_RATE_LIMIT=often is invalid"),
        ({"API_IN_FLIGHT_LIMIT": "0"}, "API_IN_FLIGHT_LIMIT=0 is invalid"),
    ],
)
def test_what_cannot_keep_anybody_out_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], reason: str
) -> None:
    """A combination that would open too much ends the start with one line, without a secret."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as error:
        Settings()
    line = explain(error.value)
    assert line.startswith(reason)
    assert "\n" not in line
    assert SECRET not in line + str(error.value)


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings can be printed, and every one of them says what it is for."""
    for name, value in {"AUTH_SECRET": SECRET, **CLAIMS}.items():
        monkeypatch.setenv(name, value)
    assert SECRET not in f"{Settings()!r}{Settings()}{Settings().model_dump()}"
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


@pytest.mark.parametrize(
    ("settings", "issuer", "origins"),
    [
        ({}, "https://issuer.example.org", ("https://issuer.example.org",)),
        (
            {
                "OIDC_ISSUER": "https://Login.example.org:444/realms/shop/",
                "OIDC_ORIGINS": "https://tokens.example.org",
            },
            "https://Login.example.org:444/realms/shop/",
            ("https://login.example.org:444", "https://tokens.example.org"),
        ),
        ({"OIDC_ISSUER": "http://127.0.0.1:8"}, "http://127.0.0.1:8", ("http://127.0.0.1:8",)),
        ({"OIDC_ISSUER": "https://a.example:443"}, "https://a.example:443", ("https://a.example",)),
    ],
)
def test_people_sign_in_where_tokens_are_from_or_elsewhere(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], issuer: str, origins: tuple[str, ...]
) -> None:
    """The issuer is taken letter by letter, as its tokens name it; its origin as browsers do."""
    for name, value in {**KEYS, "OIDC_CLIENT_ID": "console", **settings}.items():
        monkeypatch.setenv(name, value)
    assert (Settings().sign_in_issuer, Settings().sign_in_origins) == (issuer, origins)


def test_nobody_signs_in_without_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console then reaches no other origin."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    assert Settings().sign_in_origins == ()
