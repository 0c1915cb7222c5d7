"""What kept a command from being answered, in plain words.

The words of Temporal and of drivers stay beside them.
"""

import pytest

from temporal_saga.trouble import in_words

NO_TIME = (
    "Not enough time to schedule next retry before activity ScheduleToClose timeout, "
    "giving up retrying"
)
LOCKED = "(sqlite3.OperationalError) database is locked"
LONG = "\n".join([LOCKED, "[SQL: INSERT …]", "x" * 1_000])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("activity ScheduleToStart timeout", "no worker took the command: is its worker running?"),
        (
            "activity StartToClose timeout",
            "a worker took the command and did not come back in time",
        ),
        (
            "activity ScheduleToClose timeout",
            "the command was not answered in time, all tries included",
        ),
        (
            "activity Heartbeat timeout",
            "a worker took the command and gave no sign of life in time",
        ),
        ("activity Unheard timeout", "the command was not answered in time"),
        (NO_TIME, "no time was left for another try"),
        (
            "QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout 4.00",
            "all connections to its database were in use: it is slow, or locked by somebody else",
        ),
        ("database is locked", "its database is locked by somebody else"),
        ("canceling statement due to lock timeout", "its database is locked by somebody else"),
    ],
)
def test_what_the_machinery_says_is_told_in_plain_words(error: str, sentence: str) -> None:
    """First what it means, then what was said, by which logs and searches know it."""
    assert in_words(error).startswith(sentence)
    assert in_words(error).endswith(f"({error})")


def test_only_the_first_line_is_repeated() -> None:
    """A driver's statement and its parameters are for the log."""
    assert (
        in_words(LONG)
        == "its database is locked by somebody else ((sqlite3.OperationalError) database is locked)"
    )


@pytest.mark.parametrize("error", ["the till is empty", "", "x" * 5_000, "two\nlines"])
def test_what_is_none_of_these_stays_as_it_was_told(error: str) -> None:
    """A participant's own words are its own."""
    assert in_words(error) == error


def test_of_a_megabyte_the_beginning_is_looked_at() -> None:
    """Words far behind stay unknown: to look for them would take a workflow task's time."""
    error = "e" * 1_000_000
    assert in_words(error + LOCKED) == error + LOCKED
    assert in_words(LOCKED + error).startswith("its database is locked by somebody else")
