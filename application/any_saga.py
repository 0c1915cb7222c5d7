"""A saga of any type, put together from what Temporal remembers. Pure functions."""

import re
from collections.abc import Sequence
from dataclasses import replace

from temporalio.client import WorkflowExecutionStatus

from application.course import Part, Row, compensations_of, steps_of
from application.run import Run
from application.timeline import timeline_of
from contracts.record import Compensation
from contracts.saga_views import SagaActView, SagaView
from contracts.step_views import StepState
from contracts.steps import command_of
from temporal_saga.acts import CANCEL, acts_at, cannot_cancel
from temporal_saga.plan import PlannedStep
from temporal_saga.state import NEEDS_ATTENTION, STATE, State

ENDED_FROM_OUTSIDE = frozenset({"TERMINATED", "TIMED_OUT", "CANCELED"})
"""A workflow's status when its saga was not through: nobody takes anything back any more."""

SENT = frozenset(StepState) - {StepState.AHEAD, StepState.SKIPPED}


def view_of(workflow_id: str, run: Run, plan: Sequence[PlannedStep] = ()) -> SagaView:
    """Return a saga as people see it.

    Args:
        workflow_id: of the saga's workflow.
        run: its last run, with the story of all.
        plan: its steps, as far as they are known otherwise than from the story.
    """
    if NEEDS_ATTENTION.name not in run.attributes:
        # Without it the memo alone tells what is stuck, and the history what was answered since.
        run = replace(run, attributes={**run.attributes, NEEDS_ATTENTION.name: True})
    compensations = compensations_of(run)
    backward = [entry for entry in compensations if not _is_forward(entry, plan)]
    steps = steps_of(run, compensations, run.failure, _rows(run, plan, backward))
    stuck_steps = [entry.step for entry in compensations if entry.state == StepState.STUCK]
    status = WorkflowExecutionStatus(run.status).name
    was_cut_off = status in ENDED_FROM_OUTSIDE
    is_past_pivot = any(step.after_pivot and step.state in SENT for step in steps)
    state = _state(
        run,
        is_over=bool(run.closed_at) and not was_cut_off,
        has_failed=status == "FAILED" and not is_past_pivot,
        stuck_steps=stuck_steps,
    )
    if is_past_pivot and state == State.PENDING:
        state = State.COMPLETED
    is_in_trouble = run.closed_at is None and bool(stuck_steps or run.is_wedged)
    return SagaView(
        workflow_id=workflow_id,
        workflow_type=run.workflow_type,
        state=state,
        status=status,
        started_at=run.started_at,
        closed_at=run.closed_at,
        needs_attention=was_cut_off or is_in_trouble,
        failure=run.failure,
        steps=steps,
        acts=_acts(run, stuck_steps, is_past_pivot=is_past_pivot or state == State.COMPLETED),
        timeline=timeline_of(run.moments),
    )


def _acts(run: Run, stuck_steps: Sequence[str], *, is_past_pivot: bool) -> tuple[SagaActView, ...]:
    """Return what a saga would take now: where its code fails, it takes nothing."""
    if run.closed_at or run.is_wedged:
        return ()
    too_late = cannot_cancel(fails=run.memo.failure is not None, is_past_pivot=is_past_pivot)
    acts = [(CANCEL, None, too_late), *acts_at(stuck_steps, run.memo.retriables)]
    return tuple(
        SagaActView(signal=act.name, step=step, fields=act.fields)
        for act, step, refusal in acts
        if refusal is None
    )


def _state(run: Run, *, is_over: bool, has_failed: bool, stuck_steps: Sequence[str]) -> str:
    """Return the state that a saga shows; of one that shows none, what its history tells."""
    if state := run.attributes.get(STATE.name):
        return str(state)
    if run.memo.failure is None:
        if has_failed:
            return State.FAILED
        return State.COMPLETED if is_over else State.PENDING
    if is_over:
        return State.FAILED
    return State.ROLLBACK_STUCK if stuck_steps else State.ROLLING_BACK


def _is_forward(entry: Compensation, plan: Sequence[PlannedStep]) -> bool:
    """Tell whether what must eventually succeed is a step itself, and takes none back."""
    forward = {row.step: command_of(row.command) for row in plan}
    return entry.command == forward.get(entry.step, command_of(entry.step))


def _rows(run: Run, plan: Sequence[PlannedStep], backward: Sequence[Compensation]) -> list[Row]:
    """Return the steps of one saga, in order: those that are planned, and those that were sent."""
    planned_steps = {row.step: row for row in plan}
    ways_back = {entry.command for entry in backward}
    ways_back |= {command_of(row.compensation) for row in plan if row.compensation}
    for moment in run.moments:
        if moment.kind == "command" and moment.name not in ways_back:
            activity = moment.name.removesuffix("Command")
            step = moment.step or activity
            sent_step = PlannedStep(step, activity, moment.participant or "")
            planned_steps.setdefault(step, sent_step)
    entries = {entry.step: entry.command for entry in reversed(backward)}
    return [
        Row(
            *(row.step, in_words(row.step), command_of(row.command), row.participant),
            compensation=_way_back(entries[row.step]) if row.step in entries else None,
            after_pivot=row.after_pivot,
        )
        for row in planned_steps.values()
    ]


def _way_back(command: str) -> Part:
    name = command.removesuffix("Command")
    return Part(name, in_words(name), command)


def in_words(name: str) -> str:
    """Return a name such as `BookFlight` as people read it: `Book flight`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return words[:1] + re.sub(r"(?<= )[A-Z](?=[a-z])", lambda match: match[0].lower(), words[1:])
