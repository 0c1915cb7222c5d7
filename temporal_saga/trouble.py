"""What kept a command from being answered, in plain words. Pure functions of what Temporal or a participant said."""

import re

MOST_TOLD = 300
"""Characters that are repeated of what a participant said; its log has the rest."""

TIMEOUTS = {
    "ScheduleToStart": "no worker took the command: is its worker running?",
    "StartToClose": "a worker took the command and did not come back in time: it hangs, or its database does",
    "ScheduleToClose": "the command was not answered in time, all tries included",
    "Heartbeat": "a worker took the command and gave no sign of life in time",
}
LOCKED = "its database is locked by somebody else"
NO_TIME_LEFT = "no time was left for another try"

_TIMEOUT = re.compile(r"activity (\w+) timeout")
_LOCKED = re.compile(r"database( table)? is locked|lock timeout|LockNotAvailable|could not obtain lock", re.IGNORECASE)


def in_words(error: str) -> str:
    """Return what an error of a try means, and the error as it was told, by which logs and searches know it; else that alone."""
    told = _first_line(error)
    if "giving up retrying" in error:
        return f"{NO_TIME_LEFT} ({told})"
    if found := _TIMEOUT.search(error):
        return f"{TIMEOUTS.get(found[1], 'the command was not answered in time')} ({told})"
    if _LOCKED.search(error):
        return f"{LOCKED} ({told})"
    return error


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= MOST_TOLD else f"{line[:MOST_TOLD]} …"
