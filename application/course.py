"""How far each step of a saga has come, and what takes it back. Pure functions.

Which compensations there are, and what is stuck or settled, the saga says in its memo. What was
sent and answered, and how often it was tried, stands in the history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.run import Run
from contracts.record import Compensation, Failure, OrderRecord, Settlement
from contracts.states import FailureReason, OrderStatus, SagaState, StateMove
from contracts.step_views import CommandProgress, StepProgress, StepState
from contracts.steps import OPENING, STEPS, Step, command_of
from temporal_saga.memo import RetriableState

NEEDED_A_PERSON = (StepState.STUCK, StepState.SETTLED)
ENDED_THE_SAGA = (StepState.REFUSED, StepState.UNKNOWN)
IN_TROUBLE = (StepState.RUNNING, StepState.PAUSED, StepState.STUCK, StepState.UNKNOWN)
"""States in which it is told what the last try ended with, if one has."""

ROLLS_BACK = (SagaState.ROLLING_BACK, SagaState.ROLLBACK_STUCK, SagaState.FAILED)


@dataclass(frozen=True)
class Part:
    """One command of a step: its own, or that of what takes it back; `label` is for people."""

    name: str
    label: str
    command: str


@dataclass(frozen=True)
class Row(Part):
    """What is known of a step before it is taken; what its own command is called is its name.

    Args:
        participant: who takes it, and its compensation.
        compensation: what takes it back; None where nothing does.
        after_pivot: whether it cannot be taken back, and is tried until it is done.
        opens_record: whether it opens the saga's record.
        event: says that it took effect; None where no table of steps tells.
        pending_event: says "not yet"; None where nothing does.
        is_optional: whether it is not shown of a saga that does not come to it.
    """

    participant: str
    compensation: Part | None = None
    after_pivot: bool = False
    opens_record: bool = False
    event: str | None = None
    pending_event: str | None = None
    is_optional: bool = False


def _order_row(step: Step) -> Row:
    back = step.compensation
    of = f" of {step.name}" if step.own_name else ""  # several steps may have one activity back
    return Row(
        *(step.name, step.forward.label, step.command, step.participant),
        compensation=Part(f"{back.name}{of}", back.label, back.command) if back else None,
        after_pivot=step.after_pivot,
        opens_record=step is OPENING,
        event=step.event,
        pending_event=step.forward.pending_event,
        is_optional=step.is_optional,
    )


ORDER_ROWS = tuple(map(_order_row, STEPS))
"""The order saga's steps."""


def compensations_of(run: Run) -> tuple[Compensation, ...]:
    """Return what a rollback takes back, in its order; else what is stuck or was settled."""
    every = [_compensation(retriable, run) for retriable in run.memo.retriables]
    return tuple(one for one in every if run.memo.failure or one.state in NEEDED_A_PERSON)


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
    for settlement in filter(None, (r.settlement for r in run.retriables_of(step, command))):
        earlier = [m.command_event for m in moments if m.name == command and m.at <= settlement.at]
        given_up = earlier[-1] if earlier else None
        rounds[given_up] = rounds.get(given_up) or settlement.attempts or 0
    return sum(rounds.values()) or None


def steps_of(
    run: Run,
    compensations: Sequence[Compensation],
    failure: Failure | None,
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
    failure = record.failure
    places = {step.name: place for place, step in enumerate(STEPS)}
    failed_place = places.get(failure.step or "", -1) if failure else -1
    events = {move.cause for move in moves}
    if failure is None or failure.reason != FailureReason.INVALID_ORDER:
        events.add(OPENING.event)  # no other order is on record without it
    compensated_steps = {compensation.step for compensation in record.compensations}

    def state(place: int, step: Step) -> StepState:
        if failure and place == failed_place:
            return StepState.REFUSED if failure.event else StepState.UNKNOWN
        if step.is_optional and step.event not in events:
            return StepState.SKIPPED
        is_told = step.event in events and step.own_name is None  # others may have the same event
        if is_told or place < failed_place or record.status is OrderStatus.CONFIRMED:
            return StepState.DONE
        if step.name in compensated_steps and step is not OPENING:
            return StepState.UNKNOWN
        return StepState.SKIPPED if record.closed_at else StepState.AHEAD

    states = {step.name: state(places[step.name], step) for step in STEPS}
    return _steps(ORDER_ROWS, states, record.compensations, failure)


def _state(row: Row, run: Run, failure: Failure | None) -> StepState:
    """Return how far a step has come by the last that was heard of its command."""
    moments = run.moments_of(row.name, row.command)
    is_open = run.closed_at is None
    if not moments:
        is_needed = row.event is not None and not (row.is_optional or row.after_pivot)
        if run.state is SagaState.COMPLETED and is_needed:
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
    failure: Failure | None,
    run: Run | None = None,
) -> tuple[StepProgress, ...]:
    """Return the steps in these states, with their compensations and what a run tells of both."""
    entries = {(entry.step, entry.command): entry for entry in compensations}
    steps = []
    for row in rows:
        if row.is_optional and states[row.name] in (StepState.AHEAD, StepState.SKIPPED):
            continue
        entry = entries.get((row.name, row.command))
        why = failure.message if failure and failure.step == row.name else None
        progress = _progress(row, row, states[row.name], entry, run, why)
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
