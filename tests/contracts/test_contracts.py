import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from temporalio.contrib.pydantic import pydantic_data_converter

import contracts
from contracts.acts import Act, TakenDecision, Through
from contracts.base import Command, Contract, Event, digest
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
from contracts.placing import DraftOrder, OrderLine, PlaceOrder
from contracts.record import Compensation, Failure, Settlement
from contracts.states import SagaState, StateMove
from contracts.stock import (
    DecreaseStockCommand,
    RestoreStockCommand,
    StockDecreasedEvent,
    StockDecreaseFailedEvent,
    StockLine,
    StockRestoredEvent,
)

for module_info in pkgutil.iter_modules(contracts.__path__, "contracts."):
    importlib.import_module(module_info.name)


def leaves(base: type[Contract]) -> Iterator[type[Contract]]:
    """Yield our contracts that derive from `base` and from which none derives."""
    for child in base.__subclasses__():
        if child.__module__.startswith("contracts."):
            if child.__subclasses__():
                yield from leaves(child)
            else:
                yield child


NOW = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
ORDER = PlaceOrder(
    customer_id="17850",
    currency="GBP",
    lines=(
        OrderLine(sku="85123A", quantity=6, unit_price_minor=255),
        OrderLine(sku="71053", quantity=1, unit_price_minor=339),
    ),
    deadline_seconds=60,
)
OTHER_ORDER = PlaceOrder(
    customer_id="13047",
    currency="EUR",
    lines=(OrderLine(sku="85123A", quantity=6, unit_price_minor=256),),
    order_id="elsewhere",
    deadline_seconds=61,
)
DECISIONS = (TakenDecision(act=Act.APPROVE, by="ann", reason="ok", at=NOW, through=Through.UPDATE),)
MOVES = (
    StateMove(state=SagaState.PENDING, cause="start", at=NOW),
    StateMove(state=SagaState.FAILED, cause="CANCELLED", at=NOW),
)
SETTLED = Settlement(by="ann", reason="the provider was gone", evidence="bank statement 7", at=NOW)
COMPENSATIONS = (
    Compensation(
        step="ProcessPayment",
        command="RefundPaymentCommand",
        state="SETTLED",
        attempts=12,
        settled=SETTLED,
    ),
    Compensation(step="RegisterOrder", command="CancelOrderCommand", state="DONE"),
)
LINES = (StockLine(sku="85123A", quantity=6),)
OTHER_LINES = (StockLine(sku="85123A", quantity=7),)
PAYMENT: dict[str, Any] = {"customer_id": "17850", "currency": "GBP", "amount_minor": 1530}
OTHER_PAYMENT: dict[str, Any] = {"customer_id": "13047", "currency": "EUR", "amount_minor": 1531}


def keys(step: str, *, compensation: bool = False) -> tuple[dict[str, str], dict[str, str]]:
    """Return what names two commands of two orders."""
    tail = f"/{step}/compensation" if compensation else f"/{step}"
    return {"idempotency_key": f"order-7{tail}", "order_id": "7"}, {
        "idempotency_key": f"order-8{tail}",
        "order_id": "8",
    }


REGISTER, OTHER_REGISTER = keys("RegisterOrder")
CONFIRM, OTHER_CONFIRM = keys("ConfirmOrder")
CANCEL, OTHER_CANCEL = keys("RegisterOrder", compensation=True)
PAY, OTHER_PAY = keys("ProcessPayment")
CAPTURE, OTHER_CAPTURE = keys("CapturePayment")
REFUND, OTHER_REFUND = keys("ProcessPayment", compensation=True)
TAKE, OTHER_TAKE = keys("DecreaseStock")
RESTORE, OTHER_RESTORE = keys("DecreaseStock", compensation=True)
LATER = NOW + timedelta(microseconds=1)

COMMANDS: tuple[tuple[Command, Command], ...] = (
    (
        RegisterOrderCommand(**REGISTER, placed_at=NOW, order=ORDER, request_key="k-1"),
        RegisterOrderCommand(**OTHER_REGISTER, placed_at=LATER, order=OTHER_ORDER, again_of="6"),
    ),
    (
        ConfirmOrderCommand(**CONFIRM, moves=MOVES),
        ConfirmOrderCommand(
            **OTHER_CONFIRM,
            moves=MOVES[:1],
            compensations=(
                Compensation(step="ConfirmOrder", command="ConfirmOrderCommand", state="SETTLED"),
            ),
            decisions=DECISIONS,
            decisions_left_out=1,
        ),
    ),
    (
        CancelOrderCommand(
            **CANCEL,
            placed_at=NOW,
            order=DraftOrder(customer_id="17850", lines=ORDER.lines),
            order_fingerprint=ORDER.fingerprint(),
            request_key="k-1",
            failure=Failure(
                step="ProcessPayment",
                event="PaymentFailedEvent",
                reason="R",
                message="m",
                details={"a": [1, None]},
            ),
            compensations=COMPENSATIONS,
            moves=MOVES,
        ),
        CancelOrderCommand(
            **OTHER_CANCEL,
            placed_at=LATER,
            order=DraftOrder(),
            order_fingerprint=OTHER_ORDER.fingerprint(),
            failure=Failure(reason="CANCELLED", message="cancelled by ann: too late"),
            compensations=(),
            moves=MOVES[:1],
            decisions=DECISIONS,
            decisions_left_out=1,
            again_of="6",
        ),
    ),
    (ProcessPaymentCommand(**PAY, **PAYMENT), ProcessPaymentCommand(**OTHER_PAY, **OTHER_PAYMENT)),
    (
        RefundPaymentCommand(**REFUND, **PAYMENT),
        RefundPaymentCommand(**OTHER_REFUND, **OTHER_PAYMENT),
    ),
    (
        CapturePaymentCommand(**CAPTURE, **PAYMENT, reference="pi_1"),
        CapturePaymentCommand(**OTHER_CAPTURE, **OTHER_PAYMENT, reference="pi_2"),
    ),
    (
        DecreaseStockCommand(**TAKE, lines=LINES),
        DecreaseStockCommand(**OTHER_TAKE, lines=OTHER_LINES),
    ),
    (
        RestoreStockCommand(**RESTORE, lines=LINES),
        RestoreStockCommand(**OTHER_RESTORE, lines=OTHER_LINES),
    ),
)

REPORTS: dict[type[Command], set[str]] = {
    RegisterOrderCommand: {"request_key", "again_of", "placed_at"},
    ConfirmOrderCommand: {"moves", "compensations", "decisions", "decisions_left_out"},
    CancelOrderCommand: {
        "request_key",
        "again_of",
        "placed_at",
        "failure",
        "compensations",
        "moves",
        "decisions",
        "decisions_left_out",
    },
}
"""What a command tells besides what it asks for."""

SHORT: dict[str, Any] = {"lines": [{"sku": "85123A", "asked": 6, "left": 2}]}
EVENTS: tuple[Event, ...] = (
    OrderRegisteredEvent(order_id="7"),
    OrderConfirmedEvent(order_id="7"),
    OrderCancelledEvent(order_id="7"),
    OrderRejectedEvent(order_id="7", reason="ORDER_ID_REUSED", message="choose another id"),
    PaymentCompletedEvent(order_id="7", currency="GBP", amount_minor=1530),
    PaymentActionRequiredEvent(order_id="7", url="https://bank.example/7", answer_seconds=600),
    PaymentCapturedEvent(order_id="7", currency="GBP", captured_minor=1530),
    PaymentRefundedEvent(order_id="7", currency="GBP", refunded_minor=0),
    PaymentFailedEvent(
        order_id="7",
        reason="INSUFFICIENT_FUNDS",
        message="15.30 GBP asked, 1.00 left",
        details={"left": 100},
    ),
    StockDecreasedEvent(order_id="7"),
    StockRestoredEvent(order_id="7", restored=True),
    StockDecreaseFailedEvent(
        order_id="7", reason="OUT_OF_STOCK", message="85123A: 6 asked, 2 left", details=SHORT
    ),
)

MESSAGES: tuple[Command | Event, ...] = (
    *(command for pair in COMMANDS for command in pair),
    *EVENTS,
)
every_message = pytest.mark.parametrize(
    "message", MESSAGES, ids=lambda message: type(message).__name__
)
every_command = pytest.mark.parametrize(
    ("one", "other"), COMMANDS, ids=[type(one).__name__ for one, _ in COMMANDS]
)
every_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)


def test_these_are_all_messages() -> None:
    """Every command and event of ours is among the examples here."""
    assert {type(message) for message in MESSAGES} == {*leaves(Command), *leaves(Event)}


@pytest.mark.parametrize("contract", list(leaves(Contract)), ids=lambda contract: contract.__name__)
def test_every_contract_is_frozen_and_tolerant(contract: type[Contract]) -> None:
    """No contract opts out of being frozen, or of ignoring fields that it does not know."""
    assert contract.model_config.get("frozen") is True
    assert contract.model_config.get("extra") == "ignore"


@every_message
def test_a_message_cannot_be_changed(message: Command | Event) -> None:
    """What was said stays as it was said."""
    for field in type(message).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(message, field, getattr(message, field))


@every_message
def test_a_message_of_a_newer_release_is_understood(message: Command | Event) -> None:
    """Fields that were added later are ignored, not refused."""
    newer = message.model_dump(mode="json") | {"added_later": {"x": 1}}
    assert type(message).model_validate(newer) == message


@every_message
def test_a_message_survives_its_journey(message: Command | Event) -> None:
    """Through JSON and through Temporal's payloads a message arrives as it was sent."""
    assert type(message).model_validate_json(message.model_dump_json()) == message
    converter = pydantic_data_converter.payload_converter
    assert converter.from_payloads(converter.to_payloads([message]), [type(message)]) == [message]


def test_a_cancel_that_holds_a_whole_order_arrives_with_the_same_order() -> None:
    """A cancel carries a placed order as a draft, and nothing is lost.

    What was ordered, and the fingerprints of order and command, stay.
    """
    cancel_command = COMMANDS[2][0].model_copy(
        update={"order": ORDER, "order_fingerprint": ORDER.fingerprint()}
    )
    converter = pydantic_data_converter.payload_converter
    [came] = converter.from_payloads(converter.to_payloads([cancel_command]), [CancelOrderCommand])
    assert came.order == DraftOrder(
        customer_id=ORDER.customer_id, currency=ORDER.currency, lines=ORDER.lines
    )
    assert (came.order_fingerprint, came.fingerprint()) == (
        ORDER.fingerprint(),
        cancel_command.fingerprint(),
    )


@every_event
def test_an_event_carries_its_own_name(event: Event) -> None:
    """`event` is the name of the class, by default and always."""
    name = type(event).__name__
    field = type(event).model_fields["event"]
    assert (event.event, field.default, get_args(field.annotation)) == (name, name, (name,))
    with pytest.raises(ValidationError):
        type(event).model_validate(event.model_dump() | {"event": "AnotherEvent"})


@every_command
def test_a_fingerprint_is_of_what_is_asked(one: Command, other: Command) -> None:
    """What is asked for changes the fingerprint.

    What is only reported, or names the effect, does not.
    """
    assert one.not_fingerprinted == {"idempotency_key"} | REPORTS.get(type(one), set())
    for field in type(one).model_fields:
        assert getattr(one, field) != getattr(other, field), (
            f"{field} should differ in this example"
        )
        other_command = one.model_copy(update={field: getattr(other, field)})
        assert (other_command.fingerprint() == one.fingerprint()) == (
            field in one.not_fingerprinted
        ), field


@every_message
def test_a_fingerprint_survives_the_journey(message: Command | Event) -> None:
    """A command that arrives asks for what was sent."""
    if isinstance(message, Command):
        assert (
            type(message).model_validate_json(message.model_dump_json()).fingerprint()
            == message.fingerprint()
        )


def test_an_order_that_repeats_its_id_is_the_same_order() -> None:
    """An order that repeats the id of its command asks for the same thing."""
    register = COMMANDS[0][0]
    assert isinstance(register, RegisterOrderCommand)
    command_with_id = register.model_copy(
        update={"order": register.order.model_copy(update={"order_id": register.order_id})}
    )
    assert command_with_id.fingerprint() == register.fingerprint()


def test_an_orders_fingerprint_is_of_its_content() -> None:
    """Every field of an order counts, but for its id."""
    for field in PlaceOrder.model_fields:
        other_order = ORDER.model_copy(update={field: getattr(OTHER_ORDER, field)})
        assert (other_order.fingerprint() == ORDER.fingerprint()) == (field == "order_id"), field


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    """Two JSON objects with the same content have the same digest, and different ones do not."""
    assert digest({"a": 1, "b": [{"c": 2, "d": "é"}]}) == digest(
        {"b": [{"d": "é", "c": 2}], "a": 1}
    )
    assert len({digest(value) for value in (1, "1", [1], True, None, {"1": 1}, [])}) == 7
