"""What a person may do to an order whose saga runs, and why not. Pure functions."""

from collections.abc import Sequence

from application.errors import SagaWedged
from application.run import Run
from contracts.acts import FIELDS, Act, Review, StuckStep, acts_on
from contracts.decisions import Decision
from contracts.record import Compensation
from contracts.steps import OPENING
from contracts.text import ON_RECORD
from contracts.views import ActView, TimelineEntry


def acts_of(
    run: Run, compensations: Sequence[Compensation], timeline: Sequence[TimelineEntry]
) -> tuple[ActView, ...]:
    """Return every act on an open order; a saga whose code fails takes none of them."""
    stuck_steps = [
        StuckStep(stuck.step, stuck.settled.by if stuck.settled else None)
        for stuck in compensations
        if stuck.state == "STUCK"
    ]
    wedged = str(SagaWedged()) if run.is_wedged else None
    return tuple(
        ActView(act=act, step=step, fields=FIELDS[act], refusal=wedged or refusal)
        for act, step, refusal in acts_on(run.state, _review(timeline), stuck_steps)
    )


def _review(timeline: Sequence[TimelineEntry]) -> Review:
    """Return how far an order's review has come; of verdicts that were taken the first stands."""
    is_over = any(entry.name == OPENING.event for entry in timeline)
    for entry in timeline:
        is_verdict = entry.kind == "decision" and entry.name in (Act.APPROVE, Act.REJECT)
        if is_verdict and "under_way" not in entry.detail and "reason" in entry.detail:
            decision = Decision.model_validate(entry.detail, context=ON_RECORD)
            return Review(is_over=is_over, verdict=Act(entry.name), decision=decision)
    return Review(is_over=is_over)
