"""Histories of every release so far, replayed without a server.

The code of today understands the sagas of yesterday.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from temporal_saga.history import project
from temporal_saga.moment import Moment
from tests.workflows.order_scripts import replayer
from tests.workflows.orders import RECORDED, RECORDED_LOCALLY
from tests.workflows.record import HISTORIES, OF_THIS_MACHINE

FILES = sorted(HISTORIES.glob("*/*.json"))

REGISTERED = ["state PENDING", "command RegisterOrderCommand", "event OrderRegisteredEvent"]
PAID = [
    *REGISTERED,
    "command ProcessPaymentCommand",
    "event PaymentCompletedEvent",
    "state PAYMENT_COMPLETED",
]
TAKEN = [*PAID, "command DecreaseStockCommand", "event StockDecreasedEvent", "state COMPLETED"]
CONFIRMED = [*TAKEN, "command ConfirmOrderCommand", "event OrderConfirmedEvent"]
REFUNDED = ["command RefundPaymentCommand", "event PaymentRefundedEvent"]
CANCELLED = ["command CancelOrderCommand", "event OrderCancelledEvent", "state FAILED"]
STUCK = [
    *REGISTERED,
    "command ProcessPaymentCommand",
    "decision cancel",
    "event PaymentCompletedEvent",
    "state PAYMENT_COMPLETED",
    "state ROLLING_BACK",
    "command RefundPaymentCommand",
    "note RefundPaymentCommand failed",
    "state ROLLBACK_STUCK",
]

TIMELINES = {
    "completed": CONFIRMED,
    "completed_over_http": CONFIRMED,
    "payment_refused": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "event PaymentFailedEvent",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "out_of_stock": [
        *PAID,
        "command DecreaseStockCommand",
        "event StockDecreaseFailedEvent",
        "state ROLLING_BACK",
        *REFUNDED,
        *CANCELLED,
    ],
    "cancelled_by_signal": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "decision cancel",
        "event PaymentCompletedEvent",
        "state PAYMENT_COMPLETED",
        "state ROLLING_BACK",
        *REFUNDED,
        *CANCELLED,
    ],
    "cancelled_by_temporal": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "event PaymentCompletedEvent",
        "decision cancel",
        "state PAYMENT_COMPLETED",
        "state ROLLING_BACK",
        "command RefundPaymentCommand",
        "event PaymentRefundedEvent",
        *CANCELLED,
    ],
    "invalid_start": ["state PENDING", "state ROLLING_BACK", *CANCELLED],
    "step_unavailable": [
        *PAID,
        "command DecreaseStockCommand",
        "note DecreaseStockCommand failed",
        "state ROLLING_BACK",
        "command RestoreStockCommand",
        "event StockRestoredEvent",
        *REFUNDED,
        *CANCELLED,
    ],
    "approved": [
        *REGISTERED,
        "state AWAITING_REVIEW",
        "decision request_approve",
        "state PENDING",
        *CONFIRMED[3:],
    ],
    "rejected": [
        *REGISTERED,
        "state AWAITING_REVIEW",
        "decision reject",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "review_expired": [*REGISTERED, "state AWAITING_REVIEW", "state ROLLING_BACK", *CANCELLED],
    "settled": [*STUCK, "decision request_settle_step", "state ROLLING_BACK", *CANCELLED],
    "stuck_and_retried": [
        *STUCK,
        "decision retry_step",
        "command RefundPaymentCommand",
        "event PaymentRefundedEvent",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "confirm_stuck_and_settled": [
        *TAKEN,
        "command ConfirmOrderCommand",
        "note ConfirmOrderCommand failed",
        "decision request_settle_step",
        *CONFIRMED[-2:],
    ],
    "cancel_stuck_and_settled": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "decision cancel",
        "event PaymentCompletedEvent",
        "state PAYMENT_COMPLETED",
        "state ROLLING_BACK",
        *REFUNDED,
        "command CancelOrderCommand",
        "note CancelOrderCommand failed",
        "state ROLLBACK_STUCK",
        "decision settle_step",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "earlier_run_found": [
        "state PENDING",
        "command RegisterOrderCommand",
        "note RegisterOrderCommand failed",
        "command RegisterOrderCommand",
        "event OrderRegisteredEvent",
        "state ROLLING_BACK",
        "command RestoreStockCommand",
        "event StockRestoredEvent",
        *REFUNDED,
        *CANCELLED,
    ],
    "settled_before_a_reset": [
        "note reset from outside",
        "decision cancel",
        "decision request_settle_step",
        *REGISTERED,
        "command RegisterOrderCommand",
        "event OrderRegisteredEvent",
        "state ROLLING_BACK",
        "command RestoreStockCommand",
        "event StockRestoredEvent",
        *CANCELLED,
    ],
}
TIMELINES |= {f"{name}_locally": TIMELINES[name] for name in ("completed", "out_of_stock")}


def read(path: Path) -> WorkflowHistory:
    """Return a stored history."""
    history = json.loads(path.read_text())
    return WorkflowHistory.from_json(
        history["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"], history
    )


def decode(payload: Payload) -> Any:
    """Return a payload's JSON value."""
    return json.loads(payload.data)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_stored_history_replays(path: Path) -> None:
    """Open sagas of its release go on when this code takes over."""
    await replayer().replay_workflow(read(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_history_tells_its_story(path: Path) -> None:
    """States, commands, events and decisions come in the order in which they happened."""
    assert [f"{moment.kind} {moment.name}" for moment in story(path)] == TIMELINES[path.stem]


def test_every_story_is_stored() -> None:
    """The first release recorded each of them."""
    assert {path.stem for path in FILES if path.parent.name == "0.1"} >= {
        *(story.__name__ for story in RECORDED),
        *(f"{story.__name__}_locally" for story in RECORDED_LOCALLY),
    }


def test_a_story_says_who_took_what_and_in_how_many_tries() -> None:
    """A command names its participant and its summary, an answer its tries and what it said."""
    moments = {moment.name: moment for moment in story(HISTORIES / "0.1" / "out_of_stock.json")}
    command = moments["DecreaseStockCommand"]
    refusal = moments["StockDecreaseFailedEvent"]
    assert (command.participant, command.detail) == ("stock", {"summary": "Take 1 line from stock"})
    assert (refusal.participant, refusal.attempt, refusal.detail["reason"]) == (
        "stock",
        1,
        "OUT_OF_STOCK",
    )


def test_a_story_says_who_decided() -> None:
    """A signal's words are told, and that it was a signal."""
    decisions = [
        m for m in story(HISTORIES / "0.1" / "cancelled_by_signal.json") if m.kind == "decision"
    ]
    assert [m.detail for m in decisions] == [
        {"arguments": [{"by": "anna", "reason": "changed her mind"}], "by": "signal"}
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_history_tells_nothing_of_the_machine_it_was_recorded_on(path: Path) -> None:
    """No stack trace, no identity, and no path, in clear or in a payload."""
    text = path.read_text()
    payloads = [
        base64.b64decode(line.split('"')[3]).decode()
        for line in text.splitlines()
        if '"data": "' in line
    ]
    assert not [word for word in OF_THIS_MACHINE if f'"{word}"' in text]
    assert not [
        text_on_record
        for text_on_record in [text, *payloads]
        if str(Path(__file__).parents[2]) in text_on_record
    ]


def story(path: Path) -> list[Moment]:
    """Return the story that a stored history tells."""
    return project(read(path).events, decode)
