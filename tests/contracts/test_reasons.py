"""Why an order fails: a sentence for the customer, and details that a program can use."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from temporalio.exceptions import ApplicationError

from contracts.base import Refusal
from contracts.order import OrderRejectedEvent, RegisterOrderCommand
from contracts.payment import PaymentFailedEvent, ProcessPaymentCommand, WalletView
from contracts.placing import PlaceOrder
from contracts.prose import FOR_CUSTOMERS
from contracts.record import Failure as Told
from contracts.states import FailureReason
from contracts.stock import DecreaseStockCommand, StockDecreaseFailedEvent, StockView
from contracts.views import FailureView
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from temporal_saga.failure import Failure, cancelled_by_temporal, overdue, unavailable
from workflows import calls

NOW = datetime(2026, 1, 5, 9, 45, tzinfo=UTC)
ORDER = PlaceOrder.model_validate(
    {
        "customer_id": "ann",
        "currency": "GBP",
        "lines": [
            {"sku": "tea", "quantity": 6, "unit_price_minor": 255},
            {"sku": "cup", "quantity": 1, "unit_price_minor": 0},
        ],
    }
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database."""
    engine = open_database(f"sqlite:///{tmp_path}/any.db")
    yield engine
    engine.dispose()


def pay(engine: sa.Engine, customer: str, currency: str) -> Any:
    service = PaymentService.open(engine)
    service.open_wallets([WalletView(customer_id="ann", currency="GBP", balance_minor=100)])
    fields = {"customer_id": customer, "currency": currency, "amount_minor": ORDER.total_minor}
    return service.process(ProcessPaymentCommand(idempotency_key="k", order_id="7", **fields))


def take(engine: sa.Engine, *skus: str) -> Any:
    service = StockService.open(engine)
    service.add_products(StockView(sku=sku, name=sku, available=2) for sku in skus)
    lines = [line.model_dump(exclude={"unit_price_minor"}) for line in ORDER.lines]
    return service.decrease(
        DecreaseStockCommand.model_validate(
            {"idempotency_key": "k", "order_id": "7", "lines": lines}
        )
    )


def register_twice(engine: sa.Engine) -> Any:
    service = OrderService.open(engine)
    first = ORDER
    second = ORDER.model_copy(update={"customer_id": "bob"})
    for order in (first, second):
        answer = service.register(
            RegisterOrderCommand(idempotency_key="k", order_id="7", placed_at=NOW, order=order)
        )
    return answer


REFUSED: dict[str, tuple[Callable[[sa.Engine], Any], str, dict[str, Any]]] = {
    "ORDER_ID_REUSED": (
        register_twice,
        "the order id 7 belongs to another order; choose another id",
        {"order_id": "7"},
    ),
    "INSUFFICIENT_FUNDS": (
        lambda engine: pay(engine, "ann", "GBP"),
        "the order costs 15.30 GBP, and there are 1.00 GBP in the wallet",
        {"asked_minor": 1530, "balance_minor": 100, "currency": "GBP"},
    ),
    "UNKNOWN_CUSTOMER": (
        lambda engine: pay(engine, "zoe", "GBP"),
        "customer zoe has no wallet",
        {"customer_id": "zoe"},
    ),
    "CURRENCY_MISMATCH": (
        lambda engine: pay(engine, "ann", "EUR"),
        "the wallet of ann is in GBP, the order in EUR",
        {"wallet_currency": "GBP", "order_currency": "EUR"},
    ),
    "OUT_OF_STOCK": (
        lambda engine: take(engine, "tea", "cup"),
        "tea: 6 asked, 2 left",
        {"short": [{"sku": "tea", "asked": 6, "available": 2}]},
    ),
    "UNKNOWN_SKU": (
        lambda engine: take(engine, "cup"),
        "not a product of this shop: tea",
        {"skus": ["tea"]},
    ),
}


OF_THE_PROVIDER = ("CARD_DECLINED", "CARD_EXPIRED", "AUTHENTICATION_FAILED", "AMOUNT_NOT_PAYABLE")
"""A card provider says so in its own words: tests/participants/test_cards.py."""


@pytest.mark.parametrize(("reason", "row"), REFUSED.items())
def test_a_participant_says_no_in_words_and_in_numbers(
    database: sa.Engine, reason: str, row: tuple[Callable[[sa.Engine], Any], str, dict[str, Any]]
) -> None:
    """Each refusal is told as its row says: the reader knows what to do.

    The amounts are minor units.
    """
    refuse, message, details = row
    answer = refuse(database)
    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.message, answer.details) == (reason, message, details)
    json.dumps(answer.details)


def test_every_refusal_has_its_row() -> None:
    """No refusal is left out.

    The one of a command that comes after its compensation stops nothing that is not stopped.
    """
    kinds = (OrderRejectedEvent, PaymentFailedEvent, StockDecreaseFailedEvent)
    reasons = {
        reason for kind in kinds for reason in get_args(kind.model_fields["reason"].annotation)
    }
    assert reasons - {"ALREADY_COMPENSATED", *OF_THE_PROVIDER} == REFUSED.keys()


def caused_by(cause: BaseException) -> BaseException:
    """Return an error of which this is the cause, as of an activity."""
    error = RuntimeError("Activity task failed")
    error.__cause__ = cause
    return error


STOPPED: list[tuple[Failure, str, dict[str, Any]]] = [
    (
        unavailable(calls.process_payment("7", ORDER), ConnectionError("no route")),
        "the payment service gave no usable answer in time",
        {"participant": "payment", "error": "no route"},
    ),
    (
        unavailable(
            calls.process_payment("7", ORDER), ConnectionError("activity StartToClose timeout")
        ),
        (
            "the payment service gave no usable answer in time: "
            "a worker took the command and did not come back in time"
        ),
        {
            "participant": "payment",
            "error": (
                "a worker took the command and did not come back in time "
                "(activity StartToClose timeout)"
            ),
        },
    ),
    (
        unavailable(
            calls.process_payment("7", ORDER),
            caused_by(caused_by(ApplicationError("7", type="Odd"))),
        ),
        "the payment service gave no usable answer in time: Odd",
        {"participant": "payment", "error": "Odd: 7"},
    ),
    (
        unavailable(
            calls.process_payment("7", ORDER),
            caused_by(ApplicationError("no money", type="CardDeclined", non_retryable=True)),
        ),
        (
            "the payment service gave no usable answer: CardDeclined, which is not among the "
            "saga's refusals"
        ),
        {"participant": "payment", "error": "CardDeclined: no money"},
    ),
    (
        overdue(NOW, "DecreaseStock"),
        (
            "it was not completed by its deadline, 2026-01-05 09:45:00 UTC: "
            "DecreaseStock had no answer by then"
        ),
        {"deadline": "2026-01-05T09:45:00+00:00"},
    ),
    (cancelled_by_temporal(""), "cancelled by an operator", {"by": "temporal", "reason": ""}),
    (
        cancelled_by_temporal("wrong shop"),
        "cancelled by an operator: wrong shop",
        {"by": "temporal", "reason": "wrong shop"},
    ),
]


@pytest.mark.parametrize(("failure", "message", "details"), STOPPED)
def test_a_saga_that_stops_says_why(
    failure: Failure, message: str, details: dict[str, Any]
) -> None:
    """The sentence is for who looks after orders; what programs need stands in the details."""
    assert (failure.message, failure.details) == (message, details)
    assert Told.model_validate(vars(failure)).message == message


@pytest.mark.parametrize(
    "message",
    [*(row[1] for row in REFUSED.values()), *(row[1] for row in STOPPED)],
)
def test_a_message_is_one_sentence(message: str) -> None:
    """It is one line, and no name of an error or of a reason stands in it."""
    assert "\n" not in message
    assert not re.search(r"[A-Z]{3,}_|Error|Exception|None|\{", message)
    assert 10 < len(message) < 120


def test_every_reason_is_in_the_enumeration() -> None:
    """Every reason that a participant or the saga gives is in the OpenAPI document."""
    reasons_given = {
        *REFUSED,
        *(failure.reason for failure, *_ in STOPPED),
        *("REJECTED", "REVIEW_EXPIRED", "INVALID_ORDER", "ALREADY_COMPENSATED"),
    }
    assert reasons_given <= set(FailureReason)


@pytest.mark.parametrize("reason", FailureReason)
def test_a_customer_is_told_why_in_a_sentence(reason: FailureReason) -> None:
    """It is polite, complete and the same for every order.

    It holds no amount, no name and nothing of how the shop works.
    """
    sentence = FailureView(
        reason=reason, message="ann said so: 1.00 GBP left", details={"by": "ann"}
    ).customer_message
    assert sentence == FOR_CUSTOMERS[reason]
    assert re.fullmatch(r"[A-Z][^\n]{20,180}\.", sentence)
    assert not re.search(
        r"[0-9_{}]|[A-Z]{2}|saga|service|wallet|operator|Temporal|\bann\b", sentence
    )
    assert reason in (FailureReason.__doc__ or ""), (
        "the enumeration says what each of its values means"
    )


def test_a_reason_of_another_release_is_told_as_other() -> None:
    """An order that failed for a reason unknown to this release can still be read.

    Its details say what was given.
    """
    failure = Told(
        step="ProcessPayment", reason="CARD_LOST", message="the card was lost", details={"card": 7}
    )
    failure_view = FailureView.model_validate(failure)
    assert (failure_view.reason, failure_view.message, failure_view.step) == (
        "OTHER",
        "the card was lost",
        "ProcessPayment",
    )
    assert failure_view.details == {"reason": "CARD_LOST", "card": 7}
    assert FailureView.model_validate_json(failure_view.model_dump_json()) == failure_view
