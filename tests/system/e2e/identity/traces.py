"""What an order leaves behind: money, runs, memo, records; and how it is lost."""

import json
import sqlite3
from contextlib import closing
from typing import Any

from tests.stack import WAIT_SECONDS, Stack, until


def balance(stack: Stack) -> int:
    return int(stack.http.get("/customers/rich/wallet").json()["balance_minor"])


def runs(stack: Stack, order_id: str) -> list[str]:
    """Return the ids of the order's runs that visibility lists."""
    query = ("--query", f'WorkflowId="order-{order_id}"', "--output", "json")
    return [
        row["execution"]["runId"] for row in json.loads(stack.temporal("workflow", "list", *query))
    ]


def memo(stack: Stack, order_id: str) -> dict[str, Any]:
    description = json.loads(
        stack.temporal(
            "workflow", "describe", "--workflow-id", f"order-{order_id}", "--output", "json"
        )
    )
    fields: dict[str, Any] = description["workflowExecutionInfo"].get("memo", {}).get("fields", {})
    return fields


OF_ONE_ORDER = ("timeline", "refund", "acts", "steps", "review", "action", "again_of", "again_as")
"""What an order's own page has and lists have not."""


def as_recorded(view: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only Temporal knows and lists do not show: tries, and times of refunds."""
    return {
        key: value for key, value in view.items() if key not in (*OF_ONE_ORDER, "compensations")
    }


def lose_records(stack: Stack) -> None:
    """Empty the order service's database, as when it was restored from before its first order."""
    with (
        closing(sqlite3.connect(stack.data_dir / "order.db", timeout=WAIT_SECONDS)) as database,
        database,
    ):
        for table in ("lines", "moves", "orders", "fence"):
            database.execute(f"DELETE FROM {table}")


def delete_run(stack: Stack, order_id: str) -> None:
    """Delete a closed order's run, and wait until Temporal no longer knows it."""
    workflow = ("--workflow-id", f"order-{order_id}")
    stack.temporal("workflow", "delete", "--yes", *workflow)
    until(
        lambda: "not found" in stack.temporal("workflow", "describe", *workflow, check=False),
        "the run is gone",
    )
