"""A saga reset to any of its tasks, and cancelled there: what its first run did stays true."""

import json
from typing import Any

import pytest

from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

WISH = json.dumps({"by": "ann", "reason": "all a mistake"})
MONEY_AND_STOCK = ("/customers/rich/wallet", "/stock/plenty", "/stock/scarce")

STORIES: dict[str, dict[str, Any]] = {
    "completed": order(),
    "refused": order(customer="nobody"),
    "short": order(sku="scarce", quantity=2),
}


def events(stack: Stack, workflow_id: str) -> list[dict[str, Any]]:
    """Return the history of a workflow's last run."""
    output = stack.temporal("workflow", "show", "--workflow-id", workflow_id, "--output", "json")
    history_events: list[dict[str, Any]] = json.loads(output)["events"]
    return history_events


def how_it_closed(stack: Stack, workflow_id: str) -> str:
    """Wait until a workflow's last run has closed, and return how."""

    def status_once_closed() -> str | None:
        description = json.loads(
            stack.temporal("workflow", "describe", "--workflow-id", workflow_id, "--output", "json")
        )
        status: str = description["workflowExecutionInfo"]["status"].removeprefix(
            "WORKFLOW_EXECUTION_STATUS_"
        )
        return None if status == "RUNNING" else status

    final_status = until(status_once_closed, f"{workflow_id} has closed")
    assert final_status is not None
    return final_status


def money_and_stock(stack: Stack) -> list[Any]:
    """Return what money and stock there is."""
    return [stack.http.get(path).json() for path in MONEY_AND_STOCK]


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_a_reset_at_any_task_and_a_cancel_change_nothing_of_what_is_kept(
    stack: Stack, story: str
) -> None:
    """Completed stays completed after the pivot, and failed stays failed.

    No money and no piece moves twice or back.
    """
    workflow_id = f"order-{story}"
    stack.place(STORIES[story] | {"order_id": story}, Prefer="wait=20")
    ending = how_it_closed(stack, workflow_id)
    before = money_and_stock(stack)
    record = stack.closed_order(story)
    description = json.loads(
        stack.temporal("workflow", "describe", "--workflow-id", workflow_id, "--output", "json")
    )
    first_run = description["workflowExecutionInfo"]["execution"]["runId"]
    tasks = [
        event["eventId"]
        for event in events(stack, workflow_id)
        if event["eventType"] == "EVENT_TYPE_WORKFLOW_TASK_COMPLETED"
    ]
    for task in tasks:
        at = ("--workflow-id", workflow_id, "--run-id", first_run, "--event-id", task)
        stack.temporal("workflow", "reset", *at, "--reason", "a test")
        stack.temporal(
            "workflow",
            "signal",
            "--workflow-id",
            workflow_id,
            "--name",
            "cancel",
            "--input",
            WISH,
            check=False,
        )
        assert (task, how_it_closed(stack, workflow_id)) == (task, ending)
        assert (task, money_and_stock(stack)) == (task, before)
        assert stack.closed_order(story)["status"] == record["status"]


def test_a_reset_of_what_is_no_order_fails_as_before(stack: Stack) -> None:
    """A start that was none is none again, and nothing stands open."""
    bad = (
        "--type",
        "OrderSaga",
        "--task-queue",
        "order-saga",
        "--workflow-id",
        "order-bad",
        "--input",
        '{"lines": 7}',
    )
    stack.temporal("workflow", "start", *bad)
    assert how_it_closed(stack, "order-bad") == "FAILED"
    stack.temporal(
        "workflow",
        "reset",
        "--workflow-id",
        "order-bad",
        "--type",
        "LastWorkflowTask",
        "--reason",
        "a test",
    )
    assert how_it_closed(stack, "order-bad") == "FAILED"
    stack.temporal(
        "workflow",
        "reset",
        "--workflow-id",
        "order-bad",
        "--type",
        "FirstWorkflowTask",
        "--reason",
        "a test",
    )
    assert how_it_closed(stack, "order-bad") == "FAILED"
