"""Who may do what, cell by cell, over HTTP and through real processes."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import httpx
import pytest

from contracts.steps import ROLES
from tests.stack import Stack, order, until
from tests.tokens import AUTHENTICATION, SCOPES, bearer

WRITE, READ, OPERATE, SHOP = SCOPES
SAID = {"by": "somebody", "reason": "a test"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a system that authenticates its callers, with two customers.

    ann has an order that is completed.
    """
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= AUTHENTICATION | {"API_TRUSTED_NETWORK": "1", "AUTH_CLOCK_SKEW_SECONDS": "0"}
    try:
        system.seed({"ann": 10**6, "bob": 10**6}, {"plenty": 10**6})
        system.start_all(*ROLES)
        placed = system.http.post(
            "/orders", json=ANNS, headers=bearer(*SCOPES) | {"Prefer": "wait=20"}
        )
        assert placed.json()["state"] == "COMPLETED"
        yield system
    finally:
        system.stop()


ANNS = order("ann", order_id="anns")

CALLS: list[tuple[str, str, dict[str, Any] | None, int, int]] = [
    ("POST", "/orders", ANNS, 200, 403),
    ("GET", "/orders?customer_id=ann", None, 200, 200),
    ("GET", "/overview", None, 200, 200),
    ("GET", "/steps", None, 200, 200),
    ("GET", "/orders/anns", None, 200, 404),
    ("GET", "/orders/anns/events", None, 200, 404),
    ("POST", "/orders/anns/cancel", SAID, 409, 404),
    ("POST", "/orders/anns/approve", SAID, 409, 404),
    ("POST", "/orders/anns/reject", SAID, 409, 404),
    ("POST", "/orders/anns/steps/ProcessPayment/retry", SAID, 409, 404),
    ("POST", "/orders/anns/steps/ProcessPayment/settle", SAID | {"evidence": "none"}, 409, 404),
    ("GET", "/stock/plenty", None, 200, 200),
    ("GET", "/customers/ann/wallet", None, 200, 404),
]
"""Each call, its status for callers who may make it, and its status for another customer.

It is too late for every act.
"""

OPENED_BY = {
    **{path: {OPERATE} for _, path, *_ in CALLS},
    "/orders": {WRITE},
    **{path: {READ} for method, path, *_ in CALLS if method == "GET"},
}
CELLS = [
    (call, scopes, customer)
    for call in CALLS
    for number in range(len(SCOPES))
    for scopes in combinations(SCOPES[:3], number)
    for customer in (None, "ann", "bob")
]


def ask(stack: Stack, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    return stack.http.request(method, path, json=body, headers=headers)


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
    method, path, body, allowed, strangers = call
    opened_by = OPENED_BY[path] | ({WRITE} if path.endswith("/cancel") and customer else set())
    answer = ask(stack, method, path, body, **bearer(*scopes, customer=customer))
    if not opened_by & set(scopes):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forbidden")
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    else:
        assert answer.status_code == (strangers if customer == "bob" else allowed), answer.text
    if path.startswith("/orders?") and answer.status_code == 200:
        assert [shown["order_id"] for shown in answer.json()["orders"]] == (
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
    for refused in (others, *(bearer(*SCOPES, customer=name) for name in ("ann", "bob"))):
        answer = ask(stack, method, path, body, **refused, **KEYED)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forbidden")
    assert ask(stack, method, path, body, **bearer(SHOP), **KEYED).status_code == 200


@pytest.mark.parametrize(("method", "path"), [call[:2] for call in (*CALLS, *SHOPS_OWN)])
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
    *(
        ("POST", f"/orders/{{}}/{act}", SAID)
        for act in ("cancel", "approve", "reject", "steps/ProcessPayment/retry")
    ),
    ("POST", "/orders/{}/steps/ProcessPayment/settle", SAID | {"evidence": "none"}),
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


def test_a_taken_id_tells_nothing_else(stack: Stack) -> None:
    """A caller who wants the id of another customer's order is told to choose another.

    The words are those for an order of the caller's own.
    """
    own = ask(
        stack, "POST", "/orders", ANNS | {"deadline_seconds": 5}, **bearer(WRITE, customer="ann")
    )
    taken = ask(
        stack, "POST", "/orders", ANNS | {"customer_id": "bob"}, **bearer(WRITE, customer="bob")
    )
    assert (own.status_code, taken.status_code) == (422, 422)
    assert own.text == taken.text
    assert taken.json()["detail"] == (
        "the order id anns belongs to another order;"
        " choose another order_id, or another Idempotency-Key"
    )


def test_a_key_is_its_callers_own(stack: Stack) -> None:
    """One Idempotency-Key of two subjects is two orders; of one subject, one, with any token."""
    headers = [
        bearer(WRITE, sub=sub, customer=whose)
        for sub, whose in (("a", "ann"), ("b", "ann"), ("a", None))
    ]
    placed = [
        ask(stack, "POST", "/orders", order("ann"), **who, **{"Idempotency-Key": "k"}).json()
        for who in headers
    ]
    first, other, again = (found["order_id"] for found in placed)
    assert first == again != other


def test_an_order_that_is_not_on_record_yet_is_its_customers(stack: Stack) -> None:
    """While Temporal alone knows an order, others see and cancel it no more than later."""
    ann, bob = (bearer(*SCOPES, customer=name) for name in ("ann", "bob"))
    stack.kill("order")
    try:
        assert (
            ask(stack, "POST", "/orders", order("ann", order_id="early"), **ann).status_code == 202
        )
        for who, seen in ((ann, 200), (bob, 404), (bearer(READ), 200)):
            assert ask(stack, "GET", "/orders/early", **who).status_code == seen
        assert ask(stack, "POST", "/orders/early/cancel", SAID, **bob).status_code == 404
        assert (
            ask(
                stack,
                "POST",
                "/orders/early/cancel",
                SAID,
                **bearer(WRITE, sub="a till", customer="ann"),
            ).status_code
            == 202
        )
    finally:
        stack.start_worker("order")
        stack.ready("order")

    def closed() -> dict[str, Any] | None:
        found: dict[str, Any] = ask(stack, "GET", "/orders/early", **ann).json()
        return found if found["closed_at"] else None

    failure = (until(closed, "it is cancelled") or {})["failure"]
    assert failure["reason"] == "CANCELLED"
    assert (failure["message"], failure["details"]) == (failure["customer_message"], {}), (
        "ann is told no names"
    )
    told = ask(stack, "GET", "/orders/early", **bearer(READ)).json()["failure"]
    assert told["details"] == {"by": "somebody (as a till)", "reason": "a test"}


def test_a_run_under_anothers_order_id_is_not_theirs(stack: Stack) -> None:
    """A customer cannot act on a saga started for another under their order's id.

    The saga was started by hand for bob under the id of ann's order; each sees their own.
    """
    ann, bob = (bearer(*SCOPES, customer=name) for name in ("ann", "bob"))
    ask(stack, "POST", "/orders", order("ann", order_id="shared"), **ann, Prefer="wait=20")
    stack.kill("payment")
    try:
        given = (
            "--input",
            (
                '{"customer_id": "bob", "currency": "GBP", '
                '"lines": [{"sku": "plenty", "quantity": 1, "unit_price_minor": 1}]}'
            ),
        )
        place = (
            "--type",
            "OrderSaga",
            "--task-queue",
            "order-saga",
            "--workflow-id",
            "order-shared",
        )
        stack.temporal("workflow", "start", *place, *given)
        assert ask(stack, "GET", "/orders/shared", **ann).json()["customer_id"] == "ann"
        assert ask(stack, "GET", "/orders/shared", **bob).json()["customer_id"] == "bob"
        assert ask(stack, "POST", "/orders/shared/cancel", SAID, **ann).status_code == 409
    finally:
        stack.start_worker("payment")
        stack.ready("payment")


def test_lists_are_the_customers_own(stack: Stack) -> None:
    """Whatever a customer filters by, no list, page or cursor shows them another's order."""
    ask(stack, "POST", "/orders", order("bob", order_id="bobs"), **bearer(WRITE), Prefer="wait=20")
    for query in (
        "",
        "?status=CONFIRMED",
        "?customer_id=ann",
        "?needs_attention=false",
        "?needs_attention=true",
        "?limit=1",
    ):
        shown = ask(stack, "GET", f"/orders{query}", **bearer(READ, customer="bob")).json()[
            "orders"
        ]
        assert {found["customer_id"] for found in shown} <= {"bob"}, query
    everybodys = ask(stack, "GET", "/orders?limit=1", **bearer(READ)).json()
    assert everybodys["orders"][0]["order_id"] == "bobs"
    behind = ask(stack, "GET", everybodys["next"], **bearer(READ, customer="bob")).json()
    assert {found["customer_id"] for found in behind["orders"]} <= {"bob"}


def test_the_openapi_document_tells_what_opens_each_call(stack: Stack) -> None:
    """Every call names its scopes, each alternative by itself, and how it turns callers away."""
    document = stack.http.get("/openapi.json").json()
    told = {
        f"{method.upper()} {path}": [
            next(iter(way.values()))[0] for way in call.get("security", [])
        ]
        for path, calls in document["paths"].items()
        for method, call in calls.items()
    }
    assert told["POST /orders/{order_id}/cancel"] == [OPERATE, WRITE]
    assert told["POST /orders"] == [WRITE]
    assert {route for route, scopes in told.items() if not scopes} == {
        "GET /livez",
        "GET /readyz",
        "GET /metrics",
    }
    assert {"401", "403"} <= document["paths"]["/orders"]["post"]["responses"].keys()


def test_a_customer_is_told_no_words_of_operators(stack: Stack) -> None:
    """The order, its list and its stream leave them out alike; who runs the shop sees all."""
    with stack.locked("payment"):
        ask(
            stack, "POST", "/orders", order("ann", order_id="stopped"), **bearer(WRITE)
        ).raise_for_status()
        said = {"by": "olga-operator", "reason": "olga thinks that ann is a fraud"}
        until(lambda: stack.at_work("stopped", "ProcessPayment"), "the payment is under way")
        assert (
            ask(stack, "POST", "/orders/stopped/cancel", said, **bearer(OPERATE)).status_code == 202
        )
    until(
        lambda: ask(stack, "GET", "/orders/stopped", **bearer(READ)).json()["closed_at"],
        "it is cancelled",
    )
    for path in ("/orders/stopped", "/orders", "/orders/stopped/events"):
        theirs, everybodys = (
            ask(stack, "GET", path, **who).text
            for who in (bearer(READ, customer="ann"), bearer(READ))
        )
        assert "olga" in everybodys, path
        assert "olga" not in theirs, path
        assert "CANCELLED" in theirs, path
    mine = ask(stack, "GET", "/orders/stopped", **bearer(READ, customer="ann")).json()
    told = ask(stack, "GET", "/orders/stopped/events", **bearer(READ, customer="ann")).text
    assert [line[7:] for line in told.splitlines() if line.startswith("event: ")] == [
        *(entry["kind"] for entry in mine["timeline"]),
        "closed",
    ]


def test_no_log_tells_a_secret(stack: Stack) -> None:
    """Neither the secret nor a token stands in what a process says."""
    said = "".join(stack.said(name) for name in stack.processes)
    assert AUTHENTICATION["AUTH_SECRET"] not in said
    assert "eyJ" not in said


def test_a_stream_ends_with_its_token(stack: Stack) -> None:
    """Whoever goes on listening has to show that they still may."""
    with stack.locked("payment"):
        stack.http.post(
            "/orders", json=order("ann", order_id="slow"), headers=bearer(WRITE)
        ).raise_for_status()
        runs_out = int(time.time()) + 2
        with stack.http.stream(
            "GET", "/orders/slow/events", headers=bearer(READ, exp=runs_out)
        ) as stream:
            heard = list(stream.iter_lines())
        assert time.time() >= runs_out
        assert "event: state" in heard
        assert "event: closed" not in heard
        again = stack.http.get("/orders/slow/events", headers=bearer(READ, exp=runs_out))
        assert again.status_code == 401


def test_a_customers_overview_is_of_their_own_orders(stack: Stack) -> None:
    """Counts, reasons and attention are of the caller's own orders, with no trace of another's."""
    mine = order("bob", sku="nowhere", order_id="bobs-failed")
    stack.http.post("/orders", json=mine, headers=bearer(*SCOPES) | {"Prefer": "wait=20"})

    def overview(customer: str | None) -> dict[str, Any]:
        found: dict[str, Any] = stack.http.get(
            "/overview", headers=bearer(READ, customer_id=customer)
        ).json()
        return found

    everybodys = until(
        lambda: (found := overview(None))["reasons"] and found, "the figures are counted anew"
    )
    assert everybodys["states"]["COMPLETED"] >= 1
    anns, bobs = (overview(customer) for customer in ("ann", "bob"))
    assert anns["reasons"].get("UNKNOWN_SKU", 0) == 0
    assert bobs["reasons"] == {"UNKNOWN_SKU": 1}
    for customer, figures in (("ann", anns), ("bob", bobs)):
        listed = stack.http.get(
            "/orders?limit=100", headers=bearer(READ, customer_id=customer)
        ).json()["orders"]
        counted = Counter(order["state"] for order in listed)
        assert figures["states"] == {state: counted[state] for state in everybodys["states"]}
    assert bobs["states"]["FAILED"] == 1
    assert (anns["needs_attention"]["count"], anns["warning"]) == (0, None)
    assert bobs["needs_attention"]["by_cause"] == {"STUCK": 0, "WEDGED": 0, "LEFT_OPEN": 0}


def test_a_customers_overview_says_why_their_orders_need_a_person(stack: Stack) -> None:
    """By cause, since when and at what cost, as for everybody's; and nothing of it to others."""
    given = order("ann", order_id="left")
    with stack.locked("payment"):
        stack.http.post("/orders", json=given, headers=bearer(*SCOPES))
        query = "/orders?status=PENDING"
        headers = bearer(READ, customer_id="ann")
        until(
            lambda: "left" in str(stack.http.get(query, headers=headers).json()),
            "the order is on record",
        )
        end = ("workflow", "terminate", "--workflow-id", "order-left", "--reason", "a test")
        stack.temporal(*end)

    def needs(customer: str) -> dict[str, Any]:
        answer = stack.http.get("/overview", headers=bearer(READ, customer_id=customer))
        found: dict[str, Any] = answer.json()["needs_attention"]
        return found

    found = until(lambda: (told := needs("ann"))["count"] and told, "it needs a person")
    assert (found["count"], found["by_cause"]) == (1, {"STUCK": 0, "WEDGED": 0, "LEFT_OPEN": 1})
    assert found["since"] is not None
    assert found["at_stake_minor"] == {"GBP": 100}
    assert needs("bob")["by_cause"] == {"STUCK": 0, "WEDGED": 0, "LEFT_OPEN": 0}
