"""The memo says which compensations there are, the history how far each is and its tries."""

from dataclasses import replace
from typing import Any

import pytest

from application.course import compensations_of
from application.run import Run
from temporal_saga.call_state import Progress
from temporal_saga.memo import SagaMemo
from temporal_saga.moment import Moment
from tests.application.order_runs import (
    BY_OTTO,
    CANCEL,
    CLOSED_AT,
    FAILURE,
    PAID,
    REFUND,
    REFUSED,
    ROLLS_BACK,
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

SENT = moment_sent("RefundPaymentCommand", "payment", number=30)
FAILED = moment_failed("RefundPaymentCommand", "payment", number=30)
AGAIN = moment_sent("RefundPaymentCommand", "payment", attempt=4, number=40)
REFUNDED = moment_answered("RefundPaymentCommand", "payment", "PaymentRefundedEvent", 5, number=40)
STUCK = replace(REFUND, progress=Progress.STUCK, trouble="away", stuck_since=CLOSED_AT)


def rolls_back(refund: Any) -> SagaMemo:
    return SagaMemo(failure=FAILURE, retriables=(refund, CANCEL))


def compensation_rows(order_run: Run) -> list[tuple[str, str, str, int | None]]:
    return [(c.step, c.command, c.state, c.attempts) for c in compensations_of(order_run)]


def refund_of(order_run: Run) -> tuple[str, int | None]:
    [refund] = [c for c in compensations_of(order_run) if c.command == "RefundPaymentCommand"]
    return refund.state, refund.attempts


@pytest.mark.parametrize(
    ("moments", "refund", "cancel"),
    [
        ((), ("WAITING", None), ("WAITING", None)),
        ((SENT,), ("RUNNING", None), ("WAITING", None)),
        ((AGAIN,), ("RUNNING", 4), ("WAITING", None)),
        ((SENT, FAILED), ("RUNNING", 10), ("WAITING", None)),
        ((SENT, FAILED, AGAIN), ("RUNNING", 14), ("WAITING", None)),
        ((SENT, FAILED, AGAIN, REFUNDED), ("DONE", 15), ("WAITING", None)),
        (TAKEN_BACK[:3], ("DONE", 3), ("RUNNING", None)),
        (TAKEN_BACK, ("DONE", 3), ("DONE", 1)),
    ],
)
def test_a_rollback_tells_how_far_it_is(moments: Any, refund: Any, cancel: Any) -> None:
    """In the order in which they run, each with its tries so far, of all rounds together."""
    assert compensation_rows(run("ROLLING_BACK", *REFUSED, *moments, memo=ROLLS_BACK)) == [
        ("ProcessPayment", "RefundPaymentCommand", *refund),
        ("RegisterOrder", "CancelOrderCommand", *cancel),
    ]


@pytest.mark.parametrize(
    ("moments", "state", "attempts"),
    [
        ((SENT, FAILED), "STUCK", 10),
        ((SENT, FAILED, AGAIN), "STUCK", 14),
        ((SENT, FAILED, AGAIN, REFUNDED), "DONE", 15),
    ],
)
def test_what_the_memo_calls_stuck_is_so_until_it_is_answered(
    moments: Any, state: str, attempts: int
) -> None:
    """The memo is not written again when something stuck gets through: the history has it."""
    stuck_run = run("ROLLBACK_STUCK", *REFUSED, *moments, is_stuck=True, memo=rolls_back(STUCK))
    assert refund_of(stuck_run) == (state, attempts)


def test_what_was_answered_in_a_part_that_was_not_read_is_not_stuck() -> None:
    """Of a long history a part is left out; then the search attribute says that nothing is."""
    over = run("ROLLING_BACK", SENT, FAILED, memo=rolls_back(STUCK))
    assert refund_of(over) == ("DONE", 10)
    assert refund_of(failed_run(SENT, FAILED, memo=rolls_back(STUCK))) == ("DONE", 10)


def test_what_an_earlier_run_had_done_is_done() -> None:
    """Where Temporal has forgotten that run, the memo says so."""
    memo = rolls_back(replace(REFUND, progress=Progress.DONE))
    assert refund_of(run("ROLLING_BACK", memo=memo)) == ("DONE", None)


SETTLED = replace(REFUND, progress=Progress.SETTLED, settlement=settlement(attempts=4))


@pytest.mark.parametrize(
    ("moments", "attempts"),
    [
        ((), 4),
        ((SENT,), 4),
        ((SENT, FAILED, AGAIN), 14),
        ((SENT, FAILED, replace(AGAIN, attempt=None)), 14),
        ((SENT, FAILED, AGAIN, REFUNDED), 15),
        ((SENT, FAILED), 10),
    ],
    ids=[
        "after a reset",
        "one round",
        "the second round",
        "which is over",
        "which got through",
        "between two rounds",
    ],
)
def test_a_settlement_keeps_the_tries_of_the_round_that_it_ended(
    moments: tuple[Moment, ...], attempts: int
) -> None:
    """The history tells nothing of a round that was given up; of one that ended it knows better."""
    settled_run = run("ROLLING_BACK", *REFUSED, *moments, memo=rolls_back(SETTLED))
    assert refund_of(settled_run) == ("SETTLED", attempts)
    [refund, _] = compensations_of(settled_run)
    assert refund.settled is not None
    assert refund.settled.model_dump(include=set(BY_OTTO)) == BY_OTTO


CONFIRM = retriable("ConfirmOrder", "ConfirmOrder", "STUCK", trouble="away")
ASKS = retriable("RegisterOrder", "RegisterOrder", "STUCK", trouble="away")


@pytest.mark.parametrize(("state", "what"), [("COMPLETED", CONFIRM), ("PENDING", ASKS)])
def test_what_else_must_succeed_is_shown_while_it_is_stuck_or_once_it_is_settled(
    state: str, what: Any
) -> None:
    """Past the pivot, or where it is asked how an earlier run ended."""
    command = f"{what.command}Command"
    tries = (
        *PAID,
        moment_sent(command, "order", number=30),
        moment_failed(command, "order", number=30),
    )
    stuck_run = run(state, *tries, is_stuck=True, memo=SagaMemo(retriables=(what,)))
    assert compensation_rows(stuck_run)[0][1:3] == (command, "STUCK")
    again = (
        moment_sent(command, "order", 2, number=50),
        moment_answered(command, "order", "E", number=50),
    )
    assert compensation_rows(replace(stuck_run, moments=(*tries, *again))) == []
    settled_step = replace(what, progress=Progress.SETTLED, settlement=settlement())
    [compensation] = compensations_of(replace(stuck_run, memo=SagaMemo(retriables=(settled_step,))))
    assert (compensation.state, compensation.settled and compensation.settled.by) == (
        "SETTLED",
        "otto",
    )


SENT_ON = (
    *(*PAID, at("state", "COMPLETED")),
    moment_sent("ConfirmOrderCommand", "order", number=30),
    moment_failed("ConfirmOrderCommand", "order", number=30),
    moment_sent("ConfirmOrderCommand", "order", number=40),
)


def test_what_closes_the_record_may_be_settled_and_stuck() -> None:
    """It is sent on with the person's word, and somebody is called if that does not get through."""
    word = settlement()
    stuck_memo = SagaMemo(retriables=(replace(CONFIRM, settlement=word),))
    again = moment_failed("ConfirmOrderCommand", "order", number=40)
    [confirm] = compensations_of(run("COMPLETED", *SENT_ON, again, is_stuck=True, memo=stuck_memo))
    assert (confirm.state, confirm.settled and confirm.settled.by) == ("STUCK", "otto")
    settled_memo = SagaMemo(
        retriables=(replace(CONFIRM, progress=Progress.SETTLED, settlement=word),)
    )
    [confirm] = compensations_of(run("COMPLETED", *SENT_ON, memo=settled_memo))
    assert (confirm.state, confirm.attempts) == ("SETTLED", 10)
    through = moment_answered("ConfirmOrderCommand", "order", "OrderConfirmedEvent", number=40)
    [confirm] = compensations_of(
        run("COMPLETED", *SENT_ON, again, through, is_stuck=True, memo=stuck_memo)
    )
    assert confirm.state == "SETTLED"


def test_a_start_that_names_no_order_has_nothing_to_cancel() -> None:
    """The saga registers nothing, so nothing is shown that would wait for ever."""
    assert (
        compensation_rows(failed_run(at("state", "PENDING"), memo=SagaMemo(failure=FAILURE))) == []
    )
