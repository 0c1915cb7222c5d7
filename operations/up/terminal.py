"""The terminal that a program in the foreground talks to, which may be gone, full, or not read."""

import errno
import os
import queue
import threading

STDOUT = 1
"""Written without Python's buffer: a thread that hangs in that one aborts the process when it ends."""

MOST_LINES = 1_000
"""So many wait for a terminal that takes none, as one in which somebody marks text; more are dropped."""

LAST_SECONDS = 1
"""At the end the terminal gets this long to take what is left."""

GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})


class Terminal:
    """Says lines to the person at the terminal, and never waits for it."""

    def __init__(self) -> None:
        """Begin to say what is given to `say`."""
        self._lines: queue.Queue[str | None] = queue.Queue(MOST_LINES)
        self._speaking = threading.Thread(target=self._speak, daemon=True)
        self._speaking.start()

    def say(self, line: str) -> None:
        """Say a line soon; drop it when a thousand wait already."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return

    def close(self) -> None:
        """Wait a moment until all is said."""
        try:
            self._lines.put(None, timeout=LAST_SECONDS)
        except queue.Full:
            return
        self._speaking.join(LAST_SECONDS)

    def _speak(self) -> None:
        is_gone = False
        while (line := self._lines.get()) is not None:
            text = f"{line}\n".encode() if not is_gone else b""
            try:
                while text:
                    text = text[os.write(STDOUT, text) :]
            except OSError as error:
                is_gone = error.errno in GONE
