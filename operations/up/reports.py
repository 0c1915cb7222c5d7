"""What supervisord reports of the parts, in plain words for the person at the terminal."""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path

from operations.up.terminal import clock_time

DIED = re.compile(r"exited: (?P<part>\S+) \((?P<how>.*?)(; (not )?expected)?\)$")
STOPPED = re.compile(r"stopped: (?P<part>\S+) ")
CAME_UP = re.compile(r"success: (?P<part>\S+) entered RUNNING state")
NOT_SPAWNED = re.compile(r"spawnerr: (?P<why>.*)")
GIVEN_UP = re.compile(r"gave up: (?P<part>\S+) ")
FORCED = re.compile(r"killing '(?P<part>\S+)' .*with SIGKILL")

SENTENCES = (
    (DIED, "{part} died ({how}) and is started again; its log is {log}"),
    (STOPPED, "{part} was stopped; `make start PART={part}` starts it again"),
    (CAME_UP, "{part} runs again"),
    (NOT_SPAWNED, "a part cannot be started, which is tried again: {why}"),
    (GIVEN_UP, "{part} does not come up and is given up; its log is {log}"),
    (FORCED, "{part} did not stop in time and is ended by force"),
)
"""By the line that supervisord prints: what it means to the person at the terminal."""

LAST_LINES = 3


async def report(
    lines: asyncio.StreamReader,
    log: Path,
    say: Callable[[str], None],
    down: set[str],
    is_stopping: Callable[[], bool],
) -> list[str]:
    """Say which parts die, are stopped and come back, until supervisord's output ends.

    Args:
        lines: supervisord's output.
        log: the folder of the parts' logs.
        say: tells the person at the terminal a line.
        down: the parts that do not run; kept up to date.
        is_stopping: whether the whole system stops, so that a stopped part is no news.

    Returns:
        The last lines of the output.
    """
    last_lines = deque[str](maxlen=LAST_LINES)
    async for raw in lines:
        line = raw.decode(errors="replace").rstrip()
        last_lines.append(line)
        if sentence := _sentence(line, log, down, is_stopping=is_stopping()):
            say(f"{clock_time()} {sentence}")
    return list(last_lines)


def _sentence(line: str, log: Path, down: set[str], *, is_stopping: bool) -> str | None:
    """Return what a line of supervisord's output means; None when it is no news."""
    for pattern, sentence in SENTENCES:
        match = pattern.search(line)
        if match is None:
            continue
        fields = match.groupdict()
        part = fields.get("part", "")
        if (pattern is STOPPED and is_stopping) or (pattern is CAME_UP and part not in down):
            return None
        if pattern in (DIED, STOPPED):
            down.add(part)
        elif pattern is CAME_UP:
            down.remove(part)
        return sentence.format(**fields, log=log / f"{part}.log")
    return None
