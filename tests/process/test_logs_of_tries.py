"""What a try of a command that failed becomes in a log."""

import logging
import sys

import pytest
import sqlalchemy as sa

from logs import FORM, OneLine

LOCKED = sa.exc.OperationalError(
    "UPDATE wallets …", {}, Exception("database is locked\n(for long)")
)


def log_text(error: Exception, **command: object) -> str:
    """Return what a log shows of an error, of a try of a command if one is given."""
    try:
        raise error
    except type(error):
        record = logging.LogRecord(
            "a", logging.WARNING, "", 0, "Completing activity as failed", None, sys.exc_info()
        )
    if command:
        record.temporal_activity = command
    return OneLine(FORM).format(record)


def a_try(attempt: int) -> dict[str, object]:
    return {"workflow_id": "order-o1", "activity_type": "ProcessPayment", "attempt": attempt}


@pytest.mark.parametrize("attempt", [1, 7])
def test_trouble_with_a_database_is_one_line(attempt: int) -> None:
    """Whose command it was, the how many-th try, and what the database said."""
    line = log_text(LOCKED, **a_try(attempt))
    assert line.endswith(
        f" WARNING a: order-o1 ProcessPayment, try {attempt} failed: "
        "OperationalError: database is locked (for long)"
    )
    assert "\n" not in line


def test_a_defect_has_its_traceback_once() -> None:
    """What nobody expects is shown in full at the first try, and in one line at the others."""
    first, second = (log_text(KeyError("sku"), **a_try(attempt)) for attempt in (1, 2))
    assert "order-o1 ProcessPayment, try 1 failed: KeyError: 'sku'\n" in first
    assert first.splitlines()[1].strip().startswith("Traceback")
    assert second.endswith("order-o1 ProcessPayment, try 2 failed: KeyError: 'sku'")


def test_of_several_steps_with_one_activity_the_line_says_which() -> None:
    """By the activity's id, where the step has a name of its own."""
    twin = a_try(2) | {"activity_id": "ProcessPayment-2/compensation#3"}
    assert "order-o1 ProcessPayment of ProcessPayment-2, try 2 failed: " in log_text(LOCKED, **twin)
    other = a_try(2) | {"activity_id": "7"}
    assert "order-o1 ProcessPayment, try 2 failed: " in log_text(LOCKED, **other)


def test_other_records_stay_as_they_are() -> None:
    """What is no try of a command keeps its words and its traceback."""
    head, traceback, *_ = log_text(LOCKED).splitlines()
    assert head.endswith("a: Completing activity as failed")
    assert traceback.strip().startswith("Traceback")
