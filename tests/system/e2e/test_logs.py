"""What orders and failed tries leave in the logs of the workers."""

import re

import pytest

from tests.stack import Stack, order, until

SERVICES_APART = True


@pytest.mark.long
def test_an_order_and_a_failed_try_are_one_line_each(stack: Stack) -> None:
    """The orchestrator's log has each order's id, state and reason once.

    A try that met a lock is one line.
    """
    with stack.hold_database("payment"):
        stack.place(order(order_id="late"))
        until(
            lambda: "try 1 failed" in stack.log_text("payment"),
            "the payment gives up to wait for the lock",
        )
    stack.closed_order("late")
    stack.place(order(order_id="short", sku="scarce", quantity=2))
    stack.closed_order("short")
    for line in (r"late COMPLETED in [\d.]+ s", r"short FAILED OUT_OF_STOCK in [\d.]+ s"):
        until(
            lambda line=line: re.search(f" INFO order: {line}\n", stack.log_text("orchestrator")),  # type: ignore[misc]
            "the order is told",
        )
    log_lines = stack.log_text("payment").splitlines()
    tries = [line for line in log_lines if "failed" in line]
    assert re.search(
        r" WARNING \S+: order-late ProcessPayment, try 1 failed:"
        r" OperationalError: database is locked$",
        tries[0],
    )
    assert all(re.match(r"\d{4}-\d\d-\d\d ", line) for line in log_lines), log_lines
    assert len(re.findall(r"INFO order: ", stack.log_text("orchestrator"))) == 2
