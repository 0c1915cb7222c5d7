"""How our processes log: lines with a time, a level and an origin, and one line for a try that failed."""

import copy
import logging

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from temporal_saga.database import DATABASE_AWAY, plainly

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class OneLine(logging.Formatter):
    """Formats records; a failed try of a command in one line: whose, which, the how many-th, and why.

    The traceback follows for what is no trouble with a database, at the first try alone: it would be
    the same seventy lines each time.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        command = getattr(record, "temporal_activity", None)
        error = record.exc_info and record.exc_info[1]
        if command and isinstance(error, Exception):
            record = copy.copy(record)
            what = f"{command['workflow_id']} {command['activity_type']}, try {command['attempt']}"
            record.msg = f"{what} failed: {type(error).__name__}: {plainly(error)}"
            record.args = ()
            if isinstance(error, DATABASE_AWAY) or command["attempt"] > 1:
                record.exc_info = record.exc_text = None
        return super().format(record)


def begin() -> None:
    """Log to the standard error, from INFO on; what Temporal's core has to say, from WARN on, too.

    Called once, before anything connects to Temporal.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(FORM))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"), append_target_to_name=False, prepend_target_on_message=False
    )
    levels = TelemetryFilter(core_level="WARN", other_level="ERROR")
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(levels, forwarding))))
