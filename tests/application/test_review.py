"""How far the review of an order has come: live, closed, and after retention."""

from dataclasses import replace
from typing import Any

import pytest

from application.discretion import for_customer
from application.order_view import view_of_record, view_of_run
from contracts.acts import Act, TakenDecision, TakenDecisions, Through
from contracts.record import Failure
from contracts.states import SagaState, StateMove
from contracts.views import OrderView
from temporal_saga import failure as core
from temporal_saga.memo import SagaMemo
from temporal_saga.moment import Moment
from tests.application.order_runs import (
    CLOSED_AT,
    LINKS,
    PAID,
    RECORD,
    RECORDED,
    REGISTERED,
    STARTED,
    at,
    failed_run,
    run,
)

AWAITS = (*REGISTERED, at("state", "AWAITING_REVIEW"))
ROLLS_BACK = at("state", "ROLLING_BACK")
REJECTION = {"reason": "REJECTED", "message": "rejected by anna: fraud"}
EXPIRY = {"reason": "REVIEW_EXPIRED", "message": "nobody approved the order within 24 hours"}


def verdict(act: str, **words: Any) -> Moment:
    arguments = [{"by": "anna", "reason": "a known customer"}]
    return replace(at("decision", act, arguments=arguments, by="update"), **words)


def progress(order_view: OrderView) -> tuple[str, str | None] | None:
    review = order_view.review
    return None if review is None else (review.state, review.message)


def of_run(state: str, *moments: Moment) -> OrderView:
    return view_of_run("7", run(state, *moments), LINKS)


def of_failed_run(failure: dict[str, str], *moments: Moment) -> OrderView:
    memo = SagaMemo(core.Failure(failure["reason"], failure["message"]))
    return view_of_run("7", failed_run(*moments, ROLLS_BACK, memo=memo), LINKS)


APPROVED = ("DONE", "approved by anna: a known customer")


@pytest.mark.parametrize(
    ("order_view", "review"),
    [
        (of_run("PENDING", *REGISTERED), None),
        (of_run("PAYMENT_COMPLETED", *PAID), None),
        (of_run("AWAITING_REVIEW", *AWAITS), ("WAITING", None)),
        (of_run("AWAITING_REVIEW", *AWAITS, verdict("approve", is_heard=False)), ("WAITING", None)),
        (
            of_run("PENDING", *AWAITS, verdict("approve"), at("state", "PENDING")),
            APPROVED,
        ),
        (
            of_run("PENDING", verdict("approve"), *AWAITS, at("state", "PENDING")),
            APPROVED,
        ),
        (of_run("PENDING", *AWAITS, at("state", "PENDING")), ("DONE", None)),
        (of_failed_run(REJECTION, *AWAITS, verdict("reject")), ("REFUSED", REJECTION["message"])),
        (of_failed_run(EXPIRY, *AWAITS), ("SKIPPED", EXPIRY["message"])),
    ],
    ids=[
        "registered",
        "none",
        "open",
        "not heard",
        "approved",
        "approved early",
        "approved in a part that was not read",
        "rejected",
        "expired",
    ],
)
def test_a_run_tells_how_far_its_review_has_come(
    order_view: OrderView, review: tuple[str, str] | None
) -> None:
    """Who let the order through or did not, or that nobody decided."""
    assert progress(order_view) == review


@pytest.mark.parametrize(
    ("states", "act", "failure", "review"),
    [
        (("PENDING", "FAILED"), None, None, None),
        (("PENDING", "AWAITING_REVIEW", "PENDING", "COMPLETED"), Act.APPROVE, None, APPROVED),
        (
            ("PENDING", "AWAITING_REVIEW", "ROLLING_BACK", "FAILED"),
            Act.REJECT,
            REJECTION,
            ("REFUSED", REJECTION["message"]),
        ),
        (
            ("PENDING", "AWAITING_REVIEW", "ROLLING_BACK", "FAILED"),
            None,
            EXPIRY,
            ("SKIPPED", EXPIRY["message"]),
        ),
    ],
    ids=["none", "approved", "rejected", "expired"],
)
def test_a_record_tells_the_same_after_retention(
    states: tuple[str, ...], act: Act | None, failure: dict[str, str] | None, review: Any
) -> None:
    """Its moves and its decisions say what Temporal's history had said."""
    moves = [StateMove(state=SagaState(state), cause="-", at=STARTED) for state in states]
    words = {"by": "anna", "reason": "a known customer", "at": STARTED, "through": Through.UPDATE}
    decisions = (TakenDecision(act=act, **words),) if act else ()
    record = RECORD.model_copy(update={"failure": failure and Failure.model_validate(failure)})
    order_on_record = RECORDED._replace(
        record=record, moves=tuple(moves), decisions=TakenDecisions(decisions=decisions, left_out=0)
    )
    assert progress(view_of_record(order_on_record, LINKS)) == review


def test_a_review_that_nobody_can_end_is_still_told() -> None:
    """The saga was ended from outside while it waited."""
    ended_run = replace(run("AWAITING_REVIEW", *AWAITS), closed_at=CLOSED_AT)
    assert progress(view_of_run("7", ended_run, LINKS)) == ("WAITING", None)


def test_a_customer_sees_the_review_without_its_words() -> None:
    """How far it is, and neither who decided nor why."""
    review = for_customer(of_failed_run(REJECTION, *AWAITS, verdict("reject"))).review
    assert review is not None
    assert (review.state, review.message) == ("REFUSED", None)
