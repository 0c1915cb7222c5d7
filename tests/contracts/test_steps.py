from collections.abc import Collection
from typing import Any, NamedTuple, get_args, get_origin

import pytest
from temporalio import activity

from contracts import stubs
from contracts.base import Command, Event, Refusal
from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderCancelledEvent,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
    OrderRejectedEvent,
    RegisterOrderCommand,
)
from contracts.payment import (
    CapturePaymentCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from contracts.steps import (
    OPENING,
    PARTICIPANT_OF,
    PARTICIPANTS,
    PAYMENT,
    REFUSALS,
    ROLES,
    STEPS,
    STOCK,
    belongs,
    is_event,
)
from contracts.stock import (
    DecreaseStockCommand,
    RestoreStockCommand,
    StockDecreasedEvent,
    StockDecreaseFailedEvent,
    StockRestoredEvent,
)


class Row(NamedTuple):
    """One row of the design's table of steps."""

    step: str
    queue: str
    command: type[Command]
    event: type[Event]
    compensation: tuple[type[Command], type[Event]] | None
    refusal: tuple[type[Refusal], set[str]] | None


OF_WALLETS = ("INSUFFICIENT_FUNDS", "UNKNOWN_CUSTOMER", "CURRENCY_MISMATCH")
OF_CARDS = ("CARD_DECLINED", "CARD_EXPIRED", "AUTHENTICATION_FAILED", "AMOUNT_NOT_PAYABLE")
TABLE = (
    Row(
        "RegisterOrder",
        "order",
        RegisterOrderCommand,
        OrderRegisteredEvent,
        (CancelOrderCommand, OrderCancelledEvent),
        (OrderRejectedEvent, {"ORDER_ID_REUSED"}),
    ),
    Row(
        "ProcessPayment",
        "payment",
        ProcessPaymentCommand,
        PaymentCompletedEvent,
        (RefundPaymentCommand, PaymentRefundedEvent),
        (PaymentFailedEvent, {*OF_WALLETS, *OF_CARDS}),
    ),
    Row(
        "DecreaseStock",
        "stock",
        DecreaseStockCommand,
        StockDecreasedEvent,
        (RestoreStockCommand, StockRestoredEvent),
        (StockDecreaseFailedEvent, {"OUT_OF_STOCK", "UNKNOWN_SKU"}),
    ),
    Row("CapturePayment", "payment", CapturePaymentCommand, PaymentCapturedEvent, None, None),
    Row("ConfirmOrder", "order", ConfirmOrderCommand, OrderConfirmedEvent, None, None),
)

every_row = pytest.mark.parametrize("row", TABLE, ids=[row.step for row in TABLE])


def test_the_steps_are_those_of_the_design() -> None:
    """All of them, in their order."""
    assert [step.name for step in STEPS] == [row.step for row in TABLE]


@every_row
def test_a_step_is_that_of_the_design(row: Row) -> None:
    """With its participant, command, compensation and refusal."""
    step = next(step for step in STEPS if step.name == row.step)
    compensation = step.compensation
    assert (step.name, step.participant) == (row.step, row.queue)
    assert (step.forward.command_type, step.forward.event_type) == (row.command, row.event)
    assert (
        compensation and (compensation.command_type, compensation.event_type)
    ) == row.compensation
    assert step.refusal is (row.refusal and row.refusal[0])
    assert step.after_pivot is (row.compensation is None)


def test_the_steps_after_the_pivot_are_the_last() -> None:
    """The saga passes its pivot once; and what it can no longer take back has no compensation."""
    marks = [step.after_pivot for step in STEPS]
    assert marks == sorted(marks)
    assert all((step.compensation is None) == step.after_pivot for step in STEPS)


def test_what_derives_from_the_table_has_all_of_it() -> None:
    """By name and by type, forward and back."""
    participants = [step.participant for step in STEPS]
    assert [*PARTICIPANTS] == sorted({*participants}, key=participants.index)
    assert ("orchestrator", *PARTICIPANTS) == ROLES
    assert {step: PARTICIPANT_OF[step] for step in ("ConfirmOrder", "RefundPayment")} == {
        "ConfirmOrder": "order",
        "RefundPayment": "payment",
    }
    assert [step.name for step in (OPENING, PAYMENT, STOCK)] == [row.step for row in TABLE[:3]]


def test_rows_with_one_activity_have_names_of_their_own() -> None:
    """All but one, which a command belongs to where the id of its activity names no step."""
    assert len({step.name for step in STEPS}) == len(STEPS)
    for step in STEPS:
        for command in step.activities:
            assert belongs(step.name, command.command, step.own_name)
            rows = [row for row in STEPS if command.name in {one.name for one in row.activities}]
            assert sum(row.own_name is None for row in rows) <= 1
    assert not belongs("ProcessPayment-2", "RefundPaymentCommand", None)


def test_only_a_payment_may_be_pending() -> None:
    """What waits for the customer answers the command, and does not end the step."""
    names = {step.forward.pending_event for step in STEPS} - {None}
    assert names == {PAYMENT.forward.pending_event} == {PaymentActionRequiredEvent.__name__}
    answer = PaymentActionRequiredEvent(order_id="7", url="https://bank.example", answer_seconds=9)
    assert is_event("ProcessPaymentCommand", answer.model_dump())
    assert PAYMENT.event == "PaymentCompletedEvent"


@every_row
def test_a_step_is_refused_for_the_reasons_of_the_design(row: Row) -> None:
    """A refusal knows the reasons of the table and the fence's own one, and no other."""
    if row.refusal is None:
        return
    refusal, reasons = row.refusal
    assert set(get_args(refusal.model_fields["reason"].annotation)) == reasons | {
        "ALREADY_COMPENSATED"
    }
    assert refusal in REFUSALS


def ours(messages: Collection[type]) -> set[type]:
    """Return the messages of our own contracts, not those that a test defines."""
    return {message for message in messages if message.__module__.startswith("contracts.")}


def test_every_command_and_refusal_belongs_to_a_step() -> None:
    """There is no command and no refusal that no step knows."""
    commands = {activity.command_type for step in STEPS for activity in step.activities}
    assert ours(Command.__subclasses__()) == commands
    assert set(ours(Refusal.__subclasses__())) == set(REFUSALS)


def stubs_by_name() -> dict[str, activity._Definition]:
    """Return the definitions of all activity stubs by the activities' names."""
    definitions = [
        getattr(stub, "__temporal_activity_definition", None) for stub in vars(stubs).values()
    ]
    return {
        str(definition.name): definition for definition in definitions if definition is not None
    }


@every_row
def test_the_activities_are_those_of_the_steps(row: Row) -> None:
    """An activity bears its command's name, takes that command and returns its event.

    So does the activity of the step's compensation.
    """
    for command, event in filter(None, ((row.command, row.event), row.compensation)):
        stub = stubs_by_name()[command.__name__.removesuffix("Command")]
        answer_types = get_args(stub.ret_type) if get_origin(stub.ret_type) else (stub.ret_type,)
        assert stub.arg_types == [command]
        assert event in answer_types
    assert row.step == row.command.__name__.removesuffix("Command")


def test_the_queues_are_those_of_the_steps() -> None:
    """A participant's queue has its name; the orchestrator has a queue of its own."""
    queues = {queue for name, queue in vars(stubs).items() if name.endswith("_QUEUE")}
    assert queues == {*PARTICIPANTS, stubs.ORCHESTRATOR_QUEUE}
    assert stubs.ORCHESTRATOR_QUEUE == "order-saga"


@every_row
def test_only_its_own_event_answers_a_command(row: Row) -> None:
    """What answers another command, or what no participant says, is no event of this one."""
    for command, event in filter(None, ((row.command, row.event), row.compensation)):
        payload: dict[str, Any] = {
            "event": event.__name__,
            "order_id": "7",
            "currency": "GBP",
            "restored": True,
        }
        payload |= {"amount_minor": 255, "refunded_minor": 255, "captured_minor": 255}
        assert is_event(command.__name__, payload)
        others: tuple[Any, ...] = (
            payload | {"event": "NoSuchEvent"},
            {"event": event.__name__},
            {"x": 1},
            None,
            7,
            "done",
            [],
        )
        assert not any(is_event(command.__name__, other) for other in others)
    assert not is_event("NoSuchCommand", {"event": row.event.__name__, "order_id": "7"})
