"""How far the review of an order has come: read from its timeline, and from nowhere else.

The saga's states say when a review began and how it ended, and a decision that it took says who
ended it. Both stand in Temporal's history, and in the order's record once that is forgotten. Pure
functions.
"""

from collections.abc import Sequence

from contracts.acts import Act
from contracts.decisions import Decision
from contracts.prose import approval
from contracts.record import OrderRecord
from contracts.states import FailureReason, SagaState
from contracts.step_views import ReviewProgress, StepState
from contracts.text import ON_RECORD
from contracts.views import TimelineEntry


def verdict_of(timeline: Sequence[TimelineEntry]) -> tuple[Act, Decision] | None:
    """Return what a person decided, and who; of verdicts that the saga took the first stands."""
    for entry in timeline:
        is_verdict = entry.kind == "decision" and entry.name in (Act.APPROVE, Act.REJECT)
        if is_verdict and "under_way" not in entry.detail and "reason" in entry.detail:
            return Act(entry.name), Decision.model_validate(entry.detail, context=ON_RECORD)
    return None


def review_of(timeline: Sequence[TimelineEntry], record: OrderRecord) -> ReviewProgress | None:
    """Return the review as a place among the steps; None of an order that had none, so far."""
    states = [entry.name for entry in timeline if entry.kind == "state"]
    if SagaState.AWAITING_REVIEW not in states:
        return None
    following = states[states.index(SagaState.AWAITING_REVIEW) + 1 :]
    if not following:
        return ReviewProgress(state=StepState.WAITING, message=None)
    if following[0] == SagaState.PENDING:
        verdict = verdict_of(timeline)
        return ReviewProgress(state=StepState.DONE, message=verdict and approval(verdict[1]))
    failure = record.failure
    is_rejected = failure is not None and failure.reason == FailureReason.REJECTED
    state = StepState.REFUSED if is_rejected else StepState.SKIPPED
    return ReviewProgress(state=state, message=failure and failure.message)
