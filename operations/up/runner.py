"""The process runner of `make up`: supervisord, which outlives whatever becomes of its logs.

As it comes, supervisord dies of a log that it cannot write, because its complaint about that cannot
be written either; it loses descriptors when a log cannot be opened; and between the starts of a part
that does not come up it pauses a second longer each time, without end.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor import loggers, options, process, supervisord  # type: ignore[import-untyped]

LONGEST_PAUSE_SECONDS = 15
"""Between two starts of a part that does not come up."""


class Log(loggers.Handler):  # type: ignore[misc]  # supervisor has no types
    """A log in a file of bounded size, which loses lines rather than the process that writes it.

    While it cannot be written, as on a full disk, lines are left out, and the next that is written
    says how many. Its folder is made again when it was deleted, though not the folder of that.
    """

    def __init__(self, filename: str, _mode: str, most_bytes: int, backups: int) -> None:
        """Write to `filename`; full, it becomes `filename.1`, and so on up to the number of `backups`."""
        super().__init__()
        path = Path(filename).absolute()
        self._files = [path, *(Path(f"{path}.{number}") for number in range(1, backups + 1))]
        self._most_bytes = most_bytes
        self._lost = 0

    def emit(self, record: Any) -> None:
        """Write a record: supervisord's own, or what a part has printed."""
        told = record.msg if self.fmt == "%(message)s" else self.fmt % record.asdict()
        text = told if isinstance(told, bytes) else told.encode()
        note = (
            f"\n({self._lost} lines are missing here: they could not be written)\n"
            if self._lost
            else ""
        )
        try:
            self._append(note.encode() + text)
        except OSError:
            self._lost += text.count(b"\n")
        else:
            self._lost = 0

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
    """A process that is started again after pauses which do not grow without end."""

    backoff: int

    def change_state(self, new_state: int, expected: bool = True) -> Any:  # noqa: FBT002  # as supervisor calls it
        """Enter a state."""
        self.backoff = min(self.backoff, LONGEST_PAUSE_SECONDS - 1)
        return super().change_state(new_state, expected)


class Options(options.ServerOptions):  # type: ignore[misc]
    """Calls the socket by its name in the current folder, as one may have 107 bytes and a folder's more."""

    def openhttpservers(self, supervisor: Any) -> None:
        """Listen at the socket."""
        for server in self.server_configs:
            server["file"] = os.path.relpath(server["file"])
        super().openhttpservers(supervisor)


def main() -> None:
    """Be supervisord, with the arguments of this program."""
    loggers.RotatingFileHandler = Log
    loggers.Handler.handleError = lambda _: (
        None
    )  # whoever read what it prints is gone, or does not read
    process.Subprocess = Part
    supervisord.ServerOptions = Options
    os.set_blocking(sys.stdout.fileno(), False)
    supervisord.main()


if __name__ == "__main__":
    main()
