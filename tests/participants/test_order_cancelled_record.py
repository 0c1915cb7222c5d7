"""What the order service promises of an order that is cancelled."""

from datetime import UTC, datetime

import pytest

from contracts.order import (
    CancelOrderCommand,
    OrderCancelledEvent,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
    OrderRejectedEvent,
)
from contracts.placing import DraftOrder, OrderLine
from contracts.record import Failure
from contracts.states import OrderStatus, SagaState, StateMove
from participants.order.service import OrderService
from tests.commands import (
    ORDER,
    OTHER_ORDER,
    OUT_OF_STOCK,
    START,
    TAKEN_BACK,
    cancel,
    confirm,
    moves,
    register,
)
from tests.participants.state import LATER, REUSED, all_on_record, moves_on_record, record


def test_cancel_closes_the_order_with_the_whole_story(orders: OrderService) -> None:
    """A cancelled order is CANCELLED and FAILED, with failure, compensations, and all its moves."""
    orders.register(register("7"))
    open_record = record(orders)
    before = datetime.now(UTC)
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    closed_record = record(orders)
    assert closed_record.closed_at is not None
    assert before <= closed_record.closed_at <= datetime.now(UTC)
    assert closed_record == open_record.model_copy(
        update={
            "state": SagaState.FAILED,
            "status": OrderStatus.CANCELLED,
            "closed_at": closed_record.closed_at,
            "failure": OUT_OF_STOCK,
            "compensations": TAKEN_BACK,
        }
    )
    ending = StateMove(
        state=SagaState.FAILED, cause="OrderCancelledEvent", at=closed_record.closed_at
    )
    assert moves_on_record(orders) == (*cancel("7").moves, ending)


def test_cancel_of_an_order_that_was_never_registered_records_it_closed(
    orders: OrderService,
) -> None:
    """When registering never came, the record is created as closed.

    It says what was ordered and why it failed.
    """
    orders.cancel(cancel("7", request_key="key"))
    closed_record = record(orders)
    assert (closed_record.status, closed_record.state, closed_record.failure) == (
        OrderStatus.CANCELLED,
        SagaState.FAILED,
        OUT_OF_STOCK,
    )
    assert (
        closed_record.customer_id,
        closed_record.currency,
        closed_record.total_minor,
        closed_record.lines,
    ) == (
        "17850",
        "GBP",
        2_369,
        ORDER.lines,
    )
    assert closed_record.placed_at == START
    assert closed_record.closed_at is not None
    assert orders.identity("7") == (ORDER.fingerprint(), "key")


@pytest.mark.parametrize("lines", [None, ()], ids=["no lines known", "empty lines"])
def test_cancel_records_an_order_of_which_nothing_is_known(
    orders: OrderService, lines: tuple[OrderLine, ...] | None
) -> None:
    """A start that was no order is recorded closed; what it did not say is None."""
    nothing = DraftOrder(lines=lines)
    invalid = Failure(
        reason="INVALID_ORDER", message="give the order as one JSON object; 0 arguments came"
    )
    command = cancel("7", nothing, failure=invalid, compensations=())
    assert orders.cancel(command) == OrderCancelledEvent(order_id="7")
    closed_record = record(orders)
    assert (closed_record.customer_id, closed_record.currency, closed_record.lines) == (
        None,
        None,
        None,
    )
    assert closed_record.total_minor == nothing.total_minor
    assert (closed_record.status, closed_record.failure, closed_record.compensations) == (
        OrderStatus.CANCELLED,
        invalid,
        (),
    )
    assert orders.identity("7") == (nothing.fingerprint(), None)
    assert orders.cancel(command) == OrderCancelledEvent(order_id="7")


def test_what_is_no_order_cancels_none_that_is_on_record(orders: OrderService) -> None:
    """A start by hand without an order of its own leaves an earlier run's alone.

    That one may have been paid.
    """
    orders.register(register("7"))
    before = all_on_record(orders)
    invalid = Failure(
        reason="INVALID_ORDER",
        message="the order_id 'seven' and the workflow id 'order-7' name different orders",
    )
    assert orders.cancel(cancel("7", failure=invalid, compensations=())) == REUSED
    assert all_on_record(orders) == before


def test_the_last_move_of_a_cancelled_order_is_the_order_services_own(orders: OrderService) -> None:
    """The saga tells its moves up to the rollback.

    That the order failed is added when it is closed.
    """
    state_moves = moves(START, SagaState.PENDING, SagaState.ROLLING_BACK)
    orders.cancel(cancel("7").model_copy(update={"moves": state_moves}))
    assert [move.state for move in moves_on_record(orders)] == [
        *(move.state for move in state_moves),
        SagaState.FAILED,
    ]


def test_cancel_repeated_by_a_later_run_closes_once(orders: OrderService) -> None:
    """The same cancellation with another story, as after a workflow reset, changes nothing."""
    orders.register(register("7"))
    first = orders.cancel(cancel("7"))
    before = all_on_record(orders)
    other = Failure(reason="CANCELLED", message="cancelled by Eve: again")
    assert (
        orders.cancel(
            cancel("7", start=LATER, failure=other, compensations=(), request_key="other")
        )
        == first
    )
    assert all_on_record(orders) == before


def test_cancel_is_the_same_command_after_its_way_through_the_wire(orders: OrderService) -> None:
    """An order as it was placed and as it is read back from JSON are the same to the fence."""
    command = cancel("7")
    command_from_wire = CancelOrderCommand.model_validate_json(command.model_dump_json())
    assert (
        orders.cancel(command)
        == orders.cancel(command_from_wire)
        == OrderCancelledEvent(order_id="7")
    )


def test_cancel_of_another_order_under_the_same_id_leaves_that_one_alone(
    orders: OrderService,
) -> None:
    """A saga whose registration was refused cannot cancel the order that owns the id.

    That order's own saga still can.
    """
    orders.register(register("7"))
    orders.register(register("7", OTHER_ORDER))
    before = all_on_record(orders)
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert all_on_record(orders) == before
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    assert record(orders).status == OrderStatus.CANCELLED


def test_cancel_of_another_order_does_not_keep_the_owner_from_being_confirmed(
    orders: OrderService,
) -> None:
    """The owner of the id goes on as if nobody else had come."""
    orders.register(register("7"))
    orders.cancel(cancel("7", OTHER_ORDER))
    assert orders.register(register("7")) == OrderRegisteredEvent(
        order_id="7", known=OrderStatus.PENDING
    )
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")
    before = all_on_record(orders)
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert all_on_record(orders) == before


def test_cancel_of_another_order_leaves_a_cancelled_one_alone(orders: OrderService) -> None:
    """The owner's story stays as it is, also when another order of that id is cancelled later."""
    orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = all_on_record(orders)
    assert orders.cancel(cancel("7", OTHER_ORDER)) == REUSED
    assert all_on_record(orders) == before


def test_a_confirmed_order_is_only_cancelled_by_a_saga_that_took_something_back(
    orders: OrderService,
) -> None:
    """A saga started again under a confirmed order's id and stopped at once cancels nothing.

    A reset one that refunded does.
    """
    orders.register(register("7"))
    orders.confirm(confirm("7"))
    before = all_on_record(orders)
    assert orders.cancel(cancel("7", compensations=TAKEN_BACK[1:])) == REUSED
    assert all_on_record(orders) == before
    assert orders.cancel(cancel("7")) == OrderCancelledEvent(order_id="7")
    assert record(orders).status == OrderStatus.CANCELLED


@pytest.mark.parametrize("was_registered", [True, False])
def test_register_after_cancel_is_refused(orders: OrderService, was_registered: bool) -> None:
    """A registration that arrives after its cancellation opens nothing.

    Its refusal says that it came too late.
    """
    if was_registered:
        orders.register(register("7"))
    orders.cancel(cancel("7"))
    before = all_on_record(orders)
    late = orders.register(register("7"))
    assert isinstance(late, OrderRejectedEvent)
    assert late.reason == "ALREADY_COMPENSATED"
    assert "arrived after its compensation" in late.message
    assert all_on_record(orders) == before
