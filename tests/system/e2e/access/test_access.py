"""Who may do what, cell by cell, over HTTP and through real processes."""

import time
from itertools import combinations
from typing import Any

import pytest

from tests.stack import Stack, order
from tests.system.e2e.access.asking import ANNS, OPERATE, READ, SAID, SHOP, WRITE, ask
from tests.tokens import AUTHENTICATION, SCOPES, bearer

pytestmark = pytest.mark.long

CALLS: list[tuple[str, str, dict[str, Any] | None, int, int]] = [
    ("POST", "/orders", ANNS, 200, 403),
    ("GET", "/orders?customer_id=ann", None, 200, 200),
    ("GET", "/overview", None, 200, 200),
    ("GET", "/overview/closed", None, 200, 200),
    ("GET", "/steps", None, 200, 200),
    ("GET", "/orders/anns", None, 200, 404),
    ("GET", "/orders/anns/events", None, 200, 404),
    ("POST", "/orders/anns/cancel", SAID, 409, 404),
    ("GET", "/stock/plenty", None, 200, 200),
    ("GET", "/customers/ann/wallet", None, 200, 404),
]
"""Each call, its status for callers who may make it, and its status for another customer.

It is too late for every act.
"""

DECISIONS: list[tuple[str, str, dict[str, Any] | None, int, int]] = [
    ("POST", "/orders/anns/approve", SAID, 409, 403),
    ("POST", "/orders/anns/reject", SAID, 409, 403),
    ("POST", "/orders/anns/steps/ProcessPayment/retry", SAID, 409, 403),
    ("POST", "/orders/anns/steps/ProcessPayment/settle", SAID | {"evidence": "none"}, 409, 403),
]
"""Likewise, what is decided for the shop: by no customer, of their own order either."""

OPENED_BY = {
    **{path: {OPERATE} for _, path, *_ in (*CALLS, *DECISIONS)},
    "/orders": {WRITE},
    **{path: {READ} for method, path, *_ in CALLS if method == "GET"},
}
CELLS = [
    (call, scopes, customer)
    for call in (*CALLS, *DECISIONS)
    for number in range(len(SCOPES))
    for scopes in combinations(SCOPES[:3], number)
    for customer in (None, "ann", "bob")
]


def name_of_cell(part: Any) -> str:
    return f"{part[0]} {part[1]}" if isinstance(part, tuple) and len(part) == 5 else str(part)


@pytest.mark.parametrize(("call", "scopes", "customer"), CELLS, ids=name_of_cell)
def test_a_cell(
    stack: Stack,
    call: tuple[str, str, Any, int, int],
    scopes: tuple[str, ...],
    customer: str | None,
) -> None:
    """Every call, with every set of scopes and from every caller, is answered as declared.

    The callers are one who acts for everybody, the owner and another customer.
    """
    method, path, body, owners, strangers = call
    opened_by = OPENED_BY[path] | ({WRITE} if path.endswith("/cancel") and customer else set())
    answer = ask(stack, method, path, body, **bearer(*scopes, customer=customer))
    if customer and call in DECISIONS:
        assert answer.status_code == 403
        assert "the shop's own people" in answer.json()["detail"]
    elif not opened_by & set(scopes):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forbidden")
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    else:
        assert answer.status_code == (strangers if customer == "bob" else owners), answer.text
    if path.startswith("/orders?") and answer.status_code == 200:
        assert [listed_order["order_id"] for listed_order in answer.json()["orders"]] == (
            [] if customer == "bob" else ["anns"]
        )


KEYED = {"Idempotency-Key": "k"}
SHOPS_OWN: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/stock", {"products": [{"sku": "plenty", "name": "plenty"}]}),
    ("PUT", "/stock/plenty", {"name": "plenty"}),
    ("POST", "/stock/plenty/movements", {"change": 1, "reason": "a test"}),
    ("POST", "/customers", {"customers": [{"customer_id": "ann", "currency": "GBP"}]}),
    ("PUT", "/customers/ann/wallet", {"currency": "GBP"}),
    ("POST", "/customers/ann/deposits", {"amount_minor": 1, "currency": "GBP", "reason": "a test"}),
]


@pytest.mark.parametrize(("method", "path", "body"), SHOPS_OWN)
def test_the_shop_is_filled_by_its_own_people(
    stack: Stack, method: str, path: str, body: dict[str, Any]
) -> None:
    """Only `shop:manage` opens it, and to no customer, whatever their token allows."""
    others = bearer(WRITE, READ, OPERATE)
    for other_headers in (others, *(bearer(*SCOPES, customer=name) for name in ("ann", "bob"))):
        answer = ask(stack, method, path, body, **other_headers, **KEYED)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forbidden")
    assert ask(stack, method, path, body, **bearer(SHOP), **KEYED).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [call[:2] for call in (*CALLS, *DECISIONS, *SHOPS_OWN)]
)
def test_nobody_comes_in_without_a_token(stack: Stack, method: str, path: str) -> None:
    """Without a token, every call is answered 401, whatever its body."""
    for headers in (
        {},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x.y.z"},
    ):
        answer = stack.http.request(method, path, content="{", headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            401,
            "application/problem+json",
        )
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/docs", "/openapi.json", "/", "/console/main.js"]
)
def test_what_is_public_needs_no_token(stack: Stack, path: str) -> None:
    """Health and documentation are open to everybody, also with a token that is none."""
    assert stack.http.get(path).status_code == 200
    assert stack.http.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 200


ABSENT = [
    ("GET", "/orders/{}", None),
    *(("POST", f"/orders/{{}}/{act}", SAID) for act in ("cancel", "place-again")),
]


@pytest.mark.parametrize(("method", "path", "body"), ABSENT)
def test_anothers_order_and_a_missing_one_are_alike(
    stack: Stack, method: str, path: str, body: Any
) -> None:
    """The answers differ in nothing but the id that was asked for."""
    bob = bearer(*SCOPES, customer="bob")
    theirs, missing = (
        ask(stack, method, path.format(name), body, **bob) for name in ("anns", "none")
    )
    assert theirs.status_code == missing.status_code == 404
    assert theirs.text.replace("anns", "none") == missing.text


def test_anothers_wallet_and_a_missing_one_are_alike(stack: Stack) -> None:
    """Of a wallet that is not theirs a customer does not even learn that it is there."""
    theirs, missing = (
        ask(stack, "GET", f"/customers/{name}/wallet", **bearer(READ, customer="bob"))
        for name in ("ann", "none")
    )
    everybodys = ask(stack, "GET", "/customers/none/wallet", **bearer(READ))
    assert theirs.status_code == 404
    assert theirs.text.replace("ann", "none") == missing.text == everybodys.text


def test_the_openapi_document_tells_what_opens_each_call(stack: Stack) -> None:
    """Every call names its scopes, each alternative by itself, and how it turns callers away."""
    document = stack.http.get("/openapi.json").json()
    schemes_by_call = {
        f"{method.upper()} {path}": [
            next(iter(way.values()))[0] for way in call.get("security", [])
        ]
        for path, calls in document["paths"].items()
        for method, call in calls.items()
    }
    assert schemes_by_call["POST /orders/{order_id}/cancel"] == [
        "orders:cancel",
        OPERATE,
        WRITE,
    ]
    assert schemes_by_call["POST /orders"] == ["orders:place", WRITE]
    assert {route for route, scopes in schemes_by_call.items() if not scopes} == {
        "GET /livez",
        "GET /readyz",
        "GET /metrics",
        "POST /webhooks/cards",  # its signature is its token
    }
    assert {"401", "403"} <= document["paths"]["/orders"]["post"]["responses"].keys()


def test_no_log_tells_a_secret(stack: Stack) -> None:
    """Neither the secret nor a token stands in what a process says."""
    logs = "".join(stack.log_text(name) for name in stack.processes)
    assert AUTHENTICATION["AUTH_SECRET"] not in logs
    assert "eyJ" not in logs


def test_a_stream_ends_with_its_token(stack: Stack) -> None:
    """Whoever goes on listening has to show that they still may."""
    with stack.hold_database("payment"):
        stack.http.post(
            "/orders", json=order("ann", order_id="slow"), headers=bearer(WRITE)
        ).raise_for_status()
        runs_out = int(time.time()) + 2
        with stack.http.stream(
            "GET", "/orders/slow/events", headers=bearer(READ, exp=runs_out)
        ) as stream:
            stream_lines = list(stream.iter_lines())
        assert time.time() >= runs_out
        assert "event: state" in stream_lines
        assert "event: closed" not in stream_lines
        again = stack.http.get("/orders/slow/events", headers=bearer(READ, exp=runs_out))
        assert again.status_code == 401
