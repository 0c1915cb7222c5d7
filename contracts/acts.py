"""What a person may do to an order's saga, and why not.

One rule for the saga, which refuses with these sentences, and for those who show an order. What is
stuck may be retried and settled: of that the saga core has the rule (`temporal_saga.acts`).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from contracts.base import Contract
from contracts.decisions import ACTS, Decision, StepDecision
from contracts.states import SagaState

BEFORE_THE_PIVOT = frozenset(
    {
        SagaState.PENDING,
        SagaState.AWAITING_REVIEW,
        SagaState.AWAITING_CUSTOMER,
        SagaState.PAYMENT_COMPLETED,
    }
)


class Act(StrEnum):
    """An act of a person on one order."""

    CANCEL = "cancel"
    """Roll the order back; possible before the pivot."""
    APPROVE = "approve"
    """End a review: the saga goes on."""
    REJECT = "reject"
    """End a review: the saga rolls back."""
    RETRY = "retry"
    """Begin another round of a stuck step at once."""
    SETTLE = "settle"
    """Resolve a stuck step manually: a person put it right by hand."""
    PLACE_AGAIN = "place-again"
    """Place what a failed order was for once more, as a new order; its own saga hears nothing."""


_ON_YOUR_WORD = (
    "check its participant's database first, as an attempt in flight may still succeed; the "
    "order's record keeps your name"
)

EFFECTS: Mapping[Act, str] = {
    Act.CANCEL: "the order is rolled back once the step under way has ended: what took effect so "
    "far is compensated, and what was paid is given back",
    Act.APPROVE: "the review is over, and the order goes on with its next step",
    Act.REJECT: "the review is over, and the order is rolled back",
    Act.RETRY: "the stuck step is retried anyway; this begins its next attempts at once",
    Act.SETTLE: "the stuck step is tried no more and counts as put right by hand, on your word: no "
    f"money or stock is moved by this; {_ON_YOUR_WORD}",
    Act.PLACE_AGAIN: "a new order is placed with the same customer, currency, lines and prices, "
    "once for each failed order, which stays as it is",
}
"""By act: what it does, once it is taken."""

EFFECT_OF_SETTLING_THE_OPENING = (
    "you state that no earlier run completed the order: everything is refunded, restored and "
    f"cancelled, and the stuck step is not sent again; {_ON_YOUR_WORD}"
)
"""Of settling the step that opens the order's record, instead: it tells how earlier runs ended."""

FINAL = frozenset({Act.CANCEL, Act.REJECT, Act.SETTLE})
"""The acts that cannot be undone."""

MESSAGES: dict[Act, str] = {
    Act.CANCEL: "cancel",
    Act.APPROVE: "approve",
    Act.REJECT: "reject",
    Act.RETRY: "retry_step",
    Act.SETTLE: "settle_step",
}
"""By act that a saga takes: the name of its signal, and of its body in `ACTS`."""

ACT_OF = {message: act for act, message in MESSAGES.items()}

OF_A_STEP = tuple(act for act, name in MESSAGES.items() if issubclass(ACTS[name], StepDecision))
"""The acts that are about one step."""

FIELDS: dict[Act, tuple[str, ...]] = {
    act: tuple(
        name
        for name, field in ACTS[message].model_fields.items()
        if field.is_required() and name != "step"
    )
    for act, message in MESSAGES.items()
} | {Act.PLACE_AGAIN: tuple(Decision.model_fields)}
"""By act: the fields of its body that a person fills in, but for the step."""


class Through(StrEnum):
    """How a decision reached the saga."""

    UPDATE = "update"
    """As the API sends it."""
    SIGNAL = "signal"
    """As Temporal's command line sends it."""
    TEMPORAL = "temporal"
    """Temporal's own cancel; who pressed it is not known."""


class TakenDecision(Contract):
    """A decision that a saga took: it may have been the second to ask for the same.

    Args:
        act: what was decided.
        by: who decided; `temporal` for Temporal's own cancel.
        reason: why.
        step: the stuck step, for RETRY and SETTLE.
        evidence: what shows that it was put right by hand, for SETTLE.
        at: when the saga heard it (UTC).
        through: how it reached the saga.
    """

    act: Act
    by: str
    reason: str
    step: str | None = None
    evidence: str | None = None
    at: datetime
    through: Through


class TakenDecisions(Contract):
    """The decisions that a saga took, in order, and how many more are left out."""

    decisions: tuple[TakenDecision, ...]
    left_out: int


class Review(Contract):
    """How far the review of an order has come.

    Args:
        is_over: whether it has ended, or the order is known to need none.
        verdict: APPROVE or REJECT, once a person has decided.
        decision: who did, and why.
    """

    is_over: bool = False
    verdict: Act | None = None
    decision: Decision | None = None


def cannot_cancel(state: SagaState, *, fails: bool) -> str | None:
    """Return why an order cannot be cancelled; None when it can.

    Args:
        state: where its saga stands.
        fails: whether the saga is sure to roll back; its state says so later, once it is known how
            an earlier run ended.
    """
    if state not in BEFORE_THE_PIVOT:
        return f"too late to cancel: the order is {state}"
    return "too late to cancel: the order fails already" if fails else None


def cannot_review(state: SagaState, review: Review, *, fails: bool) -> str | None:
    """Return why an order can be neither approved nor rejected; None when it can.

    A verdict may come early: a person need not wait for an order service that hangs, which alone
    knows which orders need a review. It holds for every order, also for one that needs none.

    Args:
        state: where its saga stands.
        review: how far its review has come.
        fails: as in `cannot_cancel`.
    """
    if fails and state in BEFORE_THE_PIVOT:
        return "too late to decide: the order fails already"
    is_awaited = state is SagaState.AWAITING_REVIEW
    if review.decision is not None and (is_awaited or state is SagaState.PENDING):
        decision = review.decision
        return f"{decision.by} decided already: {review.verdict}, {decision.reason}"
    if is_awaited or (state is SagaState.PENDING and not review.is_over):
        return None
    return f"the order is not awaiting review, it is {state}"
