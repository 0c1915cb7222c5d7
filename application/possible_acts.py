"""What a person may do to an order, and why not. Pure functions."""

from collections.abc import Iterable, Sequence

from application.caller import Caller
from application.errors import EndedFromOutside, NotPossible, SagaWedged, TooLate
from application.review import verdict_of
from application.run import Run
from contracts.acts import FIELDS, Act, Review, cannot_cancel, cannot_review
from contracts.record import Compensation, OrderRecord
from contracts.states import FailureReason, SagaState
from contracts.step_views import StepProgress, StepState
from contracts.steps import OPENING
from contracts.views import ActView, TimelineEntry


def acts_of(
    run: Run,
    compensations: Sequence[Compensation],
    steps: Sequence[StepProgress],
    timeline: Sequence[TimelineEntry],
) -> tuple[ActView, ...]:
    """Return every act on an order whose saga runs; where its code fails, it takes none of them."""
    fails = run.memo.failure is not None
    verdict, decision = verdict_of(timeline) or (None, None)
    # Once its record is open it is known whether the order needs a review.
    is_over = {step.step: step.state for step in steps}[OPENING.name] is StepState.DONE
    review = Review(is_over=is_over, verdict=verdict, decision=decision)
    not_to_review = cannot_review(run.state, review, fails=fails)
    acts: list[tuple[Act, str | None, str | None]] = [
        (Act.CANCEL, None, cannot_cancel(run.state, fails=fails)),
        (Act.APPROVE, None, not_to_review),
        (Act.REJECT, None, not_to_review),
    ]
    settlements = {r.step: r.settlement for r in run.memo.retriables if r.settlement}
    for step in (one.step for one in compensations if one.state == StepState.STUCK):
        settlement = settlements.get(step)
        refusal = settlement.refusal_of_another(step) if settlement else None
        acts.append((Act.RETRY, step, None))
        acts.append((Act.SETTLE, step, refusal))
    why_wedged = str(SagaWedged()) if run.is_wedged else None
    return tuple(
        ActView(act=act, step=step, fields=FIELDS[act], refusal=why_wedged or refusal)
        for act, step, refusal in acts
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


def act_of_failed(record: OrderRecord) -> tuple[ActView, ...]:
    """Return the act that places a failed order again; none where that was done already."""
    if record.state is not SagaState.FAILED or record.again_as is not None:
        return ()
    act = Act.PLACE_AGAIN
    return (ActView(act=act, step=None, fields=FIELDS[act], refusal=cannot_place_again(record)),)


def cannot_place_again(record: OrderRecord) -> str | None:
    """Return why a closed order cannot be placed again; None when it can.

    Whatever it failed for: also one that a person rejected or cancelled, as it is a person who
    decides anew, with their name.
    """
    if record.state is not SagaState.FAILED:
        return f"only an order that failed is placed again: this one is {record.state}"
    reason = record.failure.reason if record.failure else None
    if reason == FailureReason.ORDER_ID_REUSED:
        return "its id belongs to another order; place it as a new order, under another id"
    if reason == FailureReason.INVALID_ORDER or not (record.customer_id and record.lines):
        return "what was ordered is not known: its saga was started with what is no order"
    return None


def why_ended(state: SagaState, *, is_closed: bool, what_helps: str = "") -> NotPossible:
    """Return why nobody takes an act on such an order, and what helps if its saga was ended."""
    return TooLate(state) if is_closed else EndedFromOutside(state, what_helps)


def acts_offered(acts: Iterable[ActView], caller: Caller) -> tuple[ActView, ...]:
    """Return those of an order's acts that the caller's token allows.

    Whom the token names as a person need not say who they are.
    """
    blanks = ("by",) if caller.name else ()
    return tuple(
        act.model_copy(
            update={"fields": tuple(field for field in act.fields if field not in blanks)}
        )
        for act in acts
        if caller.may(act.act)
    )
