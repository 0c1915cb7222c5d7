"""How far the compensations of an order have come, and in how many tries. Pure functions.

Which there are, and which are stuck or settled, the saga says in its memo. What was sent and
answered, and how often it was tried, stands in the history.
"""

from collections.abc import Sequence

from application.run import Run
from contracts.record import Compensation
from contracts.states import CLOSED
from contracts.steps import command_of
from temporal_saga.memo import RetriableState
from temporal_saga.moment import Moment


def compensations_of(run: Run) -> tuple[Compensation, ...]:
    """Return what a rollback takes back, in its order; else what is stuck or was settled."""
    compensations = [_compensation(retriable, run) for retriable in run.memo.retriables]
    if run.memo.failure is None:
        compensations = [
            compensation for compensation in compensations if compensation.state in _NEEDED_A_PERSON
        ]
    return tuple(compensations)


_NEEDED_A_PERSON = frozenset({"STUCK", "SETTLED"})


def tries_of(command: str, run: Run) -> int | None:
    """Return how often a command was tried: in every round of tries, and in the one under way.

    The history says nothing of the tries of a round that ended with a settlement: the settlement
    has their number. None when no try is known.
    """
    rounds = {m.command_event: m.attempt or 0 for m in run.moments if m.command == command}
    retriables = [r for r in run.memo.retriables if command_of(r.command) == command]
    for settlement in (retriable.settlement for retriable in retriables):
        if settlement is None or not settlement.attempts:
            continue
        before = [m for m in run.moments if m.name == command and m.at <= settlement.at]
        given_up = before[-1].command_event if before else None
        rounds[given_up] = rounds.get(given_up) or settlement.attempts
    return sum(rounds.values()) or None


def _compensation(retriable: RetriableState, run: Run) -> Compensation:
    command = command_of(retriable.command)
    moments = [moment for moment in run.moments if moment.command == command]
    return Compensation.model_validate(
        {
            "step": retriable.step,
            "command": command,
            "state": _state(retriable, run, moments),
            "attempts": tries_of(command, run),
            "settled": retriable.settlement and vars(retriable.settlement),
        }
    )


def _state(retriable: RetriableState, run: Run, moments: Sequence[Moment]) -> str:
    """Return how far a compensation has come; one that closes the record may be stuck when settled.

    The memo does not say that something stuck was answered in the end: the history does.
    """
    is_closed = run.closed_at is not None and run.state in CLOSED
    is_answered = bool(moments) and moments[-1].kind == "event"
    if retriable.progress == "STUCK" and run.is_stuck and not is_answered and not is_closed:
        return "STUCK"
    if retriable.settlement is not None:
        return "SETTLED"
    if is_answered or is_closed or retriable.progress == "DONE":
        return "DONE"
    return "RUNNING" if moments else "WAITING"
