"""How far each step of an order is shown to have come: of its run, and of its record alone."""

from dataclasses import replace
from typing import Any

import pytest

from application.course import _order_row
from application.discretion import for_customer
from application.order_view import view_of_record, view_of_run
from application.run import Run
from contracts.record import Failure
from contracts.states import OrderStatus, SagaState, StateMove
from contracts.step_views import StepProgress
from contracts.steps import OPENING, PAYMENT, STEPS, STOCK
from contracts.views import OrderView
from temporal_saga.call_state import Progress
from temporal_saga.memo import SagaMemo
from temporal_saga.tries import Try
from tests.application.order_runs import (
    CANCEL,
    CLOSED_AT,
    FAILURE,
    LINKS,
    MOVES,
    PAID,
    RECORD,
    RECORDED,
    REFUND,
    REFUSED,
    REGISTERED,
    ROLLS_BACK,
    SHORT,
    STARTED,
    TAKEN_BACK,
    at,
    failed_run,
    moment_answered,
    moment_failed,
    moment_sent,
    retriable,
    run,
    settlement,
)

PAYS = moment_sent("ProcessPaymentCommand", "payment", attempt=3)
WHY = "paused by otto: the bank is closed (activity 5)"
PAUSED = replace(
    run("PENDING", *REGISTERED, PAYS), tries={"5": Try("ProcessPayment", 3, paused=WHY)}
)
UNANSWERED = moment_failed("ProcessPaymentCommand", "payment")
STUCK = replace(REFUND, progress=Progress.STUCK, trouble="away", stuck_since=CLOSED_AT)


def view(order_run: Run) -> OrderView:
    return view_of_run("7", order_run, LINKS)


THESE = {OPENING.name, PAYMENT.name, STOCK.name, STEPS[-1].name}
"""The steps that these tests are about, if there are others as well."""


def states(order_view: OrderView) -> str:
    """Return the states of these steps, each with that of its compensation if there is one."""
    return " ".join(
        step.state + (f"/{step.compensation.state}" if step.compensation else "")
        for step in order_view.steps
        if step.step in THESE
    )


def payment(order_view: OrderView) -> StepProgress:
    return order_view.steps[1]


@pytest.mark.parametrize(
    ("order_run", "course"),
    [
        (run("PENDING", *REGISTERED[:2]), "RUNNING AHEAD AHEAD AHEAD"),
        (PAUSED, "DONE PAUSED AHEAD AHEAD"),
        (
            replace(run("PENDING", *REGISTERED, PAYS), closed_at=CLOSED_AT),
            "DONE UNKNOWN SKIPPED SKIPPED",
        ),
        (run("PAYMENT_COMPLETED", *PAID), "DONE DONE AHEAD AHEAD"),
        (run("COMPLETED"), "DONE DONE DONE AHEAD"),
        (
            run("ROLLING_BACK", *REFUSED, memo=ROLLS_BACK),
            "DONE/WAITING DONE/WAITING REFUSED SKIPPED",
        ),
        (
            run("ROLLING_BACK", *REGISTERED, PAYS, UNANSWERED, memo=ROLLS_BACK),
            "DONE/WAITING UNKNOWN/WAITING SKIPPED SKIPPED",
        ),
        (
            failed_run(*REFUSED, *TAKEN_BACK),
            "DONE/DONE DONE/DONE REFUSED SKIPPED",
        ),
        (failed_run(at("state", "PENDING"), memo=SagaMemo()), "SKIPPED SKIPPED SKIPPED SKIPPED"),
    ],
)
def test_a_run_tells_how_far_each_step_has_come(order_run: Run, course: str) -> None:
    """By what was sent and answered; what an earlier run completed is done.

    Where the saga was ended from outside, nobody waits for an answer any more.
    """
    assert states(view(order_run)) == course
    of_all = [step.name for step in STEPS if not step.is_optional]
    assert [step.step for step in view(order_run).steps] == of_all


def test_a_step_says_what_a_page_needs_to_draw_it() -> None:
    """As the table of steps has it; what takes it back likewise."""
    drawn_steps = view(run("ROLLING_BACK", *REFUSED, memo=ROLLS_BACK)).steps
    assert [
        (step.name, step.label, step.participant, step.after_pivot, step.opens_record)
        for step in drawn_steps
        if step.step in THESE
    ] == [
        ("RegisterOrder", "Register", "order", False, True),
        ("ProcessPayment", "Pay", "payment", False, False),
        ("DecreaseStock", "Take from stock", "stock", False, False),
        ("ConfirmOrder", "Confirm", "order", True, False),
    ]
    refund = drawn_steps[1].compensation
    assert refund is not None
    assert (refund.name, refund.label, refund.participant) == ("RefundPayment", "Refund", "payment")


def test_what_takes_back_a_step_with_a_name_of_its_own_says_of_which() -> None:
    """Several steps may have one activity."""
    twin = replace(PAYMENT, own_name="ProcessPayment-2")
    assert twin.compensation is not None
    row = _order_row(twin)
    assert row.name == "ProcessPayment-2"
    assert row.compensation is not None
    assert row.compensation.name == "RefundPayment of ProcessPayment-2"


def test_a_step_says_what_its_last_try_ended_with() -> None:
    """Also why it was refused, who paused it, and how often it was tried."""
    refused_step = view(run("ROLLING_BACK", *REFUSED, memo=ROLLS_BACK)).steps[2]
    assert (refused_step.message, refused_step.attempts) == (SHORT["message"], 1)
    unknown_step = payment(
        view(run("ROLLING_BACK", *REGISTERED, PAYS, UNANSWERED, memo=ROLLS_BACK))
    )
    assert (unknown_step.message, unknown_step.attempts) == ("away", 10)
    paused_step = payment(view(PAUSED))
    assert (paused_step.paused, paused_step.attempts, paused_step.message) == (WHY, 3, None)
    done_step = payment(view(run("PAYMENT_COMPLETED", *PAID)))
    assert (done_step.message, done_step.attempts) == (None, 2)


def test_what_is_stuck_or_settled_is_so_in_the_course() -> None:
    """A compensation as well as a step after the pivot, with what is known of it."""
    memo = SagaMemo(failure=FAILURE, retriables=(STUCK, CANCEL))
    back = payment(view(run("ROLLBACK_STUCK", *REFUSED, is_stuck=True, memo=memo))).compensation
    assert back is not None
    assert (back.state, back.message) == ("STUCK", "away")
    confirm = retriable("ConfirmOrder", "ConfirmOrder", "SETTLED", settlement=settlement(7))
    last = view(run("COMPLETED", *PAID, memo=SagaMemo(retriables=(confirm,)))).steps[-1]
    assert (last.state, last.attempts, last.settled and last.settled.by) == ("SETTLED", 7, "otto")


def order_on_record(causes: tuple[str, ...], compensation_count: int, **other: Any) -> OrderView:
    """Return a cancelled order from its record, with the last so many of two compensations."""
    between = (
        StateMove(state=SagaState.PAYMENT_COMPLETED, cause=cause, at=STARTED) for cause in causes
    )
    order = {"compensations": RECORD.compensations[2 - compensation_count :]} | other
    record = RECORD.model_copy(update=order)
    moves = (MOVES[0], *between, MOVES[1])
    return view_of_record(RECORDED._replace(record=record, moves=moves), LINKS)


CANCELLED = Failure(reason="CANCELLED", message="cancelled by ann: changed her mind")
INVALID = Failure(reason="INVALID_ORDER", message="it has no lines")


@pytest.mark.parametrize(
    ("order_view", "course"),
    [
        (order_on_record((), 2), "DONE/DONE DONE/DONE REFUSED SKIPPED"),
        (order_on_record((), 1, failure=CANCELLED), "DONE/DONE SKIPPED SKIPPED SKIPPED"),
        (order_on_record((), 2, failure=CANCELLED), "DONE/DONE UNKNOWN/DONE SKIPPED SKIPPED"),
        (
            order_on_record(("PaymentCompletedEvent",), 2, failure=CANCELLED),
            "DONE/DONE DONE/DONE SKIPPED SKIPPED",
        ),
        (order_on_record((), 1, failure=INVALID), "SKIPPED/DONE SKIPPED SKIPPED SKIPPED"),
        (
            order_on_record(
                (), 0, failure=None, status=OrderStatus.CONFIRMED, state=SagaState.COMPLETED
            ),
            "DONE DONE DONE DONE",
        ),
        (
            order_on_record((), 0, failure=None, status=OrderStatus.PENDING, closed_at=None),
            "DONE AHEAD AHEAD AHEAD",
        ),
    ],
)
def test_a_record_tells_how_far_each_step_had_come(order_view: OrderView, course: str) -> None:
    """By what failed, what was taken back, and which events moved the saga."""
    assert states(order_view) == course


def test_a_record_says_why_a_step_was_refused() -> None:
    """As its failure does; how often anything was tried Temporal alone knew."""
    refused_step = order_on_record((), 2).steps[2]
    assert (refused_step.message, refused_step.attempts) == (SHORT["message"], None)


def test_a_customer_sees_the_course_without_operators_words() -> None:
    """Neither errors nor who paused or settled what."""
    settled_refund = replace(REFUND, progress=Progress.SETTLED, settlement=settlement(7))
    memo = SagaMemo(failure=FAILURE, retriables=(settled_refund, CANCEL))
    for order_run in (
        PAUSED,
        run("ROLLING_BACK", *REGISTERED, PAYS, UNANSWERED, memo=memo),
    ):
        for step in for_customer(view(order_run)).steps:
            for progress in filter(None, (step, step.compensation)):
                hidden_fields = (
                    progress.message,
                    progress.paused,
                    progress.settled,
                    progress.attempts,
                )
                assert hidden_fields == (None, None, None, None)
                assert progress.state != "PAUSED"
    assert states(for_customer(view(PAUSED))).startswith("DONE RUNNING")


def test_an_answer_of_another_try_is_no_refusal() -> None:
    """A step that is asked again after it was answered is under way."""
    again = (*REGISTERED, moment_sent("RegisterOrderCommand", "order", attempt=2, number=40))
    assert states(view(run("PENDING", *again))) == "RUNNING AHEAD AHEAD AHEAD"
    answer = moment_answered("RegisterOrderCommand", "order", "OrderRegisteredEvent", 2, number=40)
    assert states(view(run("PENDING", *again, answer))) == "DONE AHEAD AHEAD AHEAD"
