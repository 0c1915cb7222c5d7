"""What kept a command from being answered, in plain words.

Pure functions of the error of Temporal or a participant.
"""

import re

from temporal_saga.policy import MOST_MESSAGE

MOST_OF_ERROR = 300
"""Characters that are repeated of what a participant said; its log has the rest."""

MOST_LOOKED_AT = 10_000
"""Characters in which words that mean something are looked for: a megabyte takes a task's time."""

TIMEOUTS = {
    "ScheduleToStart": "no worker took the command: is its worker running?",
    "StartToClose": "a worker took the command and did not come back in time",
    "ScheduleToClose": "the command was not answered in time, all tries included",
    "Heartbeat": "a worker took the command and gave no sign of life in time",
}
LOCKED = "its database is locked by somebody else"
IN_USE = "all connections to its database were in use: it is slow, or locked by somebody else"
NO_TIME_LEFT = "no time was left for another try"

_TIMEOUT = re.compile(r"activity (\w+) timeout")
_LOCKED = re.compile(
    r"database( table)? is locked|lock timeout|LockNotAvailable|could not obtain lock",
    re.IGNORECASE,
)


def meaning(error: str) -> str | None:
    """Return what an attempt's error means, in words for people; None if it is not known."""
    error = error[:MOST_LOOKED_AT]
    if "giving up retrying" in error:
        return NO_TIME_LEFT
    if match := _TIMEOUT.search(error):
        return TIMEOUTS.get(match[1], "the command was not answered in time")
    if "QueuePool limit" in error:
        return IN_USE
    return LOCKED if _LOCKED.search(error) else None


def in_words(error: str) -> str:
    """Return what an attempt's error means, and behind it the error as logs have it.

    The error alone, if its meaning is not known.
    """
    words = meaning(error)
    first_line = cut(error[:MOST_LOOKED_AT].strip().partition("\n")[0], MOST_OF_ERROR)
    return f"{words} ({first_line})" if words else error


def cut(text: str, most: int = MOST_MESSAGE) -> str:
    """Return the text, or as much of it as a message may have, with " …" behind."""
    return text if len(text) <= most else f"{text[:most]} …"
