"""The terminal of a program in the foreground, which may be gone, full, or not read."""

import errno
import os
import queue
import threading
from datetime import datetime

STDOUT = 1
"""Written without Python's buffer: a thread that hangs in it aborts the process at its end."""

MOST_LINES = 1_000
"""So many wait while the terminal takes none (as while text is marked in it); more are dropped."""

LAST_SECONDS = 1
"""At the end the terminal gets this long to take the lines that wait."""

GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})


class Terminal:
    """Prints lines for the person at the terminal, and never waits for it."""

    def __init__(self) -> None:
        """Begin to print what is given to `say`."""
        self._lines: queue.Queue[str | None] = queue.Queue(MOST_LINES)
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def say(self, line: str) -> None:
        """Print a line soon; drop it when `MOST_LINES` wait already."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return

    def close(self) -> None:
        """Wait a moment until all is printed."""
        try:
            self._lines.put(None, timeout=LAST_SECONDS)
        except queue.Full:
            return
        self._writer.join(LAST_SECONDS)

    def _write(self) -> None:
        is_gone = False
        while (line := self._lines.get()) is not None:
            text = f"{line}\n".encode() if not is_gone else b""
            try:
                while text:
                    text = text[os.write(STDOUT, text) :]
            except OSError as error:
                is_gone = error.errno in GONE


def clock_time() -> str:
    """Return the time on this machine's clock, with which a line about an event begins."""
    return f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005  # the wall clock of the person who reads it
