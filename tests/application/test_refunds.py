"""What became of the money of a failed order, from its run and from its record."""

from dataclasses import replace

from application.order_view import view_of_closed, view_of_record, view_of_run
from application.run import Run
from contracts.states import SagaState
from contracts.views import Refund
from temporal_saga.call_state import Progress
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import (
    CANCEL,
    FAILURE,
    LINKS,
    PAID,
    RECORD,
    RECORDED,
    REFUSED,
    REGISTERED,
    ROLLS_BACK,
    STARTED,
    TAKEN_BACK,
    failed_run,
    moment_answered,
    moment_sent,
    retriable,
    run,
    settlement,
)

NOTHING = Refund(amount_minor=0, currency="GBP", at=None, message="nothing had been charged")


def refund_of(order_run: Run) -> Refund | None:
    return view_of_run("7", order_run, LINKS).refund


def test_a_failed_order_says_what_became_of_the_money() -> None:
    """What went back and when, from the story, or that nothing had been charged."""
    message = "15.30 GBP went back to the customer at 2026-03-14 15:09:26 UTC"
    refund = Refund(amount_minor=1530, currency="GBP", at=STARTED, message=message)
    assert refund_of(failed_run(*REFUSED, *TAKEN_BACK)) == refund
    assert (
        refund_of(failed_run(*REGISTERED, memo=replace(ROLLS_BACK, retriables=(CANCEL,))))
        == NOTHING
    )
    command = "RefundPaymentCommand"
    empty = moment_answered(
        command, "payment", "PaymentRefundedEvent", currency="GBP", refunded_minor=0
    )
    assert refund_of(failed_run(*REFUSED, moment_sent(command, "payment"), empty)) == NOTHING


def test_a_refund_that_was_settled_names_who_did_it() -> None:
    """Nobody knows how much went back by hand."""
    settled_refund = retriable(
        "ProcessPayment", "RefundPayment", Progress.SETTLED, settlement=settlement()
    )
    refund = refund_of(
        failed_run(memo=SagaMemo(failure=FAILURE, retriables=(settled_refund, CANCEL)))
    )
    assert refund is not None
    assert refund.message == "otto settled the refund by hand: paid by hand (transfer 4711)"


def test_an_order_that_has_not_failed_says_nothing_of_a_refund() -> None:
    """Nor one that still rolls back."""
    assert refund_of(run("ROLLING_BACK", *REFUSED, memo=ROLLS_BACK)) is None
    assert refund_of(run("COMPLETED", *PAID)) is None


def test_the_record_says_the_same_for_ever() -> None:
    """It has what the payment service answered, whatever Temporal has forgotten."""
    story = refund_of(failed_run(*REFUSED, *TAKEN_BACK))
    assert view_of_record(RECORDED, LINKS).refund == story
    assert view_of_closed(RECORD, failed_run(), LINKS).refund == story
    never = RECORD.model_copy(update={"compensations": RECORD.compensations[1:]})
    assert view_of_record(RECORDED._replace(record=never), LINKS).refund == NOTHING
    completion = {"state": SagaState.COMPLETED, "failure": None, "compensations": ()}
    confirmed_order = RECORDED._replace(record=RECORD.model_copy(update=completion))
    assert view_of_record(confirmed_order, LINKS).refund is None


def test_a_record_without_the_answer_names_no_amount() -> None:
    """An earlier release kept that the refund was done, and not how much it was."""
    [back, cancel] = RECORD.compensations
    bare = back.model_copy(update={"answer": None, "answered_at": None})
    record = RECORD.model_copy(update={"compensations": (bare, cancel)})
    refund = view_of_record(RECORDED._replace(record=record), LINKS).refund
    assert refund is not None
    assert (refund.amount_minor, refund.at) == (None, None)
    assert refund.message == "whatever had been charged was given back to the customer"
