"""How our processes log: a line per record, with a time, a level and an origin."""

import copy
import logging
from types import TracebackType

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from contracts.text import cleaned
from temporal_saga.database import DATABASE_AWAY, plainly
from temporal_saga.step_names import step_of

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class OneLine(logging.Formatter):
    """Formats a record as one line; a failed try of a command with its saga, number and reason.

    A traceback follows the record, each line of it indented. A failed try has one only at the first
    attempt, and none for trouble with a database: it would be the same seventy lines each time.

    Records repeat ids, messages and errors that others wrote. They are cleaned: none of them can
    begin a line of its own, or send a control sequence to a terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        command = getattr(record, "temporal_activity", None)
        error = record.exc_info and record.exc_info[1]
        if command and isinstance(error, Exception):
            record = copy.copy(record)
            step = step_of(command.get("activity_id", ""))
            name = f"{command['activity_type']} of {step}" if step else command["activity_type"]
            what = f"{command['workflow_id']} {name}, try {command['attempt']}"
            record.msg = f"{what} failed: {type(error).__name__}: {plainly(error)}"
            record.args = ()
            if isinstance(error, DATABASE_AWAY) or command["attempt"] > 1:
                record.exc_info = record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging calls it so
        """Return the line of a record."""
        return cleaned(super().formatMessage(record))

    def formatException(self, ei: Raised) -> str:  # noqa: N802  # likewise
        """Return the traceback's lines, indented."""
        return "\n".join(f"  {cleaned(line)}" for line in super().formatException(ei).splitlines())


def begin() -> None:
    """Log to standard error from INFO on, and the messages of Temporal's core from WARN on.

    Called once, before anything connects to Temporal.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(FORM))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
    )
    levels = TelemetryFilter(core_level="WARN", other_level="ERROR")
    Runtime.set_default(
        Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(levels, forwarding)))
    )
