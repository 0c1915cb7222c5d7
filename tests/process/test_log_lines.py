"""What our processes log."""

import logging

from application.errors import NotFound
from logs import FORM, OneLine
from routes.problems import problem_of


def log_line(message: str, *arguments: object, error: BaseException | None = None) -> str:
    """Return what is written of a record."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("worker", logging.WARNING, __file__, 1, message, arguments, exc_info)
    return OneLine(FORM).format(record)


def test_a_record_is_one_line_whoever_wrote_in_it() -> None:
    """No message forges another record, and none does anything in a terminal."""
    line = log_line(
        "ignored the signal %s: %s",
        "cancel",
        "ann\n2026-01-01 00:00:00 INFO worker: ready: payment\x1b[2J\u202e",
    )
    assert line.endswith(
        r"WARNING worker: ignored the signal cancel: ann\n2026-01-01 00:00:00 INFO worker: "
        r"ready: payment\x1b[2J\u202e"
    )
    assert len(line.splitlines()) == 1


def test_a_traceback_is_told_beneath_its_record() -> None:
    """Each line of it is indented, also those of the error's own message."""
    lines = log_line("it failed", error=ValueError("no\nready: payment\x1b[2J")).splitlines()
    assert lines[0].endswith("WARNING worker: it failed")
    assert lines[1:] == ["  ValueError: no", r"  ready: payment\x1b[2J"]


def test_a_problem_document_repeats_nothing_that_acts() -> None:
    """A detail may name what was asked for, whatever that is."""
    problem = problem_of(NotFound.of("order \x1b[2J\u202e\n"))
    assert problem.document.detail == r"there is no order \x1b[2J\u202e\n"
