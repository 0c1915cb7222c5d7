"""What a record becomes in a log."""

import logging
import sys

import pytest
import sqlalchemy as sa

from logs import FORMAT, Lines
from routes.problems import not_found

LOCKED = sa.exc.OperationalError("UPDATE wallets …", {}, Exception("database is locked\n(for long)"))


def written(error: Exception, **command: object) -> str:
    """Return what a log shows of an error, of a try of a command if one is given."""
    try:
        raise error
    except type(error):
        record = logging.LogRecord("a", logging.WARNING, "", 0, "Completing activity as failed", None, sys.exc_info())
    if command:
        record.temporal_activity = command
    return Lines(FORMAT).format(record)


def a_try(attempt: int) -> dict[str, object]:
    return {"workflow_id": "order-o1", "activity_type": "ProcessPayment", "attempt": attempt}


@pytest.mark.parametrize("attempt", [1, 7])
def test_trouble_with_a_database_is_one_line(attempt: int) -> None:
    """Whose command it was, the how many-th try, and what the database said."""
    said = written(LOCKED, **a_try(attempt))
    assert said.endswith(
        f" WARNING a: order-o1 ProcessPayment, try {attempt} failed: OperationalError: database is locked (for long)"
    )
    assert "\n" not in said


def test_a_defect_has_its_traceback_once() -> None:
    """What nobody expects is shown in full at the first try, and in one line at the others."""
    first, second = (written(KeyError("sku"), **a_try(attempt)) for attempt in (1, 2))
    assert "order-o1 ProcessPayment, try 1 failed: KeyError: 'sku'\n  Traceback" in first
    assert second.endswith("order-o1 ProcessPayment, try 2 failed: KeyError: 'sku'")


def test_other_records_stay_as_they_are() -> None:
    """What is no try of a command keeps its words and its traceback."""
    assert "a: Completing activity as failed\n  Traceback" in written(LOCKED)


def logged(message: str, *arguments: object, error: BaseException | None = None) -> str:
    """Return what is written of a record."""
    raised = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("worker", logging.WARNING, __file__, 1, message, arguments, raised)
    return Lines(FORMAT).format(record)


def test_a_record_is_one_line_whoever_wrote_in_it() -> None:
    """No message forges another record, and none does anything in a terminal."""
    line = logged("ignored the signal %s: %s", "cancel", "ann\n2026-01-01 00:00:00 INFO worker: ready: payment\x1b[2J\u202e")
    assert line.endswith(
        r"WARNING worker: ignored the signal cancel: ann\n2026-01-01 00:00:00 INFO worker: ready: payment\x1b[2J\u202e"
    )
    assert len(line.splitlines()) == 1


def test_a_traceback_is_told_beneath_its_record() -> None:
    """Each line of it is indented, also those of the error's own message."""
    lines = logged("it failed", error=ValueError("no\nready: payment\x1b[2J")).splitlines()
    assert lines[0].endswith("WARNING worker: it failed")
    assert lines[1:] == ["  ValueError: no", r"  ready: payment\x1b[2J"]


def test_a_problem_document_repeats_nothing_that_acts() -> None:
    """A detail may name what was asked for, whatever that is."""
    assert not_found("order \x1b[2J\u202e\n").document.detail == r"there is no order \x1b[2J\u202e\n"
