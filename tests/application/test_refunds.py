"""What became of the money of a failed order, from its run and from its record."""

from application.order_view import view_of_record, view_of_run
from application.run import Run
from contracts.states import SagaState, StateMove
from contracts.views import Refund
from temporal_saga.call_state import Progress
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import (
    CANCEL,
    CLOSED_AT,
    FAILURE,
    LINKS,
    MOVES,
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
    assert refund_of(failed_run(*REGISTERED)) == NOTHING
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


def test_the_record_says_what_became_of_the_money() -> None:
    """It knows by when, and whether it had been charged for sure."""
    payment_move = StateMove(
        state=SagaState.PAYMENT_COMPLETED, cause="PaymentCompletedEvent", at=STARTED
    )
    by = "by 2026-03-14 15:09:28 UTC"
    message = f"15.30 GBP went back to the customer {by}"
    refund = Refund(amount_minor=1530, currency="GBP", at=CLOSED_AT, message=message)
    assert view_of_record(RECORDED._replace(moves=(*MOVES, payment_move)), LINKS).refund == refund
    unknown_refund = view_of_record(RECORDED, LINKS).refund
    assert unknown_refund is not None
    assert (unknown_refund.amount_minor, unknown_refund.at) == (None, CLOSED_AT)
    assert (
        unknown_refund.message == f"whatever had been charged was given back to the customer {by}"
    )
    never = RECORD.model_copy(update={"compensations": RECORD.compensations[1:]})
    assert view_of_record(RECORDED._replace(record=never), LINKS).refund == NOTHING
    completion = {"state": SagaState.COMPLETED, "failure": None, "compensations": ()}
    confirmed_order = RECORDED._replace(record=RECORD.model_copy(update=completion))
    assert view_of_record(confirmed_order, LINKS).refund is None
