"""What is one customer's is nobody else's: orders, keys, lists, words of operators, figures."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from contracts.steps import ROLES
from contracts.views import AttentionCause
from tests.stack import Stack, order, until
from tests.system.e2e.access.asking import ANNS, OPERATE, READ, SAID, WRITE, ask
from tests.tokens import SCOPES, bearer

pytestmark = pytest.mark.long

SERVICES_APART = True


def test_a_taken_id_tells_nothing_else(stack: Stack) -> None:
    """A caller who wants the id of another customer's order is told to choose another.

    The words are those for an order of the caller's own.
    """
    own = ask(
        stack, "POST", "/orders", ANNS | {"deadline_seconds": 5}, **bearer(WRITE, customer="ann")
    )
    answer = ask(
        stack, "POST", "/orders", ANNS | {"customer_id": "bob"}, **bearer(WRITE, customer="bob")
    )
    assert (own.status_code, answer.status_code) == (422, 422)
    assert own.text == answer.text
    assert answer.json()["detail"] == (
        "the order id anns belongs to another order;"
        " choose another order_id, or another Idempotency-Key"
    )


def test_a_key_is_its_callers_own(stack: Stack) -> None:
    """One Idempotency-Key of two subjects is two orders; of one subject, one, with any token."""
    headers = [
        bearer(WRITE, sub=sub, customer=whose)
        for sub, whose in (("a", "ann"), ("b", "ann"), ("a", None))
    ]
    views = [
        ask(stack, "POST", "/orders", order("ann"), **who, **{"Idempotency-Key": "k"}).json()
        for who in headers
    ]
    first, other, again = (view["order_id"] for view in views)
    assert first == again != other


def test_an_order_that_is_not_on_record_yet_is_its_customers(stack: Stack) -> None:
    """While Temporal alone knows an order, others see and cancel it no more than later."""
    ann, bob = (bearer(*SCOPES, customer=name) for name in ("ann", "bob"))
    stack.kill("order")
    try:
        assert (
            ask(stack, "POST", "/orders", order("ann", order_id="early"), **ann).status_code == 202
        )
        for who, status in ((ann, 200), (bob, 404), (bearer(READ), 200)):
            assert ask(stack, "GET", "/orders/early", **who).status_code == status
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

    def view_once_closed() -> dict[str, Any] | None:
        view: dict[str, Any] = ask(stack, "GET", "/orders/early", **ann).json()
        return view if view["closed_at"] else None

    failure = (until(view_once_closed, "it is cancelled") or {})["failure"]
    assert failure["reason"] == "CANCELLED"
    assert (failure["message"], failure["details"]) == (failure["customer_message"], {}), (
        "ann is told no names"
    )
    failure_view = ask(stack, "GET", "/orders/early", **bearer(READ)).json()["failure"]
    assert failure_view["details"] == {"by": "somebody (as a till)", "reason": "a test"}


def test_a_run_under_anothers_order_id_is_not_theirs(stack: Stack) -> None:
    """A customer cannot act on a saga started for another under their order's id.

    The saga was started by hand for bob under the id of ann's order; each sees their own.
    """
    ann, bob = (bearer(*SCOPES, customer=name) for name in ("ann", "bob"))
    ask(stack, "POST", "/orders", order("ann", order_id="shared"), **ann, Prefer="wait=20")
    stack.kill("payment")
    try:
        start_input = (
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
        stack.temporal("workflow", "start", *place, *start_input)
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
        orders = ask(stack, "GET", f"/orders{query}", **bearer(READ, customer="bob")).json()[
            "orders"
        ]
        assert {listed_order["customer_id"] for listed_order in orders} <= {"bob"}, query
    everybodys = ask(stack, "GET", "/orders?limit=1", **bearer(READ)).json()
    assert everybodys["orders"][0]["order_id"] == "bobs"
    behind = ask(stack, "GET", everybodys["next"], **bearer(READ, customer="bob")).json()
    assert {listed_order["customer_id"] for listed_order in behind["orders"]} <= {"bob"}


def test_a_customer_is_told_no_words_of_operators(stack: Stack) -> None:
    """The order, its list and its stream leave them out alike; who runs the shop sees all."""
    with stack.hold_database("payment"):
        ask(
            stack, "POST", "/orders", order("ann", order_id="stopped"), **bearer(WRITE)
        ).raise_for_status()
        words = {"by": "olga-operator", "reason": "olga thinks that ann is a fraud"}
        until(lambda: stack.at_work("stopped", "ProcessPayment"), "the payment is under way")
        assert (
            ask(stack, "POST", "/orders/stopped/cancel", words, **bearer(OPERATE)).status_code
            == 202
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
    stream_text = ask(stack, "GET", "/orders/stopped/events", **bearer(READ, customer="ann")).text
    assert [line[7:] for line in stream_text.splitlines() if line.startswith("event: ")] == [
        *(entry["kind"] for entry in mine["timeline"]),
        "closed",
    ]


def test_a_customers_overview_is_of_their_own_orders(stack: Stack) -> None:
    """Counts, reasons and attention are of the caller's own orders, with no trace of another's."""
    mine = order("bob", sku="nowhere", order_id="bobs-failed")
    stack.http.post("/orders", json=mine, headers=bearer(*SCOPES) | {"Prefer": "wait=20"})

    def overview(customer: str | None) -> dict[str, Any]:
        figures: dict[str, Any] = stack.http.get(
            "/overview", headers=bearer(READ, customer_id=customer)
        ).json()
        return figures

    everybodys = until(
        lambda: (operators_overview := overview(None))["reasons"] and operators_overview,
        "the figures are counted anew",
    )
    assert everybodys["states"]["COMPLETED"] >= 1

    def overview_like_the_list(customer: str) -> dict[str, Any]:
        """Return the figures, if all is closed and they are those of the list; else nothing."""
        figures = overview(customer)
        orders = stack.http.get(
            "/orders?limit=100", headers=bearer(READ, customer_id=customer)
        ).json()["orders"]
        counts = Counter(order["state"] for order in orders)
        are_alike = figures["states"] == {state: counts[state] for state in everybodys["states"]}
        is_over = all(order["closed_at"] for order in orders)
        return figures if are_alike and is_over else {}

    # An order of an earlier test may still be on its way.
    anns, bobs = (
        until(partial(overview_like_the_list, customer), "the figures are right")
        for customer in ("ann", "bob")
    )
    assert anns["reasons"].get("UNKNOWN_SKU", 0) == 0
    assert bobs["reasons"] == {"UNKNOWN_SKU": 1}
    assert bobs["states"]["FAILED"] == 1
    assert (anns["needs_attention"]["count"], anns["warning"]) == (0, None)
    assert bobs["needs_attention"]["by_cause"] == dict.fromkeys(AttentionCause, 0)
    assert [role["role"] for role in everybodys["roles"]] == [*ROLES, "batches"]
    assert (bobs["roles"], bobs["needs_attention"]["groups"]) == (None, [])

    def closed_lately(customer: str | None) -> dict[str, Any]:
        headers = bearer(READ, customer_id=customer)
        lately: dict[str, Any] = stack.http.get("/overview/closed?span=1h", headers=headers).json()
        return lately

    reasons = [
        outcome["failures"] for outcome in closed_lately("bob")["outcomes"] if outcome["failures"]
    ]
    assert reasons == [{"UNKNOWN_SKU": 1}]
    for customer, figures in (("ann", anns), ("bob", bobs)):
        lately = closed_lately(customer)
        count = sum(outcome["completions"] for outcome in lately["outcomes"])
        assert count == figures["states"]["COMPLETED"]
        times = {state: times["count"] for state, times in lately["time_to_close"].items()}
        assert times == {
            state: figures["states"][state]
            for state in ("COMPLETED", "FAILED")
            if figures["states"][state]
        }
    everybodys_count = sum(outcome["completions"] for outcome in closed_lately(None)["outcomes"])
    assert everybodys_count >= anns["states"]["COMPLETED"]


def test_a_customers_overview_says_why_their_orders_need_a_person(stack: Stack) -> None:
    """By cause, since when and at what cost, as for everybody's; and nothing of it to others."""
    body = order("ann", order_id="left")
    with stack.hold_database("payment"):
        stack.http.post("/orders", json=body, headers=bearer(*SCOPES))
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
        figures: dict[str, Any] = answer.json()["needs_attention"]
        return figures

    anns_needs = until(lambda: (figures := needs("ann"))["count"] and figures, "it needs a person")
    assert (anns_needs["count"], anns_needs["by_cause"]) == (
        1,
        dict.fromkeys(AttentionCause, 0) | {"LEFT_OPEN": 1},
    )
    assert anns_needs["since"] is not None
    assert anns_needs["at_stake_minor"] == {"GBP": 100}
    assert needs("bob")["by_cause"] == dict.fromkeys(AttentionCause, 0)
    assert anns_needs["groups"] == []
