"""An order is put together from its saga's run, from its record, or from both."""

from dataclasses import replace
from typing import Any

import pytest

from application.order_view import view_of_closed, view_of_record, view_of_run
from application.run import Run
from contracts.record import OrderRecord
from contracts.states import OrderStatus, SagaState
from contracts.views import OrderView
from temporal_saga.failure import Failure
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import (
    CANCEL,
    CLOSED_AT,
    FAILURE,
    GIVEN,
    LINKS,
    MOVES,
    OUT_OF_STOCK,
    PAID,
    RECORD,
    RECORDED,
    REFUND,
    REFUSED,
    ROLLS_BACK,
    STARTED,
    TAKEN_BACK,
    at,
    failed_run,
    retriable,
    run,
    settlement,
)


def view(order_run: Run, *, is_open: bool = False) -> OrderView:
    return view_of_run("7", order_run, LINKS, is_open=is_open)


def test_a_running_order_is_told_from_its_run() -> None:
    """It shows what was ordered, where it stands and its story, and is not closed."""
    order_view = view(run("PAYMENT_COMPLETED", *PAID))
    assert (order_view.order_id, order_view.state, order_view.status) == (
        "7",
        "PAYMENT_COMPLETED",
        "PENDING",
    )
    assert (order_view.customer_id, order_view.currency, order_view.total_minor) == (
        "17850",
        "GBP",
        1530,
    )
    assert [line.model_dump() for line in order_view.lines or ()] == GIVEN["lines"]
    assert (order_view.placed_at, order_view.closed_at, order_view.needs_attention) == (
        STARTED,
        None,
        False,
    )
    assert (order_view.failure, order_view.compensations, order_view.links) == (None, (), LINKS)
    assert [entry.name for entry in order_view.timeline] == [moment.name for moment in PAID]
    payment_entry = order_view.timeline[4]
    assert (
        payment_entry.kind,
        payment_entry.participant,
        payment_entry.attempt,
        payment_entry.detail,
    ) == (
        "event",
        "payment",
        2,
        {"amount_minor": 1530},
    )


def test_a_completed_order_is_confirmed_once_its_saga_has_closed() -> None:
    """Past the pivot an order stays PENDING until the saga has seen it confirmed."""
    completed_run = run("COMPLETED", *PAID)
    assert view(completed_run).status == OrderStatus.PENDING
    order_view = view(replace(completed_run, closed_at=CLOSED_AT))
    assert (order_view.state, order_view.status, order_view.closed_at) == (
        "COMPLETED",
        "CONFIRMED",
        CLOSED_AT,
    )


def test_a_saga_that_closed_and_left_its_order_open_needs_attention() -> None:
    """Nothing will close the order's record any more, so the order is not closed."""
    closed_run = replace(run("COMPLETED", *PAID), closed_at=CLOSED_AT)
    assert (view(closed_run).needs_attention, view(closed_run).closed_at) == (False, CLOSED_AT)
    left = view(closed_run, is_open=True)
    assert (left.needs_attention, left.closed_at, left.status) == (True, None, "PENDING")
    assert left.attention is not None
    assert (left.attention.cause, left.attention.since) == ("LEFT_OPEN", CLOSED_AT)


def test_a_saga_ended_from_outside_leaves_its_order_where_it_stood() -> None:
    """The order is not closed, keeps its state, and says how its saga is taken up again."""
    order_view = view(replace(run("PAYMENT_COMPLETED", *PAID), closed_at=CLOSED_AT))
    assert (order_view.state, order_view.status, order_view.closed_at) == (
        "PAYMENT_COMPLETED",
        "PENDING",
        None,
    )
    assert order_view.attention is not None
    assert (
        "temporal workflow reset --workflow-id order-7 --type LastWorkflowTask"
        in order_view.attention.message
    )


@pytest.mark.parametrize("attributes", [{}, {"SagaState": "BOGUS"}])
def test_before_its_worker_began_a_saga_is_pending(attributes: dict[str, Any]) -> None:
    """A start by hand shows no state of ours yet, or anything, and can be read nevertheless."""
    order_view = view(Run(STARTED, None, attributes, [], GIVEN))
    assert (order_view.state, order_view.status, order_view.timeline) == ("PENDING", "PENDING", ())


def test_why_an_order_fails_is_the_sagas_own_word() -> None:
    """While it rolls back as when it has closed, whatever the story tells."""
    assert view(run("ROLLING_BACK", memo=ROLLS_BACK)).failure == OUT_OF_STOCK
    assert view(failed_run(*REFUSED, *TAKEN_BACK)).failure == OUT_OF_STOCK
    assert view(run("PENDING", *REFUSED)).failure is None


def test_details_that_were_too_large_for_the_memo_are_marked() -> None:
    """The rest of the failure is whole, and its record has the details once it has closed."""
    large = replace(FAILURE, details={f"sku-{number}": "x" * 90 for number in range(2_000)})
    memo = SagaMemo.of({"saga": SagaMemo(failure=large).to_json()})
    failure = view(run("ROLLING_BACK", memo=memo)).failure
    assert failure is not None
    assert (failure.message, failure.details) == (OUT_OF_STOCK.message, {"left_out": "too large"})


def test_a_failure_without_details_has_none_left_out() -> None:
    """Whatever else of the memo was cut, e.g. why a signal was ignored."""
    memo = SagaMemo(failure=Failure("CANCELLED", "cancelled by ann"), was_cut=True)
    failure = view(run("ROLLING_BACK", memo=memo)).failure
    assert failure is not None
    assert failure.details == {}


def test_an_order_of_an_unknown_reason_is_told() -> None:
    """A newer saga may give a reason that this release does not know."""
    memo = SagaMemo(failure=Failure("CARD_LOST", "the card was lost", "ProcessPayment"))
    failure = view(run("ROLLING_BACK", memo=memo)).failure
    assert failure is not None
    assert (failure.reason, failure.details) == ("OTHER", {"reason": "CARD_LOST"})


@pytest.mark.parametrize("start_input", [None, [], "please", {"lines": 7}, {"unreadable": True}])
def test_an_invalid_start_has_nulls(start_input: Any) -> None:
    """What an invalid start did not give is null, and the order can be read."""
    order_view = view(failed_run(at("state", "PENDING"), start_input=start_input))
    fields = (order_view.customer_id, order_view.currency, order_view.total_minor, order_view.lines)
    assert fields == (None, None, None, None)


def test_an_invalid_start_keeps_what_it_gave() -> None:
    """What an invalid start did give is shown."""
    order_view = view(
        failed_run(at("state", "PENDING"), start_input=GIVEN | {"currency": "pounds"})
    )
    assert (order_view.customer_id, order_view.currency, order_view.total_minor) == (
        "17850",
        None,
        1530,
    )


def test_an_order_that_temporal_forgot_is_told_from_its_record() -> None:
    """The record alone gives the whole order; its timeline is the state moves with their causes."""
    order_view = view_of_record(RECORDED, LINKS)
    assert {name: getattr(order_view, name) for name in OrderRecord.model_fields} == dict(RECORD)
    assert [(entry.at, entry.kind, entry.name, entry.detail) for entry in order_view.timeline] == [
        (STARTED, "state", "PENDING", {"cause": "start"}),
        (CLOSED_AT, "state", "FAILED", {"cause": "OrderCancelledEvent"}),
    ]


def test_an_open_order_that_temporal_forgot_is_left_open() -> None:
    """Its record shows as much as it has, and says how its saga is begun again."""
    still_open = {"state": SagaState.PENDING, "status": OrderStatus.PENDING}
    record = RECORD.model_copy(update=still_open | {"closed_at": None, "failure": None})
    order_view = view_of_record(RECORDED._replace(record=record, moves=MOVES[:1]), LINKS)
    assert (order_view.state, order_view.needs_attention, order_view.closed_at) == (
        "PENDING",
        True,
        None,
    )
    assert order_view.refund is None
    assert order_view.attention is not None
    assert (order_view.attention.cause, order_view.attention.since) == ("LEFT_OPEN", None)
    assert (
        "temporal workflow start --type OrderSaga --task-queue order-saga --workflow-id order-7"
        in order_view.attention.message
    )


def test_a_closed_order_has_its_record_and_the_story_of_its_run() -> None:
    """The record tells what holds, and the run the story and how many tries it took."""
    order_view = view_of_closed(RECORD, failed_run(*REFUSED, *TAKEN_BACK), LINKS)
    assert (order_view.failure, order_view.closed_at) == (OUT_OF_STOCK, CLOSED_AT)
    assert [(c.command, c.state, c.attempts) for c in order_view.compensations] == [
        ("RefundPaymentCommand", "DONE", 3),
        ("CancelOrderCommand", "DONE", 1),
    ]
    assert order_view.timeline[-1].name == "FAILED"
    assert len(order_view.timeline) == len(REFUSED) + len(TAKEN_BACK) + 1
    completed_record = RECORD.model_copy(update={"state": SagaState.COMPLETED, "failure": None})
    assert view_of_closed(completed_record, run("COMPLETED"), LINKS).refund is None


def test_a_closed_order_tells_its_refund_before_its_run_has_closed() -> None:
    """The record closes just before the run: whoever reads between the two hears of the money."""
    order_view = view_of_closed(RECORD, run("ROLLING_BACK", *REFUSED, *TAKEN_BACK), LINKS)
    assert order_view.refund is not None
    assert order_view.refund.amount_minor == 1530


def test_a_closed_order_counts_the_tries_before_a_settlement() -> None:
    """The saga's memo has their number also when the order has closed."""
    settled_refund = retriable("ProcessPayment", "RefundPayment", settlement=settlement(attempts=7))
    memo = SagaMemo(failure=FAILURE, retriables=(settled_refund, CANCEL))
    closed_run = failed_run(*REFUSED, TAKEN_BACK[0], *TAKEN_BACK[2:], memo=memo)
    assert [c.attempts for c in view_of_closed(RECORD, closed_run, LINKS).compensations] == [7, 1]
    assert REFUND.settlement is None
