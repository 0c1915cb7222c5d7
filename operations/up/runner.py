"""The process runner of `make up`: supervisord with three classes of our own.

Without them supervisord dies of a log that it cannot write, because it cannot log that error
either; it loses descriptors when a log cannot be opened; its pause between the starts of a part
that does not come up grows by a second each time, without end; and a part that is stopped at the
moment it is started runs on.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor import loggers, options, process, supervisord  # type: ignore[import-untyped]

LONGEST_PAUSE_SECONDS = 15
"""Between two starts of a part that does not come up."""

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""The signals that supervisord handles, and by which a part may be stopped."""


class Log(loggers.Handler):  # type: ignore[misc]  # supervisor has no types
    """A log in a file of bounded size, which drops lines rather than end the process.

    While it cannot be written, as on a full disk, lines are dropped, and the next line that is
    written says how many. Its folder is made again when it was deleted, but not the folder above.
    """

    def __init__(self, filename: str, _mode: str, most_bytes: int, backups: int) -> None:
        """Write to `filename`; when full it becomes `filename.1`, and so on up to `backups`."""
        super().__init__()
        path = Path(filename).absolute()
        self._files = [path, *(Path(f"{path}.{number}") for number in range(1, backups + 1))]
        self._most_bytes = most_bytes
        self._missing_lines = 0

    def emit(self, record: Any) -> None:
        """Write a record: supervisord's own, or what a part has printed."""
        line = record.msg if self.fmt == "%(message)s" else self.fmt % record.asdict()
        text = line if isinstance(line, bytes) else line.encode()
        note = (
            f"\n({self._missing_lines} lines are missing here: they could not be written)\n"
            if self._missing_lines
            else ""
        )
        try:
            self._append(note.encode() + text)
        except OSError:
            self._missing_lines += text.count(b"\n")
        else:
            self._missing_lines = 0

    def close(self) -> None:
        """Do nothing, as nothing is kept open."""

    reopen = close

    def remove(self) -> None:
        """Delete the file."""
        self._files[0].unlink(missing_ok=True)

    def _append(self, text: bytes) -> None:
        path = self._files[0]
        path.parent.mkdir(exist_ok=True)
        with path.open("ab", buffering=0) as file:
            while text:
                text = text[file.write(text) or 0 :]
            is_full = file.tell() >= self._most_bytes
        if is_full:
            for newer, older in reversed([*zip(self._files, self._files[1:], strict=False)]):
                with suppress(FileNotFoundError):
                    newer.replace(older)


class Part(process.Subprocess):  # type: ignore[misc]
    """A process that is started again after pauses of bounded length, and can be stopped at once.

    Until it is its own program it is a copy of supervisord, whose handlers would take a signal that
    stops it, and forget it: it would run on until `stopwaitsecs` are over.
    """

    backoff: int

    def spawn(self) -> Any:
        """Start the process; what is sent to it before its program runs ends it."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            return super().spawn()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _spawn_as_child(self, filename: str, argv: Any) -> None:
        for number in STOPS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        super()._spawn_as_child(filename, argv)

    def change_state(self, new_state: int, expected: bool = True) -> Any:  # noqa: FBT002
        """Enter a state; the signature is supervisor's."""
        self.backoff = min(self.backoff, LONGEST_PAUSE_SECONDS - 1)
        return super().change_state(new_state, expected)


class Options(options.ServerOptions):  # type: ignore[misc]
    """Names the socket relative to the current folder: a socket's path may have 107 bytes."""

    def openhttpservers(self, supervisor: Any) -> None:
        """Listen at the socket."""
        for server in self.server_configs:
            server["file"] = os.path.relpath(server["file"])
        super().openhttpservers(supervisor)


def main() -> None:
    """Be supervisord, with the arguments of this program."""
    loggers.RotatingFileHandler = Log
    # Whoever read its output is gone, or does not read.
    loggers.Handler.handleError = lambda _: None
    process.Subprocess = Part
    supervisord.ServerOptions = Options
    os.set_blocking(sys.stdout.fileno(), False)
    supervisord.main()


if __name__ == "__main__":
    main()
