"""What people are told, and what becomes of their orders, while a part is down."""

import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from contracts.steps import ROLES
from tests.stack import Stack, order, until

SERVICES_APART = True

pytestmark = pytest.mark.long


def stopped_at_payment(stack: Stack, order_id: str) -> None:
    """Place an order that cannot go beyond ProcessPayment, as its worker is suspended."""
    stack.suspend("payment")
    assert stack.place(order(order_id=order_id)).status_code == 202
    until(
        lambda: "ProcessPaymentCommand" in stack.http.get(f"/orders/{order_id}").text,
        "the payment is commanded",
    )


def test_a_cancel_waits_for_the_step_under_way_and_takes_it_back(stack: Stack) -> None:
    """An order cancelled in its payment is charged, refunded, cancelled; two cancels are one."""
    money = stack.http.get("/customers/rich/wallet").json()
    stopped_at_payment(stack, "cancelled")
    wish = {"by": "ann", "reason": "found it cheaper"}
    for _ in range(2):
        answer = stack.http.post("/orders/cancelled/cancel", json=wish)
        assert (answer.status_code, answer.json()["state"]) == (202, "PENDING")
    events = stack.temporal(
        "workflow", "show", "--workflow-id", "order-cancelled", "--output", "json"
    )
    assert events.count("EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED") == 1
    stack.processes["payment"].send_signal(signal.SIGCONT)
    view = stack.closed_order("cancelled")
    assert (view["state"], view["failure"]["reason"]) == ("FAILED", "CANCELLED")
    assert view["failure"]["message"] == "cancelled by ann: found it cheaper"
    assert view["failure"]["details"] == wish
    names = [entry["name"] for entry in view["timeline"]]
    assert (
        names.index("PaymentCompletedEvent")
        < names.index("ROLLING_BACK")
        < names.index("PaymentRefundedEvent")
    )
    assert "DecreaseStockCommand" not in names
    assert stack.http.get("/customers/rich/wallet").json() == money


def test_a_late_cancel_is_refused(stack: Stack) -> None:
    """A completed order cannot be cancelled, an unknown one is not found.

    A request without a name is not understood.
    """
    stack.place(order(order_id="done"), Prefer="wait=20")
    wish = {"by": "ann", "reason": "too late"}
    late = stack.http.post("/orders/done/cancel", json=wish)
    assert (late.status_code, late.json()["detail"]) == (409, "too late: the order is COMPLETED")
    assert stack.http.post("/orders/unknown/cancel", json=wish).status_code == 404
    assert stack.http.post("/orders/done/cancel", json={"reason": "no name"}).status_code == 422


@pytest.mark.long
def test_a_stopping_worker_finishes_its_work(stack: Stack) -> None:
    """A worker told to stop during a payment finishes it once and exits with 0.

    The order goes on.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        order_id = f"drained-{number.name}"
        with stack.hold_database("payment"):
            assert stack.place(order(order_id=order_id)).status_code == 202
            until(partial(stack.at_work, order_id, "ProcessPayment"), "the payment is at work")
            process = stack.processes.pop("payment")
            process.send_signal(number)
            until(
                lambda: "stopping: payment" in stack.log_text("payment"), "the worker is stopping"
            )
        assert process.wait(30) == 0
        stack.start_worker("payment")
        stack.ready("payment")
        view = stack.closed_order(order_id)
        assert view["state"] == "COMPLETED"
        assert [
            entry["attempt"]
            for entry in view["timeline"]
            if entry["name"] == "PaymentCompletedEvent"
        ] == [1]


@pytest.mark.long
def test_reads_need_no_worker(stack: Stack) -> None:
    """With every worker down an order is still accepted and shown, and stock is answered.

    What needs a worker is 503.
    """
    for worker in ROLES:
        assert stack.kill(worker, signal.SIGTERM) == 0
    assert stack.place(order(order_id="patient")).status_code == 202
    assert stack.http.get("/orders/patient").json()["state"] == "PENDING"
    for path in ("/stock/plenty", "/customers/rich/wallet"):
        assert stack.http.get(path).status_code == 200
    answers = (
        stack.http.put("/stock/plenty", json={"name": "plenty"}),
        stack.http.post("/orders/patient/cancel", json={"by": "ann", "reason": "now"}),
    )
    for answer in answers:
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["Content-Type"] == "application/problem+json"
    for worker in ROLES:
        stack.start_worker(worker)
    assert stack.closed_order("patient")["state"] in ("COMPLETED", "FAILED"), (
        "the unanswered cancel may have come through"
    )


def test_a_stopping_api_answers_whoever_waits(stack: Stack) -> None:
    """When the API is told to stop, callers who wait get their order as it is, at once."""
    stack.suspend("payment")
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(stack.place, order(order_id="waited-for"), Prefer="wait=30")
        until(
            lambda: "ProcessPaymentCommand" in stack.http.get("/orders/waited-for").text,
            "the payment is commanded",
        )
        stack.kill("api", signal.SIGTERM)
        answer = waiting.result(timeout=1)
    assert (answer.status_code, answer.json()["state"], answer.headers["Location"]) == (
        202,
        "PENDING",
        "/orders/waited-for",
    )
    stack.processes["payment"].send_signal(signal.SIGCONT)
    stack.start("api", "api.py")
    until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    assert stack.closed_order("waited-for")["state"] == "COMPLETED"


@pytest.mark.long
def test_the_api_survives_the_absence_of_temporal(stack: Stack) -> None:
    """While Temporal is down the API says so and stays up.

    When Temporal is back, so is the API, and the order goes on.
    """
    stack.place(order(order_id="closed-before"), Prefer="wait=20")
    stopped_at_payment(stack, "survivor")
    stack.kill("temporal")
    answer = stack.http.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    answer_without_temporal = stack.place(order())
    assert (answer_without_temporal.status_code, stack.status("/livez")) == (503, 200)
    order_id = answer_without_temporal.headers["Location"].removeprefix("/orders/")
    assert f'"order_id": "{order_id}"' in answer_without_temporal.json()["detail"], (
        "asking again need not be a second order"
    )
    assert stack.http.get("/orders/closed-before").json()["state"] == "COMPLETED", (
        "the record answers without Temporal"
    )
    assert stack.status("/stock/plenty") == 200, "stock is looked up without Temporal"
    response = stack.http.put("/stock/plenty", json={"name": "plenty"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    stream = stack.http.get("/orders/closed-before/events").text
    assert [line for line in stream.splitlines() if line.startswith("event: ")] == [
        *(["event: state"] * 3),
        "event: closed",
    ]
    stack.start_temporal()
    stack.processes["payment"].send_signal(signal.SIGCONT)
    assert until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    assert stack.closed_order("survivor")["state"] == "COMPLETED"


def test_the_record_tells_what_temporal_has_forgotten(stack: Stack) -> None:
    """An order whose run is gone from Temporal is shown, recognised, and not charged again."""
    body = order(order_id="kept", sku="scarce", quantity=5)
    before = stack.place(body, Prefer="wait=20").json()
    money = stack.http.get("/customers/rich/wallet").json()
    stack.kill("temporal")
    for file in stack.data_dir.glob("temporal.db*"):
        file.unlink()
    stack.start_temporal()
    until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    after = stack.http.get("/orders/kept").json()
    assert as_recorded(after) == as_recorded(before)
    assert [entry["name"] for entry in after["timeline"]] == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "ROLLING_BACK",
        "FAILED",
    ]
    assert [c["command"] for c in after["compensations"]] == [
        "RefundPaymentCommand",
        "CancelOrderCommand",
    ]
    again = stack.place(body)
    assert (again.status_code, again.json()) == (200, after)
    assert stack.place(body | {"currency": "EUR"}).status_code == 422
    by_hand = stack.http.post("/orders/kept/cancel", json={"by": "ann", "reason": "gone"})
    assert (by_hand.status_code, by_hand.json()["detail"]) == (409, "too late: the order is FAILED")
    assert (
        until(lambda: stack.http.get("/customers/rich/wallet").json(), "the wallet is read")
        == money
    )


def as_recorded(view: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only Temporal knows: the timeline, and how often anything was tried."""
    return {
        key: value
        for key, value in view.items()
        if key not in ("timeline", "compensations", "steps")
    }
