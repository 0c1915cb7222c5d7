"""The acts that an order offers a person: by contracts/acts.py, and by what a token allows."""

from dataclasses import replace
from typing import Any

import pytest

from application.caller import SCOPE_OF, Caller, Scope, scopes_for
from application.discretion import for_customer
from application.errors import SagaWedged
from application.order_view import view_of_closed, view_of_record, view_of_run
from application.possible_acts import ACTS_ON_MANY, acts_of_ended, acts_offered, why_ended
from application.run import Run
from contracts.acts import EFFECTS, FIELDS, Act
from contracts.states import FailureReason, SagaState
from contracts.views import FailureView, OrderView
from routes.access import NEEDED
from temporal_saga.call_state import Progress
from temporal_saga.memo import SagaMemo
from temporal_saga.moment import Moment
from tests.application.order_runs import (
    CANCEL,
    CLOSED_AT,
    FAILURE,
    LINKS,
    PAID,
    RECORD,
    RECORDED,
    REFUND,
    REFUSED,
    at,
    failed_run,
    moment_sent,
    retriable,
    run,
    settlement,
)

PERSON = ("by", "reason")
TOO_LATE = "too late to cancel: the order is ROLLBACK_STUCK"
NO_REVIEW = "the order is not awaiting review, it is ROLLBACK_STUCK"
STUCK = replace(REFUND, progress=Progress.STUCK, trouble="away", stuck_since=CLOSED_AT)
ROLLBACK_STUCK = run(
    "ROLLBACK_STUCK", is_stuck=True, memo=SagaMemo(failure=FAILURE, retriables=(STUCK, CANCEL))
)


def acts(order_run: Run, **more: Any) -> list[tuple[str, str | None, tuple[str, ...], str | None]]:
    possible_acts = view_of_run("7", order_run, LINKS, **more).acts
    return [(act.act, act.step, act.fields, act.refusal) for act in possible_acts]


def possible(order_run: Run) -> list[tuple[str, str | None]]:
    return [(act, step) for act, step, _, refusal in acts(order_run) if refusal is None]


def test_an_act_says_what_it_needs_or_why_it_is_not_possible() -> None:
    """In the sentences by which the saga refuses it; of a step only while it is stuck."""
    assert acts(ROLLBACK_STUCK) == [
        ("cancel", None, PERSON, TOO_LATE),
        ("approve", None, PERSON, NO_REVIEW),
        ("reject", None, PERSON, NO_REVIEW),
        ("retry", "ProcessPayment", PERSON, None),
        ("settle", "ProcessPayment", (*PERSON, "evidence"), None),
    ]


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("PENDING", ["cancel"]),
        ("AWAITING_REVIEW", ["cancel", "approve", "reject"]),
        ("PAYMENT_COMPLETED", ["cancel"]),
        ("COMPLETED", []),
        ("ROLLING_BACK", []),
    ],
)
def test_what_is_possible_depends_on_the_state(state: str, names: list[str]) -> None:
    """Before the pivot an order can be cancelled, and decided while it awaits review."""
    assert possible(run(state, *PAID)) == [(name, None) for name in names]


REGISTRATION_HANGS = (
    at("state", "PENDING"),
    moment_sent("RegisterOrderCommand", "order", attempt=7),
)


def verdict(act: str, **words: Any) -> Moment:
    """Return the moment when anna decided, or nobody has heard of it yet."""
    arguments = [{"by": "anna", "reason": "a known customer"}]
    decision = at("decision", act, arguments=arguments, by="signal")
    return replace(decision, **words)


def test_a_verdict_may_come_before_the_order_is_registered() -> None:
    """A person need not wait for an order service that hangs; nor once it is heard is it over."""
    assert possible(run("PENDING", *REGISTRATION_HANGS)) == [
        ("cancel", None),
        ("approve", None),
        ("reject", None),
    ]
    unheard_verdict = verdict("approve", is_heard=False)
    assert ("reject", None) in possible(run("PENDING", *REGISTRATION_HANGS, unheard_verdict))
    ignored_verdict = verdict("approve", ignored="it cannot be read")
    assert ("reject", None) in possible(run("PENDING", *REGISTRATION_HANGS, ignored_verdict))


def test_the_first_verdict_stands() -> None:
    """Whoever comes second is told who decided, and how, in the saga's own sentence."""
    decided_run = run("PENDING", *REGISTRATION_HANGS, verdict("approve"))
    assert possible(decided_run) == [("cancel", None)]
    assert {refusal for act, _, _, refusal in acts(decided_run) if act != "cancel"} == {
        "anna decided already: approve, a known customer"
    }


def test_what_was_settled_and_is_stuck_again_is_only_retried() -> None:
    """Its record does not hear of who settled it, who is named."""
    confirm = retriable("ConfirmOrder", "ConfirmOrder", "STUCK", settlement=settlement())
    stuck_run = run("COMPLETED", is_stuck=True, memo=SagaMemo(retriables=(confirm,)))
    assert possible(stuck_run) == [("retry", "ConfirmOrder")]
    assert "otto settled ConfirmOrder already" in str(acts(stuck_run)[-1][3])


def test_a_saga_whose_code_fails_takes_no_act() -> None:
    """Each says so, in the sentence with which the API refuses it."""
    refusals = {refusal for *_, refusal in acts(replace(ROLLBACK_STUCK, wedged_since=CLOSED_AT))}
    assert refusals == {str(SagaWedged())}


ENDED = "its saga was ended from outside, and takes no act: the order is"


@pytest.mark.parametrize(
    ("order_view", "why"),
    [
        (view_of_run("7", failed_run(*REFUSED), LINKS), "too late: the order is FAILED"),
        (view_of_closed(RECORD, failed_run(), LINKS), "too late: the order is FAILED"),
        (view_of_record(RECORDED, LINKS), "too late: the order is FAILED"),
        (
            view_of_run("7", replace(run("COMPLETED"), closed_at=CLOSED_AT), LINKS, is_open=True),
            f"{ENDED} COMPLETED; its saga has ended, and it was not through",
        ),
        (
            view_of_run("7", replace(run("PENDING"), closed_at=CLOSED_AT), LINKS),
            f"{ENDED} PENDING; its saga has ended, and it was not through",
        ),
    ],
    ids=["closed", "closed, on record", "forgotten", "left open", "ended from outside"],
)
def test_an_order_without_a_saga_that_runs_says_why_it_takes_no_act(
    order_view: OrderView, why: str
) -> None:
    """In the sentence with which the API refuses it, which says what helps.

    One that has failed can be placed again, as that needs no saga of it.
    """
    is_closed = order_view.closed_at is not None
    again = [("place-again", None, None)] if is_closed else []
    sentence = str(why_ended(order_view.state, order_view.attention, is_closed=is_closed))
    assert sentence == why if is_closed else sentence.startswith(why)
    assert is_closed or "temporal workflow reset" in sentence
    assert [(act.act, act.step, act.refusal) for act in order_view.acts] == [
        ("cancel", None, sentence),
        ("approve", None, sentence),
        ("reject", None, sentence),
        *again,
    ]
    assert [(act.act, act.step, act.refusal) for act in for_customer(order_view).acts] == again


NO_ORDER = "what was ordered is not known: its saga was started with what is no order"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"failure": FailureView(reason=FailureReason.REJECTED, message="no")}, None),
        ({"failure": FailureView(reason=FailureReason.CANCELLED, message="no")}, None),
        ({"failure": FailureView(reason=FailureReason.INVALID_ORDER, message="no")}, NO_ORDER),
        ({"lines": None, "total_minor": None}, NO_ORDER),
        (
            {"failure": FailureView(reason=FailureReason.ORDER_ID_REUSED, message="no")},
            "its id belongs to another order; place it as a new order, under another id",
        ),
    ],
    ids=["rejected", "cancelled", "no order", "no lines", "another's id"],
)
def test_what_a_failed_order_needs_to_be_placed_again(
    changes: dict[str, Any], why: str | None
) -> None:
    """Any reason will do, as a person decides anew; what was ordered has to be known."""
    *_, act = acts_of_ended(RECORD.model_copy(update=changes), None)
    assert (act.act, act.fields, act.refusal) == ("place-again", ("by", "reason"), why)


def test_an_order_that_was_placed_again_or_completed_is_not_placed_again() -> None:
    """The first is answered with its new order, and the other has its own."""
    for changes in ({"again_as": "7-again"}, {"state": SagaState.COMPLETED}):
        acts = acts_of_ended(RECORD.model_copy(update=changes), None)
        assert [act.act for act in acts] == ["cancel", "approve", "reject"]


def test_an_order_that_is_sure_to_fail_takes_no_act() -> None:
    """Its saga asks first how an earlier run ended, and shows another state meanwhile."""
    fails = run("PENDING", *REGISTRATION_HANGS, memo=SagaMemo(failure=FAILURE))
    assert {act: refusal for act, _, _, refusal in acts(fails)} == {
        "cancel": "too late to cancel: the order fails already",
        "approve": "too late to decide: the order fails already",
        "reject": "too late to decide: the order fails already",
    }


def test_an_act_and_its_route_need_the_same_scope() -> None:
    """The rule by which acts are offered and that by which requests are let through are one."""
    assert {act: NEEDED[f"POST {path}"] for act, path in ROUTES.items()} == SCOPE_OF
    assert set(ROUTES) == set(FIELDS) == set(Act)


ROUTES = {
    act: f"/orders/{{order_id}}/{'steps/{step}/' if act in (Act.RETRY, Act.SETTLE) else ''}{act}"
    for act in Act
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("customer", [None, "17850"])
def test_an_act_is_allowed_by_its_own_scope_and_by_sums(act: Act, customer: str | None) -> None:
    """By no other; of customers `orders:write` cancels their own, and none decides for the shop."""
    scopes = {scope for scope in Scope if Caller("ann", frozenset({scope}), customer).may(act)}
    if customer and act not in (Act.CANCEL, Act.PLACE_AGAIN):
        assert scopes == set()
        return
    own = {Scope.WRITE} if customer and act is Act.CANCEL else set()
    assert scopes == {SCOPE_OF[act], Scope.OPERATE} | own
    assert scopes == set(scopes_for(SCOPE_OF[act], customer=customer is not None))


def test_a_token_is_offered_what_it_allows_alone() -> None:
    """One that names a person is not asked who they are."""
    view = view_of_run("7", ROLLBACK_STUCK, LINKS)
    settler = Caller("ann", frozenset({"saga:settle", "orders:read"}))
    assert [(act.act, act.fields) for act in acts_offered(view.acts, settler)] == [
        ("settle", (*PERSON, "evidence"))
    ]
    person = replace(settler, name="Ann Lee")
    assert [act.fields for act in acts_offered(view.acts, person)] == [("reason", "evidence")]
    offers = acts_offered(view.acts, settler, has_all=True)
    assert [(act.act, act.token_allows) for act in offers] == [
        (act.act, act.act is Act.SETTLE) for act in view.acts
    ]
    [on_many] = acts_offered(ACTS_ON_MANY, person)
    assert (on_many.act, on_many.fields) == ("settle", ("step", "reason", "evidence"))


def test_an_act_says_what_it_does_and_whether_it_can_be_undone() -> None:
    """By one table; what settles the first step says what that step would have told."""
    offers = {act.act: act for act in view_of_run("7", ROLLBACK_STUCK, LINKS).acts}
    assert {act: offer.effect for act, offer in offers.items()} == {
        act: EFFECTS[act] for act in offers
    }
    assert {act for act, offer in offers.items() if offer.is_final} == {
        "cancel",
        "reject",
        "settle",
    }
    assert {offer.act: offer.effect for offer in ACTS_ON_MANY} == EFFECTS
    for command, is_opening in (("RegisterOrder", True), ("CancelOrder", False)):
        stuck_call = retriable("RegisterOrder", command, "STUCK")
        stuck_run = run("ROLLBACK_STUCK", is_stuck=True, memo=SagaMemo(FAILURE, (stuck_call,)))
        settle = view_of_run("7", stuck_run, LINKS).acts[-1]
        assert ("no earlier run completed the order" in settle.effect) is is_opening


def test_a_customer_is_offered_what_is_possible_and_no_more() -> None:
    """Why something is not possible may name an operator."""
    view = view_of_run("7", run("PENDING", *PAID), LINKS)
    assert [(act.act, act.refusal) for act in for_customer(view).acts] == [("cancel", None)]
    assert for_customer(view_of_run("7", run(SagaState.COMPLETED), LINKS)).acts == ()
