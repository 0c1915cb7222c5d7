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
    shown = stack.temporal("workflow", "show", "--workflow-id", workflow_id, "--output", "json")
    told: list[dict[str, Any]] = json.loads(shown)["events"]
    return told


def closed(stack: Stack, workflow_id: str) -> str:
    """Wait until a workflow's last run has closed, and return how."""

    def ended() -> str | None:
        described = json.loads(
            stack.temporal("workflow", "describe", "--workflow-id", workflow_id, "--output", "json")
        )
        status: str = described["workflowExecutionInfo"]["status"].removeprefix(
            "WORKFLOW_EXECUTION_STATUS_"
        )
        return None if status == "RUNNING" else status

    found = until(ended, f"{workflow_id} has closed")
    assert found is not None
    return found


def kept(stack: Stack) -> list[Any]:
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
    ending, before, record = closed(stack, workflow_id), kept(stack), stack.closed(story)
    described = json.loads(
        stack.temporal("workflow", "describe", "--workflow-id", workflow_id, "--output", "json")
    )
    first_run = described["workflowExecutionInfo"]["execution"]["runId"]
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
        assert (task, closed(stack, workflow_id)) == (task, ending)
        assert (task, kept(stack)) == (task, before)
        assert stack.closed(story)["status"] == record["status"]


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
    assert closed(stack, "order-bad") == "FAILED"
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
    assert closed(stack, "order-bad") == "FAILED"
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
    assert closed(stack, "order-bad") == "FAILED"
