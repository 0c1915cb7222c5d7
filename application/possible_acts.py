"""What a person may do to an order whose saga runs, and why not. Pure functions."""

from collections.abc import Sequence

from application.errors import SagaWedged
from application.run import Run
from contracts.acts import FIELDS, StuckStep, acts_on
from contracts.record import Compensation
from contracts.views import ActView


def acts_of(run: Run, compensations: Sequence[Compensation]) -> tuple[ActView, ...]:
    """Return every act on an open order; a saga whose code fails takes none of them."""
    stuck_steps = [
        StuckStep(stuck.step, stuck.settled.by if stuck.settled else None)
        for stuck in compensations
        if stuck.state == "STUCK"
    ]
    wedged = str(SagaWedged()) if run.is_wedged else None
    return tuple(
        ActView(act=act, step=step, fields=FIELDS[act], refusal=wedged or refusal)
        for act, step, refusal in acts_on(run.state, stuck_steps)
    )
