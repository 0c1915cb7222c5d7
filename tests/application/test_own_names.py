"""Of several steps with one activity each is shown by itself: it is asked for by step and command.

A second payment, `ProcessPayment-2`, has the commands of the order's own one.
"""

from dataclasses import replace

from application import attention
from application.course import compensations_of, steps_of
from application.timeline import timeline_of
from temporal_saga.call_state import Progress
from temporal_saga.memo import SagaMemo
from temporal_saga.tries import Try
from tests.application.order_runs import (
    CANCEL,
    CLOSED_AT,
    FAILURE,
    PAID,
    RECORD,
    REFUND,
    moment_answered,
    moment_failed,
    moment_sent,
    run,
)

TWIN = "ProcessPayment-2"
PAYMENT = "ProcessPaymentCommand"
BACK = "RefundPaymentCommand"

SENT = replace(moment_sent(PAYMENT, "payment", number=30), step=TWIN)
TWIN_BACK = (
    replace(moment_sent(BACK, "payment", number=40), step=TWIN),
    replace(moment_failed(BACK, "payment", attempt=10, number=40), step=TWIN),
)
BOTH_BACK = (
    *PAID,
    SENT,
    *TWIN_BACK,
    moment_sent(BACK, "payment", number=50),
    moment_answered(BACK, "payment", "PaymentRefundedEvent", 2, number=50, refunded_minor=7),
)
TWIN_REFUND = replace(
    REFUND, step=TWIN, progress=Progress.STUCK, trouble="away", stuck_since=CLOSED_AT
)
MEMO = SagaMemo(failure=FAILURE, retriables=(TWIN_REFUND, REFUND, CANCEL))


def test_a_step_is_not_taken_for_its_twin() -> None:
    """The order's payment is done while the other one is under way."""
    [_, payment, *_] = steps_of(run("PENDING", *PAID, SENT), RECORD.compensations, None)
    assert (payment.step, payment.state, payment.attempts) == ("ProcessPayment", "DONE", 2)


def test_each_compensation_has_its_own_state_tries_and_answer() -> None:
    """Of two refunds one is stuck and the other done."""
    rows = [
        (c.step, c.state, c.attempts, c.answer)
        for c in compensations_of(run("ROLLBACK_STUCK", *BOTH_BACK, is_stuck=True, memo=MEMO))
    ]
    assert rows == [
        (TWIN, "STUCK", 10, None),
        ("ProcessPayment", "DONE", 2, {"refunded_minor": 7}),
        ("RegisterOrder", "WAITING", None, None),
    ]


def test_a_drawn_step_has_its_own_compensation() -> None:
    """The table's payment is drawn with its refund, and not with the twin's."""
    order_run = run("ROLLBACK_STUCK", *BOTH_BACK, is_stuck=True, memo=MEMO)
    record = RECORD.model_copy(update={"compensations": compensations_of(order_run)})
    [_, payment, *_] = steps_of(order_run, record.compensations, record.failure)
    assert payment.compensation is not None
    assert (payment.compensation.state, payment.compensation.attempts) == ("DONE", 2)


def test_the_tries_of_a_settlement_are_those_of_its_step() -> None:
    """Both refunds are under way."""
    tries = {"40": Try("RefundPayment", 3), f"{TWIN}/compensation": Try("RefundPayment", 5)}
    tries[f"{TWIN}/compensation"] = replace(tries[f"{TWIN}/compensation"], step=TWIN)
    order_run = replace(run("ROLLBACK_STUCK", memo=MEMO), tries=tries)
    assert (order_run.tries_at("ProcessPayment"), order_run.tries_at(TWIN)) == (3, 5)


def test_what_needs_a_person_names_the_step() -> None:
    """The command alone would not tell which of the two keeps failing."""
    order_run = run("ROLLBACK_STUCK", *BOTH_BACK, is_stuck=True, memo=MEMO)
    need = attention.of_run("7", order_run, is_left_open=False)
    assert need is not None
    assert need.message.startswith(f"{BACK} of {TWIN} keeps failing: away. ")


def test_the_timeline_names_the_step_where_its_name_is_its_own() -> None:
    """Of a command and of its answer."""
    steps = [(entry.name, entry.step) for entry in timeline_of([*PAID[-3:], SENT, *TWIN_BACK])]
    assert steps == [
        (PAYMENT, None),
        ("PaymentCompletedEvent", None),
        ("PAYMENT_COMPLETED", None),
        (PAYMENT, TWIN),
        (BACK, TWIN),
        (f"{BACK} failed", TWIN),
    ]
