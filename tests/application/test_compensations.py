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
    answered,
    at,
    failed,
    failed_run,
    retriable,
    run,
    sent,
    settlement,
)

SENT = sent("RefundPaymentCommand", "payment", number=30)
FAILED = failed("RefundPaymentCommand", "payment", number=30)
AGAIN = sent("RefundPaymentCommand", "payment", attempt=4, number=40)
REFUNDED = answered("RefundPaymentCommand", "payment", "PaymentRefundedEvent", 5, number=40)
STUCK = replace(REFUND, progress=Progress.STUCK, trouble="away", stuck_since=CLOSED_AT)


def rolls_back(refund: Any) -> SagaMemo:
    return SagaMemo(failure=FAILURE, retriables=(refund, CANCEL))


def shown(order_run: Run) -> list[tuple[str, str, str, int | None]]:
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
    assert shown(run("ROLLING_BACK", *REFUSED, *moments, memo=ROLLS_BACK)) == [
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
    stuck = run("ROLLBACK_STUCK", *REFUSED, *moments, stuck=True, memo=rolls_back(STUCK))
    assert refund_of(stuck) == (state, attempts)


def test_what_was_answered_in_a_part_that_was_not_read_is_not_stuck() -> None:
    """Of a long history a part is left out; then the search attribute says that nothing is."""
    over = run("ROLLING_BACK", SENT, FAILED, memo=rolls_back(STUCK))
    assert refund_of(over) == ("DONE", 10)
    assert refund_of(failed_run(SENT, FAILED, memo=rolls_back(STUCK))) == ("DONE", 10)


def test_what_an_earlier_run_had_done_is_done() -> None:
    """Where Temporal has forgotten that run, the memo says so."""
    done = rolls_back(replace(REFUND, progress=Progress.DONE))
    assert refund_of(run("ROLLING_BACK", memo=done)) == ("DONE", None)


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
    settled = run("ROLLING_BACK", *REFUSED, *moments, memo=rolls_back(SETTLED))
    assert refund_of(settled) == ("SETTLED", attempts)
    [refund, _] = compensations_of(settled)
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
    tries = (*PAID, sent(command, "order", number=30), failed(command, "order", number=30))
    stuck = run(state, *tries, stuck=True, memo=SagaMemo(retriables=(what,)))
    assert shown(stuck)[0][1:3] == (command, "STUCK")
    again = (sent(command, "order", 2, number=50), answered(command, "order", "E", number=50))
    assert shown(replace(stuck, moments=(*tries, *again))) == []
    settled = replace(what, progress=Progress.SETTLED, settlement=settlement())
    [found] = compensations_of(replace(stuck, memo=SagaMemo(retriables=(settled,))))
    assert (found.state, found.settled and found.settled.by) == ("SETTLED", "otto")


SENT_ON = (
    *(*PAID, at("state", "COMPLETED")),
    sent("ConfirmOrderCommand", "order", number=30),
    failed("ConfirmOrderCommand", "order", number=30),
    sent("ConfirmOrderCommand", "order", number=40),
)


def test_what_closes_the_record_may_be_settled_and_stuck() -> None:
    """It is sent on with the person's word, and somebody is called if that does not get through."""
    word = settlement()
    stuck = SagaMemo(retriables=(replace(CONFIRM, settlement=word),))
    again = failed("ConfirmOrderCommand", "order", number=40)
    [confirm] = compensations_of(run("COMPLETED", *SENT_ON, again, stuck=True, memo=stuck))
    assert (confirm.state, confirm.settled and confirm.settled.by) == ("STUCK", "otto")
    settled = SagaMemo(retriables=(replace(CONFIRM, progress=Progress.SETTLED, settlement=word),))
    [confirm] = compensations_of(run("COMPLETED", *SENT_ON, memo=settled))
    assert (confirm.state, confirm.attempts) == ("SETTLED", 10)
    through = answered("ConfirmOrderCommand", "order", "OrderConfirmedEvent", number=40)
    [confirm] = compensations_of(run("COMPLETED", *SENT_ON, again, through, stuck=True, memo=stuck))
    assert confirm.state == "SETTLED"


def test_a_start_that_names_no_order_has_nothing_to_cancel() -> None:
    """The saga registers nothing, so nothing is shown that would wait for ever."""
    assert shown(failed_run(at("state", "PENDING"), memo=SagaMemo(failure=FAILURE))) == []
