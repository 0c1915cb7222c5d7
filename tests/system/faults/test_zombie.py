"""A command that lands after its compensation, from a worker that was taken for dead."""

import signal
from functools import partial

import pytest
import sqlalchemy as sa

from contracts.steps import ROLES
from participants.payment.tables import FENCE, PAYMENTS
from temporal_saga.database import open_database, reading
from tests.stack import Stack, order, until
from tests.system.faults.conftest import FUNDS


@pytest.mark.long
def test_a_payment_that_wakes_after_its_refund_takes_nothing(stack: Stack) -> None:
    """A worker is suspended in mid-payment until the order is refunded and cancelled.

    What it does on waking has no effect.
    """
    stack.start_all(*ROLES)
    with stack.hold_database("payment"):  # the payment is begun and has to wait
        assert stack.place(order(order_id="late", deadline_seconds=3)).status_code == 202
        until(partial(stack.at_work, "late", "ProcessPayment"), "the payment is at work")
        zombie = stack.processes["payment"]
        zombie.send_signal(
            signal.SIGTERM
        )  # it takes nothing new, and waits for what it has in hand
        until(lambda: "stopping: payment" in stack.log_text("payment"), "the worker is stopping")
        stack.suspend("payment")
    # Only then: a try that found the database locked for too long must not be taken up by the other
    # worker in time.
    until(
        lambda: stack.http.get("/orders/late").json()["state"] == "ROLLING_BACK",
        "the deadline has passed",
    )
    stack.start_worker("payment-2")
    view = stack.closed_order("late")
    assert (view["state"], view["failure"]["reason"]) == ("FAILED", "DEADLINE_EXCEEDED")
    assert [c["command"] for c in view["compensations"]] == [
        "RefundPaymentCommand",
        "CancelOrderCommand",
    ]
    zombie.send_signal(signal.SIGCONT)  # it finishes what it has in hand, and ends
    assert zombie.wait(30) == 0
    payment = open_database(f"sqlite:///{stack.data_dir}/payment.db")
    with reading(payment) as connection:
        outcome = sa.select(FENCE.c.outcome).where(FENCE.c.key == "order-late/ProcessPayment")
        assert connection.scalar(outcome) == "TOMBSTONE"
        assert connection.execute(sa.select(PAYMENTS)).all() == []
    payment.dispose()
    assert stack.http.get("/customers/rich/wallet").json()["balance_minor"] == FUNDS
