"""What a customer's token is shown: nothing of operators, balances, stock or machinery."""

from datetime import UTC, datetime
from typing import Any

import pytest

from application.discretion import AS_THEY_ARE, SETTLED_BY_HAND, entry_for_customer, for_customer
from contracts.placing import OrderLine
from contracts.record import Compensation, Settlement
from contracts.states import OrderStatus, SagaState
from contracts.views import FailureView, Links, ListedOrder, OrderView, TimelineEntry

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
SECRET = "SECRET"
"""Stands in every text that a customer must not see."""

ORDER: dict[str, Any] = {
    "order_id": "7",
    "state": SagaState.FAILED,
    "status": OrderStatus.CANCELLED,
    "customer_id": "17850",
    "currency": "GBP",
    "total_minor": 1530,
    "lines": (OrderLine(sku="85123A", quantity=6, unit_price_minor=255),),
    "line_count": 1,
    "placed_at": AT,
    "closed_at": AT,
    "needs_attention": True,
    "attention": {"cause": "STUCK", "since": None, "message": SECRET},
    "failure": FailureView(
        step="ProcessPayment", reason="CANCELLED", message=SECRET, details={"by": SECRET}
    ),
    "compensations": (
        Compensation(
            step="ProcessPayment",
            command="RefundPaymentCommand",
            state="SETTLED",
            attempts=7,
            settled=Settlement(by=SECRET, reason=SECRET, evidence=SECRET, at=AT),
        ),
    ),
    "links": Links(self="/orders/7", events="/orders/7/events", temporal=f"http://{SECRET}/"),
}
REFUND = {
    "amount_minor": None,
    "currency": "GBP",
    "at": AT,
    "message": f"{SECRET} settled the refund by hand: {SECRET}",
}
ENTRIES = (
    TimelineEntry(at=AT, kind="state", name="PENDING", detail={"cause": SECRET}),
    TimelineEntry(
        at=AT,
        kind="command",
        name="ProcessPaymentCommand",
        participant="payment",
        attempt=2,
        detail={"error": SECRET},
    ),
    TimelineEntry(at=AT, kind="event", name="PaymentFailedEvent", detail={"message": SECRET}),
    TimelineEntry(at=AT, kind="decision", name="cancel", detail={"by": SECRET}),
    TimelineEntry(at=AT, kind="note", name=f"approve was ignored: {SECRET} decided already"),
)


@pytest.mark.parametrize("kind", [OrderView, ListedOrder])
def test_a_customer_sees_how_their_order_stands_and_no_more(kind: Any) -> None:
    """State, lines, times and a sentence for them; nobody's name, words or numbers."""
    whole = {"timeline": ENTRIES, "refund": REFUND} if kind is OrderView else {}
    order = kind.model_validate(ORDER | whole)
    assert SECRET in order.model_dump_json()
    view = for_customer(order)
    assert SECRET not in view.model_dump_json()
    fields_as_they_are = {
        name: getattr(view, name) for name in AS_THEY_ARE & kind.model_fields.keys()
    }
    assert fields_as_they_are == {name: getattr(order, name) for name in fields_as_they_are}
    assert view.failure is not None
    assert (view.failure.reason, view.failure.step) == ("CANCELLED", "ProcessPayment")
    assert view.failure.message == view.failure.customer_message
    assert [(c.command, c.state) for c in view.compensations] == [
        ("RefundPaymentCommand", "SETTLED")
    ]
    assert kind.model_validate_json(view.model_dump_json()) == view, (
        "it is what the OpenAPI document says"
    )


def test_a_customer_is_told_that_the_money_is_back() -> None:
    """How much and when; of a refund settled by a person, that it is put right, not by whom."""
    at_once = REFUND | {
        "amount_minor": 1530,
        "message": "15.30 GBP went back to the customer at 09:30",
    }
    for refund, compensations in ((REFUND, ORDER["compensations"]), (at_once, ())):
        order = OrderView.model_validate(ORDER | {"refund": refund, "compensations": compensations})
        refund_view = for_customer(order).refund
        assert refund_view is not None
        assert order.refund is not None
        assert (refund_view.amount_minor, refund_view.at) == (order.refund.amount_minor, AT)
        assert refund_view.message == (SETTLED_BY_HAND if compensations else order.refund.message)


def test_a_customer_is_told_states_commands_and_events() -> None:
    """The course of their order without details, live and afterwards.

    What those who run the shop say is left out.
    """
    timeline = for_customer(OrderView.model_validate(ORDER | {"timeline": ENTRIES})).timeline
    assert [entry.kind for entry in timeline] == ["state", "command", "event"]
    assert [entry for entry in map(entry_for_customer, ENTRIES) if entry] == list(timeline)
    assert all(entry.detail == {} for entry in timeline)


@pytest.mark.parametrize("kind", [OrderView, ListedOrder])
def test_what_nobody_has_decided_about_is_not_shown(
    kind: type[OrderView] | type[ListedOrder],
) -> None:
    """A field that a later release adds keeps its default until it is named here.

    So it must have a default.
    """
    for name, field in kind.model_fields.items():
        fields_in_view = AS_THEY_ARE | {"failure", "compensations", "links", "timeline"}
        assert name in fields_in_view or not field.is_required(), name
