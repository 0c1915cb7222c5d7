import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from application.caller import Caller
from config import Settings
from routes.problems import Problem
from routes.tokens import Tokens
from tests.issuer import EC, RSA, Issuer, jwk
from tests.tokens import AUDIENCE, AUTHENTICATION, ISSUER, SECRET, claims


def tokens(**settings: str) -> Tokens:
    """Return what checks tokens under these settings."""
    values = {name.lower(): value for name, value in (settings or AUTHENTICATION).items()}
    return Tokens(Settings.model_validate(values))


def sign(
    token_claims: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256", **headers: Any
) -> str:
    return jwt.encode(token_claims, key, algorithm, headers)


async def refusal(checks: Tokens, token: str) -> Problem:
    """Return why a token is not believed."""
    with pytest.raises(Problem) as error_info:
        await checks.caller(token)
    assert not token or token not in error_info.value.document.detail
    return error_info.value


async def test_a_token_names_its_caller() -> None:
    """Subject, scopes, customer and end are read.

    Without a scope there is none; without a customer it is everybody's.
    """
    token_claims = claims("orders:read", "orders:write", customer="ann", sub="till-7")
    checks = tokens(**AUTHENTICATION, AUTH_CLOCK_SKEW_SECONDS="7")
    until = token_claims["exp"] + 7
    assert await checks.caller(sign(token_claims)) == Caller(
        "till-7", frozenset({"orders:read", "orders:write"}), "ann", until
    )
    bare = await tokens().caller(sign(claims(scope=None)))
    assert (bare.subject, bare.scopes, bare.customer_id) == ("tester", frozenset(), None)


async def test_an_end_in_digits_is_read() -> None:
    """As the library that checks it reads it."""
    token_claims = claims("orders:read")
    assert (
        await tokens().caller(sign(token_claims | {"exp": str(token_claims["exp"])}))
    ).until == token_claims["exp"] + 30


async def test_the_customer_claim_has_a_name() -> None:
    """The claim that names a customer is a setting; under another name it is none."""
    checks = tokens(**AUTHENTICATION, AUTH_CUSTOMER_CLAIM="https://shop.example.org/customer")
    assert (
        await checks.caller(sign(claims(**{"https://shop.example.org/customer": "ann"})))
    ).customer_id == "ann"
    assert (await checks.caller(sign(claims(customer="ann")))).customer_id is None


SCOPE_CLAIMS: list[tuple[str, Any]] = [
    ("scope", "saga:settle orders:read"),  # Keycloak, Auth0
    ("scp", "saga:settle orders:read"),  # Microsoft Entra
    ("scp", ["saga:settle", "orders:read"]),  # Okta
    ("permissions", ["saga:settle", "orders:read"]),  # Auth0, by roles
]


@pytest.mark.parametrize(("claim", "value"), SCOPE_CLAIMS)
async def test_scopes_are_read_from_one_claim(claim: str, value: Any) -> None:
    """As a text or as a list; what stands in another claim allows nothing."""
    other_claims = claims("shop:manage", permissions=["shop:manage"], scp="shop:manage")
    checks = tokens(**AUTHENTICATION, AUTH_SCOPE_CLAIM=claim)
    caller = await checks.caller(sign(other_claims | {claim: value}))
    assert caller.scopes == {"saga:settle", "orders:read"}


NAMES: list[tuple[dict[str, Any], str]] = [
    ({"name": "Ann Lee", "preferred_username": "ann", "email": "ann@example.org"}, "Ann Lee"),
    ({"preferred_username": "ann", "email": "ann@example.org"}, "ann"),
    ({"email": "ann@example.org"}, "ann@example.org"),
    ({"name": "Ann\u202eeeL", "email": "ann@example.org"}, "ann@example.org"),
    ({"name": ["Ann"], "preferred_username": ""}, ""),
    ({"name": "x" * 201}, ""),
    ({"name": "Ann   Lee "}, "Ann Lee"),
    ({}, ""),
]


@pytest.mark.parametrize(("name_claims", "name"), NAMES)
async def test_a_token_may_name_a_person(name_claims: dict[str, Any], name: str) -> None:
    """By the first of its claims that can be shown as a name."""
    assert (await tokens().caller(sign(claims(**name_claims)))).name == name


async def test_the_name_claim_has_a_name() -> None:
    """Then no other is read."""
    checks = tokens(**AUTHENTICATION, AUTH_NAME_CLAIM="https://shop.example.org/Name")
    name_claims = {"https://shop.example.org/Name": "Ann Lee", "name": "Nobody"}
    assert (await checks.caller(sign(claims(**name_claims)))).name == "Ann Lee"
    assert (await checks.caller(sign(claims(name="Nobody")))).name == ""


def forge(header: dict[str, Any]) -> str:
    """Return a token with this header and no signature."""
    parts = (json.dumps(part).encode() for part in (header, claims("saga:operate")))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


NOW = int(time.time())
NO_CUSTOMERS: list[Any] = ["", "a b", "a\n", 7, True, [], ["ann"], {}, "x" * 65]
DISBELIEVED: list[tuple[str, str]] = [
    ("", "one of ours"),
    ("nonsense", "one of ours"),
    ("a.b.c", "one of ours"),
    ("é", "one of ours"),
    ("." * 50_000, "one of ours"),
    (base64.urlsafe_b64encode(b"[" * 30_000).decode() + ".e30.e30", "one of ours"),
    (forge({"alg": "none", "typ": "JWT"}), "one of ours"),
    (forge({"alg": "HS256", "typ": "JWT"}), "one of ours"),
    (sign(claims(), SECRET + "!"), "one of ours"),
    (sign(claims(), SECRET, "HS384"), "one of ours"),
    (sign(claims(exp=NOW - 60)), "expired"),
    (sign(claims(nbf=NOW + 3600)), "not valid yet"),
    (sign(claims(iat=NOW + 3600)), "not valid yet"),
    (sign(claims(iss="https://elsewhere.example.org")), "issued by somebody else"),
    (sign(claims(aud="another-service")), "issued for something else"),
    *((sign(claims(**{name: None})), "lacks a claim") for name in ("exp", "iss", "aud", "sub")),
    (sign(claims(sub="")), "sub"),
    (sign(claims(sub="x" * 129)), "sub"),
    (sign(claims(sub="a\nb")), "sub"),
    (sign(claims(scope=7)), "scope"),
    (sign(claims(scope=["saga:operate", 7])), "scope"),
    *((sign(claims(customer_id=value)), "customer_id") for value in NO_CUSTOMERS),
    (sign(claims() | {"customer_id": None}), "customer_id"),
]


@pytest.mark.parametrize(
    ("token", "why"),
    DISBELIEVED,
    ids=[f"{number}: {why}" for number, (_, why) in enumerate(DISBELIEVED)],
)
async def test_a_token_is_not_believed(token: str, why: str) -> None:
    """The bearer of a bad token is nobody, and is told in a sentence that does not repeat it."""
    problem = await refusal(tokens(), token)
    assert (problem.document.status, problem.headers) == (
        401,
        {"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )
    assert why in problem.document.detail


async def test_clocks_may_differ_a_little() -> None:
    """A token that ran out, or will begin, within the skew is believed; beyond it is not."""
    now = int(time.time())
    for token_claims in (claims(exp=now - 20), claims(iat=now + 60)):
        patient, strict = (
            tokens(**AUTHENTICATION, AUTH_CLOCK_SKEW_SECONDS=seconds) for seconds in ("120", "0")
        )
        assert (await patient.caller(sign(token_claims))).subject == "tester"
        assert (await refusal(strict, sign(token_claims))).document.status == 401


def tokens_of(issuer: Issuer, **settings: str) -> Tokens:
    """Return what believes this issuer's tokens."""
    return tokens(AUTH_JWKS_URL=issuer.url, AUTH_ISSUER=ISSUER, AUTH_AUDIENCE=AUDIENCE, **settings)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer on loopback."""
    running = Issuer()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("key", "algorithm", "other"), [(RSA, "RS256", "PS256"), (EC, "ES256", "ES512")]
)
async def test_published_keys_are_used(
    issuer: Issuer, key: Any, algorithm: str, other: str
) -> None:
    """A token is believed by the key that it names, and by the one algorithm alone.

    The keys are asked for once.
    """
    issuer.keys = {
        "keys": [
            jwk(RSA if key is EC else EC, "other"),
            jwk(key, "mine"),
            jwk(key, "too"),
        ]
    }
    checks = tokens_of(issuer, AUTH_ALGORITHM=algorithm)
    for _ in range(3):
        assert (await checks.caller(sign(claims(), key, algorithm, kid="mine"))).subject == "tester"
    assert issuer.requests_seen == 1
    if key is RSA:
        assert (
            await refusal(checks, sign(claims(), key, other, kid="mine"))
        ).document.status == 401
    assert (
        await refusal(checks, sign(claims(), key, algorithm, kid="other"))
    ).document.status == 401
    assert (await refusal(checks, sign(claims(), key, algorithm))).document.status == 401


async def test_a_public_key_is_no_secret(issuer: Issuer) -> None:
    """Who signs with the published key as if it were a shared secret is not believed."""
    issuer.keys = {"keys": [jwk(RSA, "mine")]}
    text = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body, _ = sign(claims(), "x" * 32, kid="mine").split(".")
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{head}.{body}".encode(), text
    )
    token = f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    assert (await refusal(tokens_of(issuer), token)).document.status == 401


async def test_an_unknown_key_costs_the_issuer_little(issuer: Issuer) -> None:
    """However many tokens name keys that are not there, the issuer is not asked for each."""
    issuer.keys = {"keys": [jwk(RSA, "mine")]}
    checks = tokens_of(issuer)
    problems = [
        await refusal(checks, sign(claims(), RSA, "RS256", kid=f"no-{number}"))
        for number in range(20)
    ]
    assert [problem.document.status for problem in problems] == [401] + [503] * 19
    assert issuer.requests_seen == 1


@pytest.mark.parametrize("keys", [b"", b"<html>", {"keys": []}, {"keys": [{"kty": "?"}]}])
async def test_an_issuer_that_is_away_is_not_the_callers_fault(issuer: Issuer, keys: Any) -> None:
    """Without the issuer's keys a token is neither believed nor refused.

    The issuer is left alone for a while.
    """
    issuer.keys = keys
    checks = tokens_of(issuer)
    for _ in range(5):
        problem = await refusal(checks, sign(claims(), RSA, "RS256", kid="mine"))
        assert (problem.document.status, problem.headers) == (503, {"Retry-After": "5"})
    assert issuer.requests_seen == 1
