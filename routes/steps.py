"""The saga's table of steps, for whoever draws an order's way through them."""

from fastapi import APIRouter

from contracts.step_views import ActivityView, StepList, StepView
from contracts.steps import OPENING, STEPS, Activity, Step

router = APIRouter(tags=["orders"])


@router.get("/steps")
async def read_steps() -> StepList:
    """Return the steps of an order's saga, in the order in which it takes them.

    The same for every order, as long as this release runs. Before the pivot a saga goes on or rolls
    back; after it, it only goes on.
    """
    return StepList(steps=tuple(_step(step) for step in STEPS))


def _step(step: Step) -> StepView:
    return StepView(
        **_activity(step.forward).model_dump() | {"name": step.name},
        participant=step.participant,
        refusal=step.refusal and step.refusal.__name__,
        compensation=step.compensation and _activity(step.compensation),
        after_pivot=step.after_pivot,
        opens_record=step is OPENING,
    )


def _activity(activity: Activity) -> ActivityView:
    return ActivityView.model_validate(activity, from_attributes=True)
