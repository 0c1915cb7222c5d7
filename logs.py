"""What our processes log: a line for each record, whatever somebody wrote that stands in it."""

import logging
from types import TracebackType

from contracts.text import cleaned

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """Spells out what would begin another line, or do something in a terminal.

    Workflow ids, messages and errors that others send stand in our records: none of them can forge
    one. Where an error has a traceback it follows, each line of it indented.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging calls it so
        """Return the line of a record."""
        return cleaned(super().formatMessage(record))

    def formatException(self, ei: Raised) -> str:  # noqa: N802  # likewise
        """Return the lines of what was raised."""
        return "\n".join(f"  {cleaned(line)}" for line in super().formatException(ei).splitlines())


def begin() -> None:
    """Log on standard error, from now on, what is worth to be known."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(FORM))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
