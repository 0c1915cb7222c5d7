"""What a test can make go wrong, and what is booked then."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.card_provider.till import Till, new_order, running, stripe

pytestmark = pytest.mark.long

HELD = (1530, 0, 0, 0)
NOTHING = (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "error", "status", "amounts"),
    [
        ("request_lost", "APIConnectionError", None, NOTHING),
        ("rate_limited", "RateLimitError", 429, NOTHING),
        ("unavailable", "APIError", 503, NOTHING),
        ("error_after_booking", "APIError", 500, HELD),
        ("answer_lost", "APIConnectionError", None, HELD),
    ],
)
def test_the_next_call_goes_wrong(
    till: Till, kind: str, error: str, status: int | None, amounts: tuple[int, ...]
) -> None:
    """One call, once; asked again with its key, it is booked once."""
    order = new_order()
    till.fault(kind)
    with pytest.raises(getattr(stripe, error)) as failure:
        till.pay(order, key=order)
    assert failure.value.http_status == status
    assert till.amounts(order) == amounts
    if kind == "error_after_booking":
        with pytest.raises(stripe.APIError) as again:
            till.pay(order, key=order)
        assert again.value.headers["Stripe-Should-Retry"] == "false", "the key remembers it"
    else:
        assert till.pay(order, key=order).status == "requires_capture"
    assert till.amounts(order) == HELD


@pytest.mark.parametrize("kind", ["request_late", "answer_late"])
def test_a_call_is_late(till: Till, kind: str) -> None:
    """By as long as the fault says."""
    till.fault(kind, seconds=0.2)
    start = time.monotonic()
    till.pay(new_order())
    assert time.monotonic() - start >= 0.2


def test_a_fault_chooses_its_calls(till: Till) -> None:
    """By their kind, as often as it says."""
    till.fault("unavailable", "payment_intents.c*", times=2)
    assert till.stripe.payment_intents.list().data is not None
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            till.pay(new_order())
    payment = till.pay(new_order())
    assert till.control.get("/faults").json() == []
    till.fault("unavailable", "payment_intents.capture")
    till.stripe.payment_intents.retrieve(payment.id)
    with pytest.raises(stripe.APIError):
        till.stripe.payment_intents.capture(payment.id)


def test_chance_can_be_repeated(till: Till) -> None:
    """A seed gives the same calls that go wrong, whatever else is called."""

    def outcomes() -> list[bool]:
        till.control.delete("/faults")
        till.fault("unavailable", "events.list", times=None, probability=0.5, seed=7)
        return [_goes_well(till) for _ in range(12)]

    first = outcomes()
    assert set(first) == {True, False}
    assert outcomes() == first


def _goes_well(till: Till) -> bool:
    try:
        till.stripe.events.list()
    except stripe.APIError:
        return False
    return True


@pytest.mark.parametrize("call", ["confirm", "capture", "cancel", "refund", "retrieve"])
@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("point", ["request_held", "answer_held"])
def test_a_call_is_held(till: Till, call: str, point: str, *, drop: bool) -> None:
    """Before or after it is booked, until it is released; then it is answered, or lost."""
    order = new_order()
    act, amounts_before, amounts_after = _prepare(till, order, call)
    kind = "refunds.create" if call == "refund" else f"payment_intents.{call}"
    till.fault(point, kind)
    with ThreadPoolExecutor() as threads:
        outcome = threads.submit(act)
        pause = till.pause()
        assert (pause["call"], pause["point"]) == (kind, point)
        is_booked = point == "answer_held"
        assert till.amounts(order) == (amounts_after if is_booked else amounts_before)
        assert not outcome.done()
        till.release(drop=drop)
        if drop:
            assert isinstance(outcome.exception(5), stripe.APIConnectionError)
        else:
            outcome.result(5)
    is_booked = is_booked or not drop
    assert till.amounts(order) == (amounts_after if is_booked else amounts_before)


def _prepare(till: Till, order: str, call: str) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """Return a call on a new payment, and the order's amounts before and after it."""
    payments = till.stripe.payment_intents
    capture_method = "automatic" if call == "refund" else "manual"
    payment = till.pay(order, confirm=call != "confirm", capture_method=capture_method).id
    after = {"capture": (1530, 1530, 0, 0), "cancel": (1530, 0, 1530, 0), "retrieve": HELD}
    if call == "confirm":
        return lambda: payments.confirm(payment), NOTHING, HELD
    if call == "refund":
        refund = {"payment_intent": payment}
        amounts = (1530, 1530, 0, 1530)
        return lambda: till.stripe.refunds.create(refund), (1530, 1530, 0, 0), amounts
    return lambda: getattr(payments, call)(payment), HELD, after[call]


def test_a_held_call_goes_on_although_its_caller_is_gone(till: Till) -> None:
    """As a command that is on the wire when its worker is killed: it is booked late."""
    order = new_order()
    till.fault("request_held")
    impatient = stripe.StripeClient(
        "sk_test_shop",
        base_addresses={"api": till.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=0.2, session=till.session),
    ).v1
    parameters = {"amount": 1530, "currency": "gbp", "confirm": True, "capture_method": "manual"}
    parameters |= {"payment_method": "pm_card_visa", "metadata": {"order_id": order}}
    with pytest.raises(stripe.APIConnectionError):
        impatient.payment_intents.create(parameters)
    assert till.amounts(order) == NOTHING
    assert till.pause()["call"] == "payment_intents.create"
    till.release()
    assert till.amounts(order) == HELD


def test_the_door_is_closed(till: Till) -> None:
    """Connections are refused, those that were there are cut; the port stays its own."""
    order = new_order()
    till.pay(order)
    till.fault("request_held")
    with ThreadPoolExecutor() as threads:
        call = threads.submit(till.pay, new_order())
        till.pause()
        till.control.post("/door/close", json={})
        assert isinstance(call.exception(5), stripe.APIConnectionError)
    for _ in range(2):
        with pytest.raises(stripe.APIConnectionError) as failure:
            till.pay(order)
        assert "refused" in str(failure.value)
    assert till.amounts(order) == HELD, "the control API has a door of its own"
    till.control.post("/door/open").raise_for_status()
    till.pay(order)
    assert till.amounts(order) == (3060, 0, 0, 0)


def test_the_door_opens_by_itself(till: Till) -> None:
    """After as long as was said, and no earlier."""
    start = time.monotonic()
    till.control.post("/door/close", json={"for_seconds": 0.3}).raise_for_status()
    while True:
        try:
            till.pay(new_order())
        except stripe.APIConnectionError:
            assert time.monotonic() - start < 10
        else:
            break
    assert time.monotonic() - start >= 0.3


def test_too_many_requests(tmp_path: Path) -> None:
    """Those above the limit of a second are not served."""
    with running(tmp_path / "books.db") as till:
        till.settings(requests_per_second=3)
        for _ in range(3):
            till.stripe.events.list()
        with pytest.raises(stripe.RateLimitError) as failure:
            till.stripe.events.list()
        assert failure.value.http_status == 429
        till.settings(requests_per_second=4)
        till.stripe.events.list()
