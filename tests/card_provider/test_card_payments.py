"""From a card to the money, through Stripe's own library, and what the books say of it."""

import httpx
import pytest

from tests.card_provider.till import DAY_SECONDS, Till, new_order, stripe

CARD_ERRORS = [
    ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
]


def test_what_is_held_is_captured(till: Till) -> None:
    """An authorisation holds the money, a capture takes it."""
    order = new_order()
    payment = till.pay(order)
    assert (payment.status, payment.amount_capturable) == ("requires_capture", 1530)
    assert payment.metadata["order_id"] == order
    assert till.amounts(order) == (1530, 0, 0, 0)
    payment = till.stripe.payment_intents.capture(payment.id)
    assert (payment.status, payment.amount_received) == ("succeeded", 1530)
    assert till.amounts(order) == (1530, 1530, 0, 0)
    assert till.stripe.payment_intents.retrieve(payment.id).status == "succeeded"


def test_a_partial_capture_releases_the_rest(till: Till) -> None:
    """Nothing stays held beside what was taken; more than is held cannot be taken."""
    order = new_order()
    payment = till.pay(order)
    with pytest.raises(stripe.InvalidRequestError) as failure:
        till.stripe.payment_intents.capture(payment.id, {"amount_to_capture": 1531})
    assert failure.value.code == "amount_too_large"
    till.stripe.payment_intents.capture(payment.id, {"amount_to_capture": 1000})
    assert till.amounts(order) == (1530, 1000, 530, 0)


def test_automatic_capture_takes_the_money_at_once(till: Till) -> None:
    """Without `manual`, a payment that is confirmed is paid."""
    order = new_order()
    assert till.pay(order, capture_method="automatic").status == "succeeded"
    assert till.amounts(order) == (1530, 1530, 0, 0)


def test_a_payment_that_is_confirmed_later(till: Till) -> None:
    """Created without a card, it holds nothing until a card is given."""
    order = new_order()
    payment = till.pay(order, confirm=False, payment_method=None)
    assert payment.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError):
        till.stripe.payment_intents.confirm(payment.id)
    assert till.amounts(order) == (0, 0, 0, 0)
    payment = till.stripe.payment_intents.confirm(payment.id, {"payment_method": "pm_card_visa"})
    assert payment.status == "requires_capture"


def test_a_cancelled_payment_releases_what_is_held(till: Till) -> None:
    """It is over then: neither captured nor confirmed nor cancelled again."""
    order = new_order()
    payment = till.pay(order)
    cancellation = {"cancellation_reason": "abandoned"}
    payment = till.stripe.payment_intents.cancel(payment.id, cancellation)
    assert (payment.status, payment.cancellation_reason) == ("canceled", "abandoned")
    assert till.amounts(order) == (1530, 0, 1530, 0)
    for call in ("capture", "confirm", "cancel"):
        with pytest.raises(stripe.InvalidRequestError) as failure:
            getattr(till.stripe.payment_intents, call)(payment.id)
        assert failure.value.code == "payment_intent_unexpected_state"
        assert failure.value.error.payment_intent.status == "canceled"
    assert till.amounts(order) == (1530, 0, 1530, 0)


@pytest.mark.parametrize(("card", "code", "decline_code"), CARD_ERRORS)
def test_a_declined_card(till: Till, card: str, code: str, decline_code: str | None) -> None:
    """The bank's reason is in the error and on the payment; another card may still pay."""
    order = new_order()
    with pytest.raises(stripe.CardError) as failure:
        till.pay(order, payment_method=card)
    error = failure.value.error
    assert (failure.value.http_status, error.type) == (402, "card_error")
    assert (error.code, getattr(error, "decline_code", None)) == (code, decline_code)
    payment = till.stripe.payment_intents.retrieve(error.payment_intent.id)
    assert payment.status == "requires_payment_method"
    assert payment.last_payment_error.code == code
    assert till.amounts(order) == (0, 0, 0, 0)
    till.stripe.payment_intents.confirm(payment.id, {"payment_method": "pm_card_visa"})
    assert till.amounts(order) == (1530, 0, 0, 0)


def test_an_authorisation_expires_after_seven_days(till: Till) -> None:
    """By the provider's clock; then the money is free again and cannot be captured."""
    order = new_order()
    payment = till.pay(order)
    till.settings(clock_offset_seconds=7 * DAY_SECONDS - 60)
    assert till.amounts(order) == (1530, 0, 0, 0)
    till.settings(clock_offset_seconds=7 * DAY_SECONDS)
    assert till.amounts(order) == (1530, 0, 1530, 0)
    payment = till.stripe.payment_intents.retrieve(payment.id)
    assert (payment.status, payment.cancellation_reason) == ("canceled", "automatic")
    with pytest.raises(stripe.InvalidRequestError):
        till.stripe.payment_intents.capture(payment.id)


def test_refunds_in_parts(till: Till) -> None:
    """Never more than was paid; each refund is on its payment's list."""
    order = new_order()
    payment = till.pay(order, capture_method="automatic").id
    till.stripe.refunds.create({"payment_intent": payment, "amount": 530})
    with pytest.raises(stripe.InvalidRequestError):
        till.stripe.refunds.create({"payment_intent": payment, "amount": 1001})
    refund = till.stripe.refunds.create({"payment_intent": payment})
    assert (refund.amount, refund.status) == (1000, "succeeded")
    with pytest.raises(stripe.InvalidRequestError) as failure:
        till.stripe.refunds.create({"payment_intent": payment})
    assert failure.value.code == "charge_already_refunded"
    refunds = till.stripe.refunds.list({"payment_intent": payment})
    assert [refund.amount for refund in refunds.data] == [1000, 530]
    assert till.stripe.refunds.retrieve(refund.id).payment_intent == payment
    assert till.amounts(order) == (1530, 1530, 0, 1530)


def test_what_is_only_held_cannot_be_refunded(till: Till) -> None:
    """It is cancelled instead."""
    payment = till.pay(new_order())
    with pytest.raises(stripe.InvalidRequestError):
        till.stripe.refunds.create({"payment_intent": payment.id})


@pytest.mark.parametrize(
    ("fields", "code", "parameter"),
    [
        ({"amount": 29}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"amount": "ten"}, None, "amount"),
        ({"tip": 3}, "parameter_unknown", "tip"),
        ({"payment_method": "pm_card_unheard"}, "resource_missing", "payment_method"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
    ],
)
def test_a_payment_that_cannot_be(
    till: Till, fields: dict[str, object], code: str | None, parameter: str
) -> None:
    """The error names the parameter, and nothing is booked."""
    order = new_order()
    with pytest.raises(stripe.InvalidRequestError) as failure:
        till.pay(order, **fields)
    assert (failure.value.code, failure.value.param) == (code, parameter)
    assert till.amounts(order) == (0, 0, 0, 0)


def test_what_is_not_there(till: Till) -> None:
    """An id of nothing is 404, and so is a path that this provider does not have."""
    with pytest.raises(stripe.InvalidRequestError) as failure:
        till.stripe.payment_intents.retrieve("pi_nothing")
    assert (failure.value.http_status, failure.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as failure:
        till.stripe.charges.retrieve("ch_1")
    assert failure.value.http_status == 404


def test_no_key_opens_nothing(till: Till) -> None:
    """Only a secret test key is let in."""
    answer = httpx.get(f"{till.url}/v1/payment_intents", trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["Request-Id"].startswith("req_")
