"""What people decided about an order is on record for ever, and nothing of it twice."""

from datetime import timedelta

import sqlalchemy as sa

from contracts.acts import Act, TakenDecisions, Through
from contracts.order import OrderCancelledEvent
from participants.order.service import OrderService
from participants.order.tables import DECISIONS
from tests.commands import (
    OTHER_ORDER,
    cancel,
    confirm,
    decision,
    register,
    settled_confirm,
)
from tests.participants.state import decisions

APPROVED = decision(Act.APPROVE, "anna")
RETRIED = decision(Act.RETRY, hours=2, step="ConfirmOrder")
SETTLED = decision(Act.SETTLE, hours=3, step="ConfirmOrder", evidence="ticket 12")
CANCELLED = decision(Act.CANCEL, "temporal", through=Through.TEMPORAL)


def test_a_confirmed_order_remembers_who_approved_it(orders: OrderService) -> None:
    """With when and why, and how it was said."""
    orders.register(register("7"))
    assert decisions(orders) == TakenDecisions(decisions=(), left_out=0)
    orders.confirm(confirm("7").model_copy(update={"decisions": (APPROVED,)}))
    assert decisions(orders) == TakenDecisions(decisions=(APPROVED,), left_out=0)


def test_a_cancelled_order_remembers_who_cancelled_it(orders: OrderService) -> None:
    """Also one that was never registered."""
    orders.cancel(cancel("7", decisions=(CANCELLED,)))
    assert decisions(orders).decisions == (CANCELLED,)


def test_a_closing_command_that_is_repeated_adds_what_came_since(orders: OrderService) -> None:
    """It was stuck, retried and settled: its later tries tell more, and nothing comes twice."""
    orders.register(register("7"))
    first = confirm("7").model_copy(update={"decisions": (APPROVED, RETRIED)})
    later = settled_confirm("7").model_copy(
        update={"decisions": (APPROVED, RETRIED, RETRIED, SETTLED)}
    )
    orders.confirm(first)
    orders.confirm(first)
    assert decisions(orders).decisions == (APPROVED, RETRIED)
    for _ in range(2):
        orders.confirm(later)
        assert decisions(orders).decisions == (APPROVED, RETRIED, RETRIED, SETTLED)
    orders.confirm(first)
    assert decisions(orders).decisions == (APPROVED, RETRIED, RETRIED, SETTLED)


def test_a_reset_that_says_a_decision_again_adds_none(orders: OrderService) -> None:
    """It is the same decision at another time: the first time stays."""
    orders.register(register("7"))
    orders.cancel(cancel("7", decisions=(CANCELLED,)))
    again = CANCELLED.model_copy(update={"at": CANCELLED.at + timedelta(days=1)})
    retry = decision(Act.RETRY, hours=30, step="ProcessPayment")
    orders.cancel(cancel("7", decisions=(again, retry)))
    assert decisions(orders).decisions == (CANCELLED, retry)


def test_what_was_left_out_is_counted(orders: OrderService) -> None:
    """Of very many decisions the saga tells the last ones."""
    orders.register(register("7"))
    orders.cancel(cancel("7", decisions=(CANCELLED,), decisions_left_out=20))
    assert decisions(orders) == TakenDecisions(decisions=(CANCELLED,), left_out=20)


def test_the_decisions_about_another_order_of_that_id_are_not_recorded(
    orders: OrderService, engine: sa.Engine
) -> None:
    """A refused Cancel leaves nothing, and a repeated one neither."""
    orders.register(register("7"))
    for _ in range(2):
        answer = orders.cancel(cancel("7", OTHER_ORDER, decisions=(CANCELLED,)))
        assert not isinstance(answer, OrderCancelledEvent)
    with engine.connect() as connection:
        assert connection.execute(sa.select(DECISIONS)).all() == []
