"""What a person may do to an order, and why not. Pure functions."""

from collections.abc import Sequence

from application.errors import EndedFromOutside, NotPossible, SagaWedged, TooLate
from application.run import Run
from contracts.acts import FIELDS, Act, Review, StuckStep, acts_on
from contracts.decisions import Decision
from contracts.record import Compensation
from contracts.states import SagaState
from contracts.steps import OPENING
from contracts.text import ON_RECORD
from contracts.views import ActView, TimelineEntry


def acts_of(
    run: Run, compensations: Sequence[Compensation], timeline: Sequence[TimelineEntry]
) -> tuple[ActView, ...]:
    """Return every act on an order whose saga runs; where its code fails, it takes none of them."""
    stuck_steps = [
        StuckStep(stuck.step, stuck.settled.by if stuck.settled else None)
        for stuck in compensations
        if stuck.state == "STUCK"
    ]
    wedged = str(SagaWedged()) if run.is_wedged else None
    fails = run.memo.failure is not None
    return tuple(
        ActView(act=act, step=step, fields=FIELDS[act], refusal=wedged or refusal)
        for act, step, refusal in acts_on(run.state, _review(timeline), stuck_steps, fails=fails)
    )


def acts_of_ended(state: SagaState, *, is_closed: bool) -> tuple[ActView, ...]:
    """Return the acts on an order that no saga works on any more, each with why it is not possible.

    Either the order `is_closed`, or its saga was ended from outside.
    """
    why = str(why_ended(state, is_closed=is_closed))
    return tuple(
        ActView(act=act, step=None, fields=FIELDS[act], refusal=why)
        for act in (Act.CANCEL, Act.APPROVE, Act.REJECT)
    )


def why_ended(state: SagaState, *, is_closed: bool, what_helps: str = "") -> NotPossible:
    """Return why nobody takes an act on such an order, and what helps if its saga was ended."""
    return TooLate(state) if is_closed else EndedFromOutside(state, what_helps)


def _review(timeline: Sequence[TimelineEntry]) -> Review:
    """Return how far an order's review has come; of verdicts that were taken the first stands."""
    is_over = any(entry.name == OPENING.event for entry in timeline)
    for entry in timeline:
        is_verdict = entry.kind == "decision" and entry.name in (Act.APPROVE, Act.REJECT)
        if is_verdict and "under_way" not in entry.detail and "reason" in entry.detail:
            decision = Decision.model_validate(entry.detail, context=ON_RECORD)
            return Review(is_over=is_over, verdict=Act(entry.name), decision=decision)
    return Review(is_over=is_over)
