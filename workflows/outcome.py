"""How an order's saga ends, for those who read Temporal, and for those who read log files."""

import logging
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from workflows.record import Record

LOG = workflow.LoggerAdapter(logging.getLogger("order"), None)
"""Says nothing while a run is replayed."""

LOG.workflow_info_on_message = False  # the line has the order's id

OUTAGES = ("STEP_UNAVAILABLE", "DEADLINE_EXCEEDED")
"""The reasons that are no business of the order's."""


def outcome(record: Record) -> dict[str, Any]:
    """Return the completed order, or raise what shows the failed one red in the Web UI.

    One line in the log says it as well: the order's id, state, reason, and the time since it was
    placed, in whichever of its runs.

    Raises:
        ApplicationError: of type `OrderFailed`; its details hold the Failure.
    """
    failure = record.failure
    seconds = (workflow.now() - record.placed_at).total_seconds()
    why = f" {failure.reason}" if failure else ""
    LOG.info("%s %s%s in %.1f s", record.order_id, record.state, why, seconds)
    settlements = record.settlements()
    if failure is None:
        order = {"order_id": record.order_id, "state": record.state}
        return order | ({"settled": settlements} if settlements else {})
    is_outage = failure.reason in OUTAGES
    raise ApplicationError(
        f"{failure.reason}: {failure.message}",
        failure.model_dump(mode="json"),
        *([settlements] if settlements else []),
        type="OrderFailed",
        category=ApplicationErrorCategory.UNSPECIFIED
        if is_outage
        else ApplicationErrorCategory.BENIGN,
    )
