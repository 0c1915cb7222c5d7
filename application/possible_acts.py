"""What a person may do to an order, and why not. Pure functions."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from application.caller import Caller
from application.errors import EndedFromOutside, NotPossible, SagaWedged, TooLate
from application.review import verdict_of
from application.run import Run
from contracts.acts import (
    ACT_OF,
    EFFECT_OF_SETTLING_THE_OPENING,
    EFFECTS,
    FIELDS,
    FINAL,
    OF_A_STEP,
    Act,
    Review,
    cannot_cancel,
    cannot_review,
)
from contracts.record import Compensation, OrderRecord
from contracts.states import FailureReason, SagaState
from contracts.step_views import StepProgress, StepState
from contracts.steps import OPENING
from contracts.views import ActOffer, ActView, Attention, TimelineEntry
from temporal_saga.acts import acts_at

Offer = TypeVar("Offer", bound=ActOffer)


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
    acts = [
        _act(Act.CANCEL, cannot_cancel(run.state, fails=fails)),
        _act(Act.APPROVE, not_to_review),
        _act(Act.REJECT, not_to_review),
    ]
    stuck_commands = {
        one.step: one.command for one in compensations if one.state == StepState.STUCK
    }
    for act, step, refusal in acts_at(stuck_commands, run.memo.retriables):
        acts.append(_act(ACT_OF[act.name], refusal, step, stuck_commands[step]))
    if not run.is_wedged:
        return tuple(acts)
    return tuple(act.model_copy(update={"refusal": str(SagaWedged())}) for act in acts)


def _act(
    act: Act, refusal: str | None, step: str | None = None, command: str | None = None
) -> ActView:
    """Return an act with why it is not possible, if so, and with the command that is stuck."""
    effect = EFFECTS[act]
    if act is Act.SETTLE and command == OPENING.command:
        effect = EFFECT_OF_SETTLING_THE_OPENING
    return ActView(
        act=act,
        step=step,
        fields=FIELDS[act],
        effect=effect,
        is_final=act in FINAL,
        refusal=refusal,
    )


ACTS_ON_MANY = tuple(
    ActOffer(
        act=act,
        fields=("step", *FIELDS[act]) if act in OF_A_STEP else FIELDS[act],
        effect=EFFECTS[act],
        is_final=act in FINAL,
    )
    for act in Act
)
"""What can be done to many orders at once."""


def acts_of_ended(record: OrderRecord, need: Attention | None) -> tuple[ActView, ...]:
    """Return the acts on an order that no saga works on any more, each with why it is not possible.

    One that failed can be placed again, once. Where it is still open, `need` says what helps.
    """
    is_closed = record.closed_at is not None
    why = str(why_ended(record.state, need, is_closed=is_closed))
    acts = [_act(act, why) for act in (Act.CANCEL, Act.APPROVE, Act.REJECT)]
    if is_closed and record.state is SagaState.FAILED and record.again_as is None:
        acts.append(_act(Act.PLACE_AGAIN, cannot_place_again(record)))
    return tuple(acts)


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


def why_ended(state: SagaState, need: Attention | None, *, is_closed: bool) -> NotPossible:
    """Return why nobody takes an act on an order that no saga works on any more.

    Either the order `is_closed`, or its saga was ended from outside: then `need` says what helps.
    """
    return TooLate(state) if is_closed else EndedFromOutside(state, need.message if need else "")


def acts_offered(
    acts: Iterable[Offer], caller: Caller, *, has_all: bool = False
) -> tuple[Offer, ...]:
    """Return those of the acts that the caller's token allows, or all of them.

    Whom the token names as a person need not say who they are.
    """
    blanks = ("by",) if caller.name else ()
    offers = (
        act.model_copy(
            update={
                "fields": tuple(field for field in act.fields if field not in blanks),
                "token_allows": caller.may(act.act),
            }
        )
        for act in acts
    )
    return tuple(offer for offer in offers if has_all or offer.token_allows)
