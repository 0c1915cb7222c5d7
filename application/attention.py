"""What needs a person: why, and what can be done about it. Pure functions."""

from datetime import datetime

from application.command_line import WHERE, temporal_command
from application.course import compensations_of
from application.run import Run
from contracts.acts import cannot_cancel
from contracts.ids import saga_id
from contracts.record import Compensation
from contracts.states import SagaState
from contracts.steps import belongs
from contracts.stubs import ORCHESTRATOR_QUEUE, WORKFLOW_TYPE
from contracts.views import Attention, AttentionCause
from temporal_saga.memo import cut

MOST_ERROR = 200
"""Characters of what a command keeps failing with; the order's steps have all of it."""


def of_run(order_id: str, run: Run, *, is_left_open: bool) -> Attention | None:
    """Return the need of a person that an order has by the last run of its saga, if it has any."""
    if is_left_open:
        return left_open(order_id, run)
    if run.closed_at is not None:
        return None
    if run.is_wedged:
        return need_of_wedged(order_id, run.wedged_since)
    if not run.is_stuck:
        return None
    failing = [
        compensation for compensation in compensations_of(run) if compensation.state == "STUCK"
    ]
    trouble = "; ".join(_trouble(compensation, run) for compensation in failing)
    return need_of_stuck(order_id, run, trouble or None)


def _trouble(failing: Compensation, run: Run) -> str:
    """Return what a command keeps failing with, and that somebody paused it, in one sentence."""
    error = run.error_of(failing.step, failing.command)
    pause = run.pause_of(failing.step, failing.command)
    why = f": {cut(error, MOST_ERROR)}" if error else ""
    own_name = "" if belongs(failing.step, failing.command, None) else f" of {failing.step}"
    return f"{failing.command}{own_name} keeps failing{why}{f'; it is {pause}' if pause else ''}"


def need_of_stuck(order_id: str, run: Run, trouble: str | None = None) -> Attention:
    """Return that what must happen keeps failing, or is paused, and what helps.

    `trouble` says what it is, where that is known.
    """
    what = trouble or (
        "a command that must succeed keeps failing: the order's compensations say which"
    )
    if run.is_paused:
        message = f"{what}. {_unpause(order_id, run)}, or retry begins another round of tries, "
    else:
        message = (
            f"{what}. It is still tried, and nothing more is needed once that is put right; "
            "retry tries it now, "
        )
    message += f"settle ends it as put right by hand{f' ({WHERE})' if run.paused_ids else ''}"
    return Attention(cause=AttentionCause.STUCK, since=run.stuck_since, message=message)


def _unpause(order_id: str, run: Run) -> str:
    """Return that somebody paused a command, and how it goes on."""
    pause = "An operator paused it, so it is not tried"
    ids = run.paused_ids
    if not ids:
        return f"{pause}: the order by itself says with which command it goes on"
    commands = [
        temporal_command(f"activity unpause --workflow-id {saga_id(order_id)} --activity-id {id_}")
        for id_ in ids
    ]
    return f"{pause}: {' and '.join(commands)} lets it go on"


def need_of_wedged(order_id: str, since: datetime | None = None) -> Attention:
    """Return that the saga's own code fails again and again."""
    message = (
        "the orchestrator does not get past a task of this order, so it stands still: its code "
        "fails on it, or it hangs. Nothing is lost: look at the orchestrator's log; once a "
        "corrected worker runs, the order goes on by itself. "
        f"Where no worker can read what was answered: {_reset(order_id)} ({WHERE})"
    )
    return Attention(cause=AttentionCause.WEDGED, since=since, message=message)


def left_open(order_id: str, run: Run | None) -> Attention:
    """Return that an order is open and no saga works on it any more.

    Its saga was ended from outside, and `run` was its last; or Temporal has forgotten it, as its
    retention is over.
    """
    what = "its saga has ended" if run else "Temporal has forgotten its saga"
    start = temporal_command(
        f"workflow start --type {WORKFLOW_TYPE} --task-queue {ORCHESTRATOR_QUEUE} "
        f"--workflow-id {saga_id(order_id)} --input-file order.json"
    )
    again = f"{start} starts it again, where order.json has the order as it was"
    reset = (
        f"{_reset(order_id)} takes it up where it stood "
        "(with --type FirstWorkflowTask where that is refused)"
    )
    message = (
        f"{what}, and it was not through: what was charged or taken from stock until then is kept, "
        "and nothing takes it back or completes it by itself. "
        f"{reset if run else again}; {_afterwards(run)} ({WHERE})"
    )
    since = run and run.closed_at
    return Attention(cause=AttentionCause.LEFT_OPEN, since=since, message=message)


def _afterwards(run: Run | None) -> str:
    """Return what becomes of an order once its saga goes on, and whether it can be cancelled."""
    if run is None or not cannot_cancel(run.state, fails=run.memo.failure is not None):
        return "then cancel it if it is not wanted"
    if run.state is SagaState.COMPLETED:
        return "then it is completed: it is past its pivot, and cannot be cancelled"
    return "then what it did is taken back: it fails already, and need not be cancelled"


def _reset(order_id: str) -> str:
    return temporal_command(
        f"workflow reset --workflow-id {saga_id(order_id)} --type LastWorkflowTask "
        '--reason "by an operator"'
    )
