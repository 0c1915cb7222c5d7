"""Payments whose bank asks the customer first, on a page of its own."""

from typing import Any

import httpx
import pytest

from tests.card_provider.till import Till, new_order, stripe

CARD = "pm_card_authenticationRequired"


def page_of(payment: Any) -> str:
    """Return the address to which the shop sends its customer."""
    assert payment.status == "requires_action"
    assert payment.next_action.type == "redirect_to_url"
    return str(payment.next_action.redirect_to_url.url)


def answer(page: str, word: str) -> httpx.Response:
    """Answer the bank's question as a browser does."""
    return httpx.post(page, data={"answer": word}, trust_env=False)


def test_the_customer_accepts(till: Till) -> None:
    """Nothing is held before; then the payment goes on, and the browser goes back to the shop."""
    order = new_order()
    payment = till.pay(order, payment_method=CARD, return_url="https://shop.example/o?n=1")
    page = page_of(payment)
    assert till.amounts(order) == (0, 0, 0, 0)
    question = httpx.get(page, trust_env=False)
    assert "15.30 GBP" in question.text
    response = answer(page, "accept")
    assert response.status_code == 303
    back = f"https://shop.example/o?n=1&payment_intent={payment.id}"
    assert response.headers["Location"] == back
    payment = till.stripe.payment_intents.retrieve(payment.id)
    assert (payment.status, payment.next_action) == ("requires_capture", None)
    assert till.amounts(order) == (1530, 0, 0, 0)


@pytest.mark.parametrize(
    ("card", "word", "code"),
    [
        (CARD, "decline", "payment_intent_authentication_failure"),
        ("pm_card_threeDSecureRequiredChargeDeclined", "accept", "card_declined"),
    ],
)
def test_the_payment_fails_after_the_question(till: Till, card: str, word: str, code: str) -> None:
    """By the customer's answer, or by the bank's although the customer agreed."""
    order = new_order()
    payment = till.pay(order, payment_method=card, return_url="https://shop.example/")
    answer(page_of(payment), word)
    payment = till.stripe.payment_intents.retrieve(payment.id)
    assert payment.status == "requires_payment_method"
    assert payment.last_payment_error.code == code
    assert till.amounts(order) == (0, 0, 0, 0)


def test_the_question_is_answered_once(till: Till) -> None:
    """A second answer changes nothing; nor does one after the shop gave up."""
    order = new_order()
    payment = till.pay(order, payment_method=CARD, return_url="https://shop.example/")
    page = page_of(payment)
    assert answer(page, "accept").status_code == 303
    assert answer(page, "decline").status_code == 400
    assert till.amounts(order) == (1530, 0, 0, 0)
    other = till.pay(order, payment_method=CARD, return_url="https://shop.example/")
    till.stripe.payment_intents.cancel(other.id)
    assert answer(page_of(other), "accept").status_code == 400
    assert till.amounts(order) == (1530, 0, 0, 0)


def test_only_the_secret_opens_the_page(till: Till) -> None:
    """The payment's id alone does not."""
    payment = till.pay(new_order(), payment_method=CARD, return_url="https://shop.example/")
    page = page_of(payment)
    wrong = page.replace(payment.client_secret, f"{payment.id}_secret_guess")
    assert answer(wrong, "accept").status_code == 404
    assert httpx.get(wrong, trust_env=False).status_code == 404


@pytest.mark.parametrize("field", ["off_session", "error_on_requires_action"])
def test_a_payment_without_its_customer(till: Till, field: str) -> None:
    """Nobody can be asked, so the card is declined."""
    with pytest.raises(stripe.CardError) as failure:
        till.pay(new_order(), payment_method=CARD, **{field: True})
    assert failure.value.code == "authentication_required"
