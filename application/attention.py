"""What needs a person: why, and what can be done about it. Pure functions."""

from collections.abc import Sequence
from datetime import datetime

from application.run import Run
from contracts.ids import saga_id
from contracts.record import Compensation
from contracts.stubs import ORCHESTRATOR_QUEUE, WORKFLOW_TYPE
from contracts.views import Attention, AttentionCause

WEDGED_AFTER = 3
"""A saga whose task has failed so often that it is at this attempt is wedged; one may fail as its worker is ended."""


def of_run(
    order_id: str, run: Run, compensations: Sequence[Compensation] = (), *, is_left_open: bool
) -> Attention | None:
    """Return the need of a person that an order has by the last run of its saga, if it has any.

    `compensations` as far as they are known, which say what keeps failing.
    """
    if is_left_open:
        return left_open(order_id, run.closed_at, forgotten=False)
    if run.closed_at is not None:
        return None
    if run.is_wedged:
        return wedged(order_id, run.wedged_since)
    if not run.is_stuck:
        return None
    failing = [c.command for c in compensations if c.state == "STUCK"]
    trouble = "; ".join(_trouble(command, run) for command in failing)
    paused = any(moment.detail.get("paused") for moment in run.moments)
    return stuck(order_id, run.stuck_since, trouble or None, paused=paused)


def _trouble(command: str, run: Run) -> str:
    """Return what a command keeps failing with, and that somebody paused it, in one sentence."""
    moments = [moment for moment in run.moments if moment.command == command]
    errors = [moment.detail["error"] for moment in moments if "error" in moment.detail]
    errors = errors or [r.trouble for r in run.memo.retriables if f"{r.command}Command" == command]
    pause = (
        moments[-1].detail.get("message") if moments and moments[-1].detail.get("paused") else None
    )
    error = f": {errors[-1]}" if errors else ""
    return f"{command} keeps failing{error}{f'; it is {pause}' if pause else ''}"


def stuck(
    order_id: str,
    since: datetime | None = None,
    trouble: str | None = None,
    *,
    paused: bool = False,
) -> Attention:
    """Return that what must happen keeps failing; `trouble` says what, where that is known, and `paused` that nobody tries."""
    what = (
        trouble
        or "a command that must be obeyed keeps failing: look at the order's compensations for which"
    )
    still = (
        f"It is not tried until somebody runs temporal activity unpause --workflow-id {saga_id(order_id)} --activity-id …; "
        if paused
        else "It is still tried, and nothing more is needed once that is put right; retry tries it now, "
    )
    message = f"{what}. {still}settle ends it by your word"
    return Attention(cause=AttentionCause.STUCK, since=since, message=message)


def wedged(order_id: str, since: datetime | None = None) -> Attention:
    """Return that the saga's own code fails again and again."""
    message = (
        "the orchestrator does not get past a task of this order, so it stands still: its code fails on it, or it hangs. "
        "Nothing is lost: look at the orchestrator's log; once a corrected worker runs, the order goes on by itself. "
        f"Where no worker can read what was answered: {_reset(order_id)}"
    )
    return Attention(cause=AttentionCause.WEDGED, since=since, message=message)


def left_open(order_id: str, since: datetime | None, *, forgotten: bool) -> Attention:
    """Return that nobody works on an order that is open: its saga was ended from outside, or Temporal has `forgotten` it."""
    what = "Temporal has forgotten its saga" if forgotten else "its saga has ended"
    start = (
        f"start it again by hand, with the order as it was: temporal workflow start --type {WORKFLOW_TYPE} "
        f"--task-queue {ORCHESTRATOR_QUEUE} --workflow-id {saga_id(order_id)} --input …"
    )
    reset = f"{_reset(order_id)} takes it up where it stood (--type FirstWorkflowTask where that is refused)"
    message = (
        f"{what}, and it was not through: what was charged or taken from stock until then is kept, and nothing takes it back "
        f"or completes it by itself. {start if forgotten else reset}; then cancel it if it is not wanted"
    )
    return Attention(cause=AttentionCause.LEFT_OPEN, since=since, message=message)


def _reset(order_id: str) -> str:
    return f'temporal workflow reset --workflow-id {saga_id(order_id)} --type LastWorkflowTask --reason "…"'
