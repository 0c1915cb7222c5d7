"""How a shop finds its payments again: lists, which are right at once, and search, which lags."""

import time

import pytest

from tests.card_provider.till import Till, new_order, stripe


def test_the_payments_of_a_customer(till: Till) -> None:
    """Newest first, page by page, in both directions."""
    customer = till.stripe.customers.create({"email": "a@example.com"}).id
    ids = [till.pay(new_order(), customer=customer).id for _ in range(5)]
    ids.reverse()
    till.pay(new_order())
    list_page = till.stripe.payment_intents.list
    page = list_page({"customer": customer, "limit": 2})
    assert ([payment.id for payment in page.data], page.has_more) == (ids[:2], True)
    assert [payment.id for payment in page.auto_paging_iter()] == ids
    last = list_page({"customer": customer, "starting_after": ids[2]})
    assert ([payment.id for payment in last.data], last.has_more) == (ids[3:], False)
    before = list_page({"customer": customer, "ending_before": ids[3], "limit": 2})
    assert ([payment.id for payment in before.data], before.has_more) == (ids[1:3], True)
    assert till.stripe.customers.retrieve(customer).email == "a@example.com"


def test_the_payments_of_a_time(till: Till) -> None:
    """By `created`, which may lie."""
    customer = till.stripe.customers.create().id
    honest = till.pay(new_order(), customer=customer)
    till.settings(created_shift_seconds=-3600)
    early = till.pay(new_order(), customer=customer)
    middle = int(time.time()) - 1800
    assert early.created < middle < honest.created
    for span, payment in ({"gte": middle}, honest), ({"lt": middle}, early):
        page = till.stripe.payment_intents.list({"customer": customer, "created": span})
        assert [payment.id for payment in page.data] == [payment.id]
    page = till.stripe.payment_intents.list({"customer": customer, "created": early.created})
    assert [payment.id for payment in page.data] == [early.id]


def test_search_is_behind(till: Till) -> None:
    """It finds a payment only after a while, and then as it was at that time."""
    order = new_order()
    query = {"query": f"metadata['order_id']:'{order}'"}
    payment = till.pay(order)
    search = till.stripe.payment_intents.search
    assert search(query).data == []
    till.settings(clock_offset_seconds=61)
    assert [payment.status for payment in search(query).data] == ["requires_capture"]
    till.stripe.payment_intents.capture(payment.id)
    assert [payment.status for payment in search(query).data] == ["requires_capture"]
    till.settings(search_lag_seconds=0)
    assert [payment.status for payment in search(query).data] == ["succeeded"]


def test_a_search_has_clauses_and_pages(till: Till) -> None:
    """All clauses must fit; what cannot be read is an error."""
    till.settings(search_lag_seconds=0)
    order = new_order()
    amounts = [1000, 2000, 3000]
    for amount in amounts:
        till.pay(order, amount=amount)
    search = till.stripe.payment_intents.search
    query = f'metadata["order_id"]:"{order}" AND status:"requires_capture"'
    page = search({"query": query, "limit": 2})
    assert page.has_more
    assert [payment.amount for payment in page.auto_paging_iter()] == amounts[::-1]
    payments = search({"query": f"{query} AND amount>1000 AND amount<3000"}).data
    assert [payment.amount for payment in payments] == [2000]
    assert search({"query": f"{query} AND currency:'eur'"}).data == []
    for nonsense in "", "colour:'red'", f"{query} OR amount>1", f"{query} AND ":
        with pytest.raises(stripe.InvalidRequestError) as failure:
            search({"query": nonsense})
        assert failure.value.param == "query"


def test_events_tell_the_story(till: Till) -> None:
    """Each change of a payment is an event, with the payment as it was then."""
    payment = till.pay(new_order())
    till.stripe.payment_intents.capture(payment.id)
    till.stripe.refunds.create({"payment_intent": payment.id})
    events = till.stripe.events.list({"limit": 4}).data
    assert [(event.type, event.data.object.status) for event in events] == [
        ("refund.created", "succeeded"),
        ("payment_intent.succeeded", "succeeded"),
        ("payment_intent.amount_capturable_updated", "requires_capture"),
        ("payment_intent.created", "requires_confirmation"),
    ]
    page = till.stripe.events.list({"type": "payment_intent.succeeded", "limit": 1})
    assert page.data[0].data.object.id == payment.id
    assert till.stripe.events.retrieve(events[0].id).type == "refund.created"
