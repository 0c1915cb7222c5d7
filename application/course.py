"""How far each step of a saga has come, and what takes it back. Pure functions.

Which compensations there are, and what is stuck or settled, the saga says in its memo. What was
sent and answered, and how often it was tried, stands in the history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.run import Run
from contracts.record import Compensation, Failure, OrderRecord, Settlement
from contracts.saga_views import SagaFailureView
from contracts.states import FailureReason, OrderStatus, SagaState, StateMove
from contracts.step_views import CommandProgress, StepProgress, StepState
from contracts.steps import OPENING, STEPS, Activity, Step, command_of
from temporal_saga.memo import RetriableState

NEEDED_A_PERSON = (StepState.STUCK, StepState.SETTLED)
ENDED_THE_SAGA = (StepState.REFUSED, StepState.UNKNOWN)
IN_TROUBLE = (StepState.RUNNING, StepState.PAUSED, StepState.STUCK, StepState.UNKNOWN)
"""States in which it is told what the last try ended with, if one has."""

NOT_TAKEN = (StepState.AHEAD, StepState.SKIPPED)

ROLLS_BACK = (SagaState.ROLLING_BACK, SagaState.ROLLBACK_STUCK, SagaState.FAILED)


@dataclass(frozen=True)
class Part:
    """One command of a step: its own, or that of what takes it back.

    Args:
        name: what it is called.
        label: what people call it.
        command: the command's name.
    """

    name: str
    label: str
    command: str


@dataclass(frozen=True)
class Row:
    """What is known of a step before it is taken.

    Args:
        forward: its own command; what that is called is the step's name.
        participant: who takes it, and its compensation.
        compensation: what takes it back; None where nothing does.
        after_pivot: whether it cannot be taken back, and is tried until it is done.
        opens_record: whether it opens the saga's record.
        event: says that it took effect; None where that is known of each answer alone.
        pending_event: says "not yet"; None where nothing does.
        is_optional: whether it is not shown of a saga that does not come to it.
        always_taken: whether no saga completes without it.
    """

    forward: Part
    participant: str
    compensation: Part | None = None
    after_pivot: bool = False
    opens_record: bool = False
    event: str | None = None
    pending_event: str | None = None
    is_optional: bool = False
    always_taken: bool = False

    @property
    def name(self) -> str:
        """The step's name."""
        return self.forward.name


def _order_row(step: Step) -> Row:
    return Row(
        forward=Part(step.name, step.forward.label, step.command),
        participant=step.participant,
        compensation=_way_back(step, step.compensation) if step.compensation else None,
        after_pivot=step.after_pivot,
        opens_record=step is OPENING,
        event=step.event,
        pending_event=step.forward.pending_event,
        is_optional=step.is_optional,
        always_taken=not step.is_optional,
    )


def _way_back(step: Step, activity: Activity) -> Part:
    """Return what takes a step back; several steps may have one activity for that."""
    name = f"{activity.name} of {step.name}" if step.own_name else activity.name
    return Part(name, activity.label, activity.command)


ORDER_ROWS = tuple(map(_order_row, STEPS))
"""The order saga's steps."""


def compensations_of(run: Run) -> tuple[Compensation, ...]:
    """Return what a rollback takes back, in its order; else what is stuck or was settled."""
    compensations = [_compensation(retriable, run) for retriable in run.memo.retriables]
    if run.memo.failure is None:
        compensations = [one for one in compensations if one.state in NEEDED_A_PERSON]
    return tuple(compensations)


def _compensation(retriable: RetriableState, run: Run) -> Compensation:
    """Return how far a compensation has come; one that closes the record may be stuck when settled.

    The memo does not say that something stuck was answered in the end: the history does.
    """
    command = command_of(retriable.command)
    moments = run.moments_of(retriable.step, command)
    event = moments[-1] if moments and moments[-1].kind == "event" else None
    progress = StepState(retriable.progress)
    if progress is StepState.STUCK and run.is_stuck and event is None:
        state = StepState.STUCK
    elif retriable.settlement is not None:
        state = StepState.SETTLED
    elif event or progress in (StepState.STUCK, StepState.DONE):
        state = StepState.DONE
    else:
        state = StepState.RUNNING if moments else StepState.WAITING
    answer = event if event and event.detail and state is StepState.DONE else None
    return Compensation(
        step=retriable.step,
        command=command,
        state=state.value,
        attempts=tries_of(retriable.step, command, run),
        settled=retriable.settlement and Settlement.model_validate(vars(retriable.settlement)),
        answer=answer and answer.detail,
        answered_at=answer and answer.at,
    )


def tries_of(step: str, command: str, run: Run) -> int | None:
    """Return how often a step's command was tried: in every round, and in the one under way.

    The history says nothing of the tries of a round that ended with a settlement: the settlement
    has their number. None when no try is known.
    """
    moments = run.moments_of(step, command)
    rounds = {moment.command_event: moment.attempt or 0 for moment in moments}
    for settlement in (retriable.settlement for retriable in run.retriables_of(step, command)):
        if settlement is None or not settlement.attempts:
            continue
        before = [m for m in moments if m.name == command and m.at <= settlement.at]
        given_up = before[-1].command_event if before else None
        rounds[given_up] = rounds.get(given_up) or settlement.attempts
    return sum(rounds.values()) or None


def steps_of(
    run: Run,
    compensations: Sequence[Compensation],
    failure: Failure | SagaFailureView | None,
    rows: Sequence[Row] = ORDER_ROWS,
) -> tuple[StepProgress, ...]:
    """Return how far each step has come, by what was sent and answered.

    Args:
        run: the saga's, with its story.
        compensations: what is taken back, or stuck.
        failure: why the saga fails; None when it does not.
        rows: the saga's steps.
    """
    states = {row.name: _state(row, run, failure) for row in rows}
    return _steps(rows, states, compensations, failure, run)


def steps_on_record(record: OrderRecord, moves: Sequence[StateMove]) -> tuple[StepProgress, ...]:
    """Return likewise what the record alone tells, once Temporal has forgotten the saga.

    It names the step that failed, those that are taken back, and the events that moved the saga.
    """
    names = [step.name for step in STEPS]
    failure = record.failure
    failed_place = names.index(failure.step) if failure and failure.step in names else -1
    events = {move.cause for move in moves}
    if failure is None or failure.reason != FailureReason.INVALID_ORDER:
        events.add(OPENING.event)  # no other order is on record without it
    compensated_steps = {compensation.step for compensation in record.compensations}

    def state(place: int, step: Step) -> StepState:
        if place == failed_place and failure is not None:
            return StepState.REFUSED if failure.event else StepState.UNKNOWN
        is_confirmed = record.status is OrderStatus.CONFIRMED
        is_told = step.event in events and step.own_name is None  # others may have the same event
        if step.is_optional and step.event not in events:
            return StepState.SKIPPED
        if is_confirmed or place < failed_place or is_told:
            return StepState.DONE
        if step.name in compensated_steps and step is not OPENING:
            return StepState.UNKNOWN
        return StepState.SKIPPED if record.closed_at else StepState.AHEAD

    states = {step.name: state(place, step) for place, step in enumerate(STEPS)}
    return _steps(ORDER_ROWS, states, record.compensations, failure)


def _state(row: Row, run: Run, failure: Failure | SagaFailureView | None) -> StepState:
    """Return how far a step has come by the last that was heard of its command."""
    moments = run.moments_of(row.name, row.forward.command)
    is_open = run.closed_at is None
    if not moments:
        if run.state is SagaState.COMPLETED and row.always_taken and not row.after_pivot:
            return StepState.DONE  # in an earlier run
        is_over = not is_open or run.state in ROLLS_BACK or failure is not None
        return StepState.SKIPPED if is_over else StepState.AHEAD
    last = moments[-1]
    if last.kind == "command" or (row.pending_event and last.name == row.pending_event):
        return StepState.RUNNING if is_open else StepState.UNKNOWN
    if last.refuses or (failure and failure.event and failure.step == row.name):
        return StepState.REFUSED
    if last.kind != "event":
        return StepState.UNKNOWN
    return StepState.DONE if row.event in (None, last.name) else StepState.REFUSED


def _steps(
    rows: Sequence[Row],
    states: Mapping[str, StepState],
    compensations: Sequence[Compensation],
    failure: Failure | SagaFailureView | None,
    run: Run | None = None,
) -> tuple[StepProgress, ...]:
    """Return the steps in these states, with their compensations and what a run tells of both."""
    entries = {(entry.step, entry.command): entry for entry in compensations}
    steps = []
    for row in rows:
        if row.is_optional and states[row.name] in NOT_TAKEN:
            continue
        entry = entries.get((row.name, row.forward.command))
        why = failure.message if failure and failure.step == row.name else None
        progress = _progress(row, row.forward, states[row.name], entry, run, why)
        back = row.compensation
        back_entry = back and entries.get((row.name, back.command))
        steps.append(
            StepProgress(
                **vars(progress),
                step=row.name,
                after_pivot=row.after_pivot,
                opens_record=row.opens_record,
                compensation=back
                and back_entry
                and _progress(row, back, StepState(back_entry.state), back_entry, run),
            )
        )
    return tuple(steps)


def _progress(
    row: Row,
    part: Part,
    state: StepState,
    entry: Compensation | None,
    run: Run | None,
    why: str | None = None,
) -> CommandProgress:
    """Return how far a command has come; `why` it failed, where nothing nearer tells."""
    pause = run and run.pause_of(row.name, part.command)
    if entry is not None and entry.state in NEEDED_A_PERSON:
        state = StepState(entry.state)
    elif state is StepState.RUNNING and pause:
        state = StepState.PAUSED
    error = run and run.error_of(row.name, part.command) if state in IN_TROUBLE else None
    return CommandProgress(
        name=part.name,
        label=part.label,
        participant=row.participant,
        state=state,
        attempts=entry.attempts if entry else run and tries_of(row.name, part.command, run),
        message=error or (why if state in ENDED_THE_SAGA else None),
        paused=pause,
        settled=entry and entry.settled,
    )
