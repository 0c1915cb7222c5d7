"""Sagas by hand, through the real `temporal` command."""

import base64
import json
import signal
from typing import Any

import pytest

from tests.stack import Stack, order, until

SERVICES_APART = True

pytestmark = pytest.mark.long


def start(stack: Stack, workflow_id: str, *payload: str, kind: str = "OrderSaga") -> None:
    inputs = [part for text in payload for part in ("--input", text)]
    place = ("--type", kind, "--task-queue", "order-saga", "--workflow-id", workflow_id)
    stack.temporal("workflow", "start", *place, *inputs)


def outcome(stack: Stack, workflow_id: str) -> dict[str, Any]:
    """Wait for a workflow to close, and return its result or the failure that closed it."""
    output = stack.temporal(
        "workflow", "result", "--workflow-id", workflow_id, "--output", "json", check=False
    )
    result: dict[str, Any] = json.loads(output[output.index("{") : output.rindex("}") + 1])
    return result


def failure(stack: Stack, workflow_id: str) -> str:
    return str(
        outcome(stack, workflow_id)["closeEvent"]["workflowExecutionFailedEventAttributes"][
            "failure"
        ]["message"]
    )


def workflow_ids(stack: Stack, query: str) -> list[str]:
    """Return the ids of the workflows that visibility finds."""
    rows = json.loads(stack.temporal("workflow", "list", "--query", query, "--output", "json"))
    return [row["execution"]["workflowId"] for row in rows]


def status(stack: Stack, workflow_id: str) -> dict[str, Any]:
    query_output = json.loads(
        stack.temporal(
            "workflow",
            "query",
            "--workflow-id",
            workflow_id,
            "--type",
            "status",
            "--output",
            "json",
        )
    )
    saga_status: dict[str, Any] = query_output["queryResult"][0]
    return saga_status


def history(stack: Stack, workflow_id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(
        stack.temporal("workflow", "show", "--workflow-id", workflow_id, "--output", "json")
    )["events"]
    return events


def test_an_order_is_started_by_hand(stack: Stack) -> None:
    """The body of an order starts a saga from the command line.

    The saga can be listed, queried and read over HTTP.
    """
    start(stack, "order-by-hand", json.dumps(order(quantity=2)))
    assert outcome(stack, "order-by-hand")["result"] == {
        "order_id": "by-hand",
        "state": "COMPLETED",
    }
    until(
        lambda: (
            "order-by-hand" in workflow_ids(stack, 'SagaState="COMPLETED" AND CustomerId="rich"')
        ),
        "it is listed",
    )
    order_status = status(stack, "order-by-hand")
    assert (order_status["state"], order_status["total_minor"]) == ("COMPLETED", 200)
    assert [move["state"] for move in order_status["moves"]] == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "COMPLETED",
    ]
    assert stack.http.get("/orders/by-hand").json()["state"] == "COMPLETED"
    assert len(history(stack, "order-by-hand")) == 32


def test_a_failed_order_is_found_by_its_state_and_reason(stack: Stack) -> None:
    """A failed order is Failed in Temporal; its failure and search attributes hold the reason."""
    start(stack, "order-short", json.dumps(order(sku="scarce", quantity=9)))
    assert failure(stack, "order-short") == "OUT_OF_STOCK: scarce: 9 asked, 1 left"
    query = (
        'SagaState="FAILED" AND FailureReason="OUT_OF_STOCK"'
        " AND OrderTotalMinor=900 AND NeedsAttention=false"
    )
    until(lambda: "order-short" in workflow_ids(stack, query), "it is listed")
    summaries = [
        event["userMetadata"]["summary"]["data"]
        for event in history(stack, "order-short")
        if "userMetadata" in event
    ]
    assert [json.loads(base64.b64decode(summary)) for summary in summaries] == [
        "Register the order of rich",
        "Charge rich 9.00 GBP",
        "Take 1 line from stock",
        "Refund rich 9.00 GBP",
        "Cancel the order, with the reason",
    ]


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("no-argument", [], "INVALID_ORDER: give the order as one JSON object; 0 arguments came"),
        (
            "two-arguments",
            ["{}", "{}"],
            "INVALID_ORDER: give the order as one JSON object; 2 arguments came",
        ),
        ("a-string", ['"please"'], "INVALID_ORDER: order: must be a JSON object"),
        (
            "wrong-types",
            [json.dumps(order() | {"lines": 7, "currency": 1})],
            "INVALID_ORDER: currency: must be text",
        ),
        (
            "misspelt",
            ['{"customer": "rich"}'],
            "INVALID_ORDER: customer_id: is missing; currency: is missing",
        ),
        (
            "other-id",
            [json.dumps(order(order_id="else"))],
            "INVALID_ORDER: the order_id 'else' and the workflow id",
        ),
    ],
)
def test_a_bad_start_closes_with_a_readable_error(
    stack: Stack, name: str, payload: list[str], message: str
) -> None:
    """A start that is no order fails at once, says what is wrong, and is on record."""
    start(stack, f"order-{name}", *payload)
    assert failure(stack, f"order-{name}").startswith(message)
    view = stack.closed_order(name)
    assert (view["status"], view["failure"]["reason"]) == ("CANCELLED", "INVALID_ORDER")
    assert all(
        event["eventType"] != "EVENT_TYPE_WORKFLOW_TASK_FAILED"
        for event in history(stack, f"order-{name}")
    )


@pytest.mark.parametrize(
    ("workflow_id", "kind", "message"),
    [
        (
            "order-typo",
            "OrderSga",
            "INVALID_ORDER: there is no workflow type 'OrderSga' here; start 'OrderSaga'",
        ),
        (
            "my order",
            "OrderSaga",
            "INVALID_ORDER: the workflow id 'my order' names no order; use order-{order_id}",
        ),
    ],
)
def test_a_start_that_names_no_order_closes_too(
    stack: Stack, workflow_id: str, kind: str, message: str
) -> None:
    """A wrong workflow type or id fails at once and says what to use."""
    start(stack, workflow_id, json.dumps(order()), kind=kind)
    assert failure(stack, workflow_id).startswith(message)


def test_signals_of_every_kind_leave_a_saga_well(stack: Stack) -> None:
    """Malformed and unknown signals are ignored; a valid cancel acts; handlers are described."""
    stack.suspend("payment")
    start(stack, "order-pestered", json.dumps(order()))
    wish = json.dumps({"by": "ann", "reason": "no longer needed"})
    for name, payload in (
        ("cancel", []),
        ("cancel", [wish, wish]),
        ("cancel", ["7"]),
        ("cancel", ["null"]),
        ("cancel", ['{"by": 7, "reason": true}']),
        ("approve", [wish]),
        ("no such signal", [wish]),
    ):
        inputs = [part for text in payload for part in ("--input", text)]
        stack.temporal(
            "workflow", "signal", "--workflow-id", "order-pestered", "--name", name, *inputs
        )
    signal_command = (
        "workflow",
        "signal",
        "--workflow-id",
        "order-pestered",
        "--name",
        "cancel",
        "--input",
        "bytes",
    )
    stack.temporal(*signal_command, "--input-meta", "encoding=binary/plain")
    assert status(stack, "order-pestered")["state"] == "PENDING"
    assert stack.http.get("/orders/pestered").json()["state"] == "PENDING"
    metadata = stack.temporal(
        "workflow", "metadata", "--workflow-id", "order-pestered", "--output", "json"
    )
    descriptions = {
        handler["name"]: handler.get("description") for handler in handlers(json.loads(metadata))
    }
    assert all(descriptions[name] for name in ("cancel", "request_cancel", "status"))
    stack.temporal(
        "workflow", "signal", "--workflow-id", "order-pestered", "--name", "cancel", "--input", wish
    )
    stack.processes["payment"].send_signal(signal.SIGCONT)
    assert failure(stack, "order-pestered") == "CANCELLED: cancelled by ann: no longer needed"
    events = history(stack, "order-pestered")
    assert all(event["eventType"] != "EVENT_TYPE_WORKFLOW_TASK_FAILED" for event in events)


def handlers(metadata: Any) -> list[dict[str, Any]]:
    """Return every handler definition in a workflow's metadata."""
    if isinstance(metadata, list):
        return [handler for part in metadata for handler in handlers(part)]
    if not isinstance(metadata, dict):
        return []
    return ([metadata] if "name" in metadata else []) + [
        handler for part in metadata.values() for handler in handlers(part)
    ]


def test_updates_are_refused_when_malformed_or_late(stack: Stack) -> None:
    """An update is refused at once, with what is wrong with it.

    It is too late once the order is closed or completed.
    """
    stack.suspend("payment")
    start(stack, "order-updated", json.dumps(order()))

    def update(*payload: str) -> str:
        inputs = [part for text in payload for part in ("--input", text)]
        update_command = (
            "workflow",
            "update",
            "execute",
            "--workflow-id",
            "order-updated",
            "--name",
            "request_cancel",
        )
        return stack.temporal(*update_command, *inputs, check=False)

    assert "0 arguments came" in update()
    assert "reason: is missing (type" in update('{"by": "ann"}')
    assert "state:PENDING" in update('{"by": "ann", "reason": "changed my mind"}')
    stack.processes["payment"].send_signal(signal.SIGCONT)
    assert failure(stack, "order-updated") == "CANCELLED: cancelled by ann: changed my mind"
    assert "already completed" in update('{"by": "ann", "reason": "again"}')


def test_temporals_own_cancel_is_heeded(stack: Stack) -> None:
    """`temporal workflow cancel` rolls back like ours; the run is Failed with the reason.

    It is not lost half-way.
    """
    stack.suspend("payment")
    start(stack, "order-cancelled", json.dumps(order()))
    until(lambda: len(history(stack, "order-cancelled")) > 10, "the payment is commanded")
    stack.temporal("workflow", "cancel", "--workflow-id", "order-cancelled")
    stack.processes["payment"].send_signal(signal.SIGCONT)
    assert failure(stack, "order-cancelled").startswith("CANCELLED: ")
    view = stack.closed_order("cancelled")
    assert [(c["command"], c["state"]) for c in view["compensations"]] == [
        ("RefundPaymentCommand", "DONE"),
        ("CancelOrderCommand", "DONE"),
    ]


def test_a_reset_neither_charges_nor_refunds_again(stack: Stack) -> None:
    """A saga reset to its first task ends as before and moves no money: keys are not per run."""
    start(stack, "order-right", json.dumps(order()))
    start(stack, "order-wrong", json.dumps(order(sku="scarce", quantity=3)))
    assert outcome(stack, "order-right")["status"] == "COMPLETED"
    assert outcome(stack, "order-wrong")["status"] == "FAILED"
    money = stack.http.get("/customers/rich/wallet").json()
    for workflow_id in ("order-right", "order-wrong"):
        reset = (
            "workflow",
            "reset",
            "--workflow-id",
            workflow_id,
            "--type",
            "FirstWorkflowTask",
            "--reason",
            "a test",
        )
        stack.temporal(*reset)
    assert outcome(stack, "order-right")["result"]["state"] == "COMPLETED"
    assert failure(stack, "order-wrong").startswith("ALREADY_COMPENSATED: ")
    assert stack.http.get("/customers/rich/wallet").json() == money
    assert stack.closed_order("wrong")["failure"]["reason"] == "OUT_OF_STOCK", (
        "the record tells how the order ended, once"
    )


def test_a_terminated_saga_is_shown_where_it_stood_and_needs_attention(stack: Stack) -> None:
    """Terminating skips every compensation: the order does not look as if nothing had happened."""
    stack.suspend("stock")
    start(stack, "order-terminated", json.dumps(order()))
    until(
        lambda: stack.http.get("/orders/terminated").json()["state"] == "PAYMENT_COMPLETED",
        "it is paid",
    )
    stack.temporal(
        "workflow", "terminate", "--workflow-id", "order-terminated", "--reason", "a test"
    )
    stack.processes["stock"].send_signal(signal.SIGCONT)
    view = stack.http.get("/orders/terminated").json()
    assert (view["state"], view["status"], view["needs_attention"]) == (
        "PAYMENT_COMPLETED",
        "PENDING",
        True,
    )
    assert (view["closed_at"], view["attention"]["cause"]) == (None, "LEFT_OPEN"), (
        "nothing will close it by itself"
    )
    assert view["timeline"][-1]["name"].startswith("terminated from outside")
    answer = stack.http.post(
        "/orders/terminated/cancel", json={"by": "ann", "reason": "changed my mind"}
    )
    message = "its saga was ended from outside, and takes no act: the order is PAYMENT_COMPLETED"
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"{message}; {view['attention']['message']}"
    assert {act["refusal"] for act in view["acts"]} == {answer.json()["detail"]}


def test_a_reset_at_the_end_replays_and_fails_as_before(stack: Stack) -> None:
    """A failed saga reset at its last task closes again in the same words; nothing wedges."""
    start(stack, "order-last", json.dumps(order(sku="scarce", quantity=4)))
    assert failure(stack, "order-last").startswith("OUT_OF_STOCK: ")
    stack.temporal(
        "workflow",
        "reset",
        "--workflow-id",
        "order-last",
        "--type",
        "LastWorkflowTask",
        "--reason",
        "a test",
    )
    assert failure(stack, "order-last").startswith("OUT_OF_STOCK: ")


def test_a_reset_intruder_leaves_the_owner_of_the_id_alone(stack: Stack) -> None:
    """A saga refused for an id that is taken refunds nothing of the owner's, reset or not."""
    start(stack, "order-owned", json.dumps(order()))
    assert outcome(stack, "order-owned")["status"] == "COMPLETED"
    money = stack.http.get("/customers/rich/wallet").json()
    start(stack, "order-owned", json.dumps(order(quantity=2)))
    assert failure(stack, "order-owned").startswith("ORDER_ID_REUSED: ")
    stack.temporal(
        "workflow",
        "reset",
        "--workflow-id",
        "order-owned",
        "--type",
        "FirstWorkflowTask",
        "--reason",
        "a test",
    )
    assert failure(stack, "order-owned").startswith("ORDER_ID_REUSED: ")
    assert stack.http.get("/customers/rich/wallet").json() == money
    assert stack.http.get("/orders/owned").json()["status"] == "CONFIRMED"


def test_an_order_placed_over_http_reads_like_the_business(stack: Stack) -> None:
    """Its run carries summary, lines and state for people, and fingerprint and key in its memo."""
    stack.place(order(order_id="shown", quantity=2), Idempotency_Key="k-7", Prefer="wait=20")
    description = json.loads(
        stack.temporal("workflow", "describe", "--workflow-id", "order-shown", "--output", "json")
    )
    memo = description["workflowExecutionInfo"]["memo"]["fields"]
    assert (memo["request_key"], len(memo["fingerprint"])) == ("k-7", 64)
    user_metadata = json.dumps(description["executionConfig"]["userMetadata"], ensure_ascii=False)
    assert "- 2 × plenty at 1.00 GBP" in user_metadata
    assert "Customer rich: 1 line, 2.00 GBP" in user_metadata
    metadata = stack.temporal("workflow", "metadata", "--workflow-id", "order-shown")
    assert "**COMPLETED**" in metadata
