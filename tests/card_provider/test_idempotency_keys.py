"""What a second call with the same key hears."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.card_provider.till import DAY_SECONDS, Till, new_order, running, stripe


def test_the_same_call_again_is_answered_as_before(till: Till) -> None:
    """It says so in its headers, and nothing is booked twice."""
    order = new_order()
    first = till.pay(order, key=f"{order}/pay")
    till.stripe.payment_intents.capture(first.id)
    second = till.pay(order, key=f"{order}/pay")
    assert second.id == first.id
    assert second.status == "requires_capture", "the recorded answer, not the payment as it is now"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert second.last_response.headers["Original-Request"] == first.last_response.request_id
    assert till.amounts(order) == (1530, 1530, 0, 0)


def test_an_error_after_the_call_began_is_remembered(till: Till) -> None:
    """A decline stays one, even if the card would pay by now; so does a state that was wrong."""
    order = new_order()
    ids = set()
    for _ in range(2):
        with pytest.raises(stripe.CardError) as failure:
            till.pay(order, key=order, payment_method="pm_card_chargeDeclined")
        ids.add(failure.value.error.payment_intent.id)
    assert len(ids) == 1
    payment = till.pay(order, payment_method=None, confirm=False)
    capture = {"idempotency_key": f"{order}/capture"}
    with pytest.raises(stripe.InvalidRequestError):
        till.stripe.payment_intents.capture(payment.id, None, capture)
    till.stripe.payment_intents.confirm(payment.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError) as late:
        till.stripe.payment_intents.capture(payment.id, None, capture)
    assert late.value.headers["Idempotent-Replayed"] == "true"
    assert late.value.headers["Stripe-Should-Retry"] == "false"


def test_the_key_of_another_call(till: Till) -> None:
    """Other parameters, or another path, are an error of their own, and do nothing."""
    order = new_order()
    payment = till.pay(order, key=order)
    with pytest.raises(stripe.IdempotencyError) as failure:
        till.pay(order, key=order, amount=1531)
    assert failure.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        till.stripe.payment_intents.capture(payment.id, None, {"idempotency_key": order})
    assert till.amounts(order) == (1530, 0, 0, 0)


def test_what_was_not_begun_is_not_remembered(till: Till) -> None:
    """A call with wrong parameters, or one that was limited, leaves its key free."""
    order = new_order()
    with pytest.raises(stripe.InvalidRequestError):
        till.pay(order, key=order, tip=3)
    till.fault("rate_limited")
    with pytest.raises(stripe.RateLimitError):
        till.pay(order, key=order)
    assert till.pay(order, key=order).status == "requires_capture"


def test_a_key_is_forgotten_after_a_day(till: Till) -> None:
    """By the provider's clock; the same call is then another payment."""
    order = new_order()
    first = till.pay(order, key=order)
    till.settings(clock_offset_seconds=DAY_SECONDS - 60)
    assert till.pay(order, key=order).id == first.id
    till.settings(clock_offset_seconds=DAY_SECONDS + 1)
    assert till.pay(order, key=order).id != first.id
    assert till.amounts(order) == (3060, 0, 0, 0)


@pytest.mark.parametrize("point", ["request_held", "answer_held"])
def test_two_calls_with_a_key_at_once(till: Till, point: str) -> None:
    """The second is told that the first is under way; once that is answered, it hears the same."""
    order = new_order()
    till.fault(point)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(till.pay, order, key=order)
        till.pause()
        with pytest.raises(stripe.APIError) as failure:
            till.pay(order, key=order)
        assert failure.value.http_status == 409
        assert failure.value.error.code == "idempotency_key_in_use"
        till.release()
    assert till.pay(order, key=order).id == first.result().id
    assert till.amounts(order) == (1530, 0, 0, 0)


def test_a_key_outlives_the_process(tmp_path: Path) -> None:
    """The books hold it: another process on the same file answers the same."""
    order = new_order()
    payments: list[Any] = []
    for _ in range(2):
        with running(tmp_path / "books.db") as till:
            payments.append(till.pay(order, key=order))
            assert till.amounts(order) == (1530, 0, 0, 0)
    assert payments[0].id == payments[1].id
