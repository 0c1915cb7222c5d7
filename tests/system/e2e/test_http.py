"""Orders over HTTP, through real processes."""

import re
from typing import Any

import pytest

from tests.stack import Stack, order


def balance(stack: Stack, customer: str = "rich") -> int:
    return int(stack.http.get(f"/customers/{customer}/wallet").json()["balance_minor"])


def available(stack: Stack, sku: str = "plenty") -> int:
    return int(stack.http.get(f"/stock/{sku}").json()["available"])


def timeline(view: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in view["timeline"]]


def test_an_order_is_accepted_and_completes(stack: Stack) -> None:
    """An order gets its location at once, and ends paid, taken from stock and confirmed."""
    money = balance(stack)
    pieces = available(stack)
    answer = stack.place(order(quantity=3, price=250))
    assert answer.status_code == 202
    view = stack.closed_order(answer.headers["Location"].removeprefix("/orders/"))
    assert (view["state"], view["status"], view["failure"], view["compensations"]) == (
        "COMPLETED",
        "CONFIRMED",
        None,
        [],
    )
    assert (view["total_minor"], balance(stack), available(stack)) == (750, money - 750, pieces - 3)
    assert timeline(view) == [
        *("PENDING", "RegisterOrderCommand", "OrderRegisteredEvent"),
        *("ProcessPaymentCommand", "PaymentCompletedEvent", "PAYMENT_COMPLETED"),
        *("DecreaseStockCommand", "StockDecreasedEvent", "COMPLETED"),
        *("ConfirmOrderCommand", "OrderConfirmedEvent"),
    ]


def test_what_is_out_of_stock_is_refunded_in_reverse(stack: Stack) -> None:
    """An order that stock cannot serve gives the money back, cancels, and says why."""
    money = balance(stack)
    view = stack.place(order(sku="scarce", quantity=2), Prefer="wait=20").json()
    assert (view["state"], view["status"]) == ("FAILED", "CANCELLED")
    failure = view["failure"]
    assert (failure["step"], failure["event"], failure["reason"]) == (
        *("DecreaseStock", "StockDecreaseFailedEvent", "OUT_OF_STOCK"),
    )
    assert failure["message"] == "scarce: 2 asked, 1 left"
    taken_back = [
        (c["step"], c["command"], c["state"], c["attempts"]) for c in view["compensations"]
    ]
    assert taken_back == [
        ("ProcessPayment", "RefundPaymentCommand", "DONE", 1),
        ("RegisterOrder", "CancelOrderCommand", "DONE", 1),
    ]
    assert timeline(view)[-6:] == [
        *("ROLLING_BACK", "RefundPaymentCommand", "PaymentRefundedEvent"),
        *("CancelOrderCommand", "OrderCancelledEvent", "FAILED"),
    ]
    assert (balance(stack), available(stack, "scarce")) == (money, 1)


@pytest.mark.parametrize(
    ("body", "reason", "step"),
    [
        (order("poor", price=101), "INSUFFICIENT_FUNDS", "ProcessPayment"),
        (order("stranger"), "UNKNOWN_CUSTOMER", "ProcessPayment"),
        (order() | {"currency": "EUR"}, "CURRENCY_MISMATCH", "ProcessPayment"),
        (order(sku="unheard of"), "UNKNOWN_SKU", "DecreaseStock"),
    ],
)
def test_a_refusal_rolls_back(stack: Stack, body: dict[str, Any], reason: str, step: str) -> None:
    """Whatever a participant refuses ends FAILED with its reason, and the wallet as it was."""
    money = balance(stack), balance(stack, "poor")
    view = stack.place(body, Prefer="wait=20").json()
    assert (view["state"], view["failure"]["reason"], view["failure"]["step"]) == (
        "FAILED",
        reason,
        step,
    )
    assert (balance(stack), balance(stack, "poor")) == money


def test_waiting_gives_the_closed_order(stack: Stack) -> None:
    """With `Prefer: wait` a quick order is answered closed, with 200."""
    answer = stack.place(order(), Prefer="wait=20")
    assert (answer.status_code, answer.json()["state"]) == (200, "COMPLETED")
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_the_same_order_id_is_the_same_order(stack: Stack) -> None:
    """Placed again, an order is found, not charged; other content under its id is refused."""
    first = stack.place(order(order_id="twice"), Prefer="wait=20")
    money = balance(stack)
    again = stack.place(order(order_id="twice"))
    assert (again.status_code, again.json()) == (200, first.json())
    other = stack.place(order(order_id="twice", quantity=2))
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:order-id-reused")
    assert balance(stack) == money


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"customer_id": "a b"}, "customer_id"),
    ({"customer_id": None}, "customer_id"),
    ({"currency": "gbp"}, "currency"),
    ({"lines": []}, "lines"),
    ({"lines": "many"}, "lines"),
    ({"lines": order()["lines"] * 1001}, "lines"),
    ({"lines": [{"sku": "é", "quantity": 1, "unit_price_minor": 1}]}, "lines.0.sku"),
    ({"lines": [{"sku": "s" * 65, "quantity": 1, "unit_price_minor": 1}]}, "lines.0.sku"),
    ({"lines": [{"sku": "a", "quantity": 0, "unit_price_minor": 1}]}, "lines.0.quantity"),
    ({"lines": [{"sku": "a", "quantity": 1.5, "unit_price_minor": 1}]}, "lines.0.quantity"),
    ({"lines": [{"sku": "a", "quantity": True, "unit_price_minor": 1}]}, "lines.0.quantity"),
    ({"lines": [{"sku": "a", "quantity": "1", "unit_price_minor": 1}]}, "lines.0.quantity"),
    ({"lines": [{"sku": "a", "quantity": 1_000_001, "unit_price_minor": 1}]}, "lines.0.quantity"),
    ({"lines": [{"sku": "a", "quantity": 1, "unit_price_minor": -1}]}, "lines.0.unit_price_minor"),
    (
        {"lines": [{"sku": "a", "quantity": 1, "unit_price_minor": 10**9 + 1}]},
        "lines.0.unit_price_minor",
    ),
    ({"lines": [{"sku": "a", "quantity": 10**6, "unit_price_minor": 10**9}] * 10}, "lines"),
    ({"order_id": "a/b"}, "order_id"),
    ({"order_id": ""}, "order_id"),
    ({"deadline_seconds": 0}, "deadline_seconds"),
    ({"deadline_seconds": 86_401}, "deadline_seconds"),
    ({"deadline_seconds": 1.9}, "deadline_seconds"),
    ({"orderId": "a"}, "orderId"),
]


@pytest.mark.parametrize(("changes", "field"), BROKEN)
def test_a_field_out_of_its_limits_is_named(
    stack: Stack, changes: dict[str, Any], field: str
) -> None:
    """A broken body gets a problem document that names the field, and starts nothing."""
    answer = stack.place({"order_id": "never", **order(), **changes})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert stack.http.get("/orders/never").status_code == 404


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "null", '{"customer_id": "\\ud800"}', "[" * 5000]
)
def test_a_body_that_is_no_order_is_refused(stack: Stack, body: str) -> None:
    """What is no JSON object at all is told so."""
    answer = stack.http.post("/orders", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/orders/unknown", 404),
        ("GET", "/stock/unknown", 404),
        ("GET", "/customers/unknown/wallet", 404),
        ("DELETE", "/orders/unknown", 405),
        ("GET", "/orders/a%20b", 422),
    ],
)
def test_every_error_is_a_problem_document(
    stack: Stack, method: str, path: str, status: int
) -> None:
    """Errors of every kind come as RFC 9457 problem documents."""
    answer = stack.http.request(method, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    )
    assert answer.json()["status"] == status


def test_the_openapi_document_tells_of_problems(stack: Stack) -> None:
    """Each route declares its errors as problem documents, and none as the framework's own form."""
    document = stack.http.get("/openapi.json").json()
    responses = document["paths"]["/orders"]["post"]["responses"]
    assert responses.keys() == {
        "200",
        "202",
        "400",
        "403",
        "408",
        "413",
        "415",
        "421",
        "422",
        "429",
        "503",
    }
    assert responses["422"]["content"].keys() == {"application/problem+json"}
    assert "ProblemDocument" in document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document)


def test_the_documentation_needs_no_internet(stack: Stack) -> None:
    """All that the page of `/docs` loads is served from here."""
    page = stack.http.get("/docs").text
    urls = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert {path.rpartition(".")[2] for path in urls} == {"js", "css", "png"}
    assert [stack.http.get(path).status_code for path in urls] == [200] * len(urls), urls
    assert "://" not in page
