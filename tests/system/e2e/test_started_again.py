"""An order whose saga is begun anew while the order service is away.

Nobody knows what the first run did, and it is found out.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.steps import ROLES
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system that waits three seconds for a step."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "FORWARD_STEP_SECONDS": "3",
        "START_TO_CLOSE_SECONDS": "2",
        "COMPENSATION_PAUSE_SECONDS": "1",
    }
    try:
        system.seed({"rich": 1_000}, {"plenty": 10})
        system.start_all(*ROLES)
        yield system
    finally:
        system.stop()


def reset(stack: Stack, workflow_id: str, _body: dict[str, Any]) -> None:
    """Begin anew from the first task."""
    stack.temporal(
        "workflow",
        "reset",
        "--workflow-id",
        workflow_id,
        "--type",
        "FirstWorkflowTask",
        "--reason",
        "a test",
    )


def start_again(stack: Stack, workflow_id: str, body: dict[str, Any]) -> None:
    """Lose the run, and start another by hand."""
    stack.temporal("workflow", "terminate", "--workflow-id", workflow_id)
    start(stack, workflow_id, body)


def start(stack: Stack, workflow_id: str, body: dict[str, Any]) -> None:
    place = ("--type", "OrderSaga", "--task-queue", "order-saga", "--workflow-id", workflow_id)
    stack.temporal("workflow", "start", *place, "--input", json.dumps(body))


def money_and_stock(stack: Stack) -> tuple[int, int]:
    return stack.http.get("/customers/rich/wallet").json()["balance_minor"], stack.http.get(
        "/stock/plenty"
    ).json()["available"]


@pytest.mark.parametrize("begin_anew", [reset, start_again])
def test_what_the_first_run_did_is_taken_back(stack: Stack, begin_anew: Any) -> None:
    """The customer was charged, and the new run's first step is over time without an answer.

    So the run never hears in time that the order is on record.
    """
    body = order(price=100, order_id="anew")
    with stack.hold_database("stock"):
        stack.place(body)
        until(lambda: stack.at_work("anew", "DecreaseStock"), "the stock service is at work")
        assert money_and_stock(stack)[0] == 900
        stack.kill("order")
        begin_anew(stack, "order-anew", body)
        until(
            lambda: "RegisterOrderCommand unanswered" in stack.http.get("/orders/anew").text,
            "its first step is over time",
        )
    stack.start_worker("order")
    closed_order = stack.closed_order("anew")
    assert (closed_order["status"], closed_order["failure"]["reason"]) == (
        "CANCELLED",
        "STEP_UNAVAILABLE",
    )
    assert money_and_stock(stack) == (1_000, 10)
    status, report = stack.audit()
    assert status == 0, report


def test_a_start_that_is_no_order_leaves_the_first_runs_record_alone(stack: Stack) -> None:
    """A mistyped start ends at once; the right one after it goes on with the open order."""
    body = order(price=100, order_id="anew")
    with stack.hold_database("stock"):
        stack.place(body)
        until(lambda: stack.at_work("anew", "DecreaseStock"), "the stock service is at work")
        start_again(stack, "order-anew", body | {"order_id": "mistyped"})
        view = until(
            lambda: view if (view := stack.http.get("/orders/anew").json())["attention"] else None,
            "it is refused",
        )
        assert view is not None
        assert (view["failure"]["reason"], view["attention"]["cause"]) == (
            "INVALID_ORDER",
            "LEFT_OPEN",
        )
        assert (view["needs_attention"], view["closed_at"]) == (True, None)
    start(stack, "order-anew", body)
    assert stack.closed_order("anew")["status"] == "CONFIRMED"
    assert money_and_stock(stack) == (900, 9)
    status, report = stack.audit()
    assert status == 0, report
