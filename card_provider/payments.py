"""PaymentIntents: from the card to the money, or to its release."""

import json

from card_provider import currencies
from card_provider.books import Books, new_id
from card_provider.cards import (
    AUTHENTICATION_FAILURE,
    AUTHENTICATION_REQUIRED,
    Card,
    Decline,
    card_of,
)
from card_provider.errors import ApiError, Body, invalid, missing, unexpected_state
from card_provider.parameters import Cancellation, Capture, Confirmation, NewPayment

AUTHORISATION_SECONDS = 7 * 24 * 3600.0
"""How long a card's money is held for a payment that is not captured."""

LEAST_MINOR = {"gbp": 30, "eur": 50, "usd": 50, "jpy": 50}
MOST_MINOR = 99_999_999
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")


def create(books: Books, parameters: NewPayment, _: str) -> Body:
    """Make a payment, and with `confirm` try to pay at once."""
    if parameters.customer:
        books.get("customer", parameters.customer, "customer")
    if parameters.payment_method:
        card_of(parameters.payment_method)
    currencies.check(parameters.currency, parameters.amount)
    if parameters.amount < LEAST_MINOR.get(parameters.currency, 1):
        message = "The amount must be at least the minimum charge amount of its currency."
        raise invalid(message, code="amount_too_small", param="amount")
    if parameters.amount > MOST_MINOR:
        message = f"The amount must be no more than {MOST_MINOR}."
        raise invalid(message, code="amount_too_large", param="amount")
    payment_id = new_id("pi")
    payment: Body = {
        "id": payment_id,
        "object": "payment_intent",
        "amount": parameters.amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": parameters.capture_method,
        "client_secret": f"{payment_id}_{new_id('secret')}",
        "confirmation_method": "automatic",
        "created": books.time_to_tell(),
        "currency": parameters.currency,
        "customer": parameters.customer,
        "description": parameters.description,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": parameters.metadata,
        "next_action": None,
        "payment_method": parameters.payment_method,
        "payment_method_types": ["card"],
        "status": "requires_confirmation"
        if parameters.payment_method
        else "requires_payment_method",
    }
    books.save(payment)
    books.announce("payment_intent.created", payment)
    return _pay(books, payment, parameters) if parameters.confirm else payment


def retrieve(books: Books, _: object, payment_id: str) -> Body:
    """Return a payment as it stands."""
    return books.get("payment_intent", payment_id)


def confirm(books: Books, parameters: Confirmation, payment_id: str) -> Body:
    """Try to pay, with another card where one is given."""
    payment = books.get("payment_intent", payment_id)
    if payment["status"] not in OPEN[:3]:
        raise unexpected_state(payment, "confirm", *OPEN[:3])
    if parameters.payment_method:
        payment["payment_method"] = parameters.payment_method
    return _pay(books, payment, parameters)


def capture(books: Books, parameters: Capture, payment_id: str) -> Body:
    """Take the money that is held, or part of it; the rest is released."""
    payment = books.get("payment_intent", payment_id)
    if payment["status"] != "requires_capture":
        raise unexpected_state(payment, "capture", "requires_capture")
    capturable_minor = payment["amount_capturable"]
    amount_minor = parameters.amount_to_capture or capturable_minor
    if amount_minor > capturable_minor:
        message = "The amount to capture is greater than the amount that is held."
        raise invalid(message, code="amount_too_large", param="amount_to_capture")
    books.move(payment, "captured", amount_minor)
    books.move(payment, "voided", capturable_minor - amount_minor)
    return _succeed(books, payment, amount_minor)


def cancel(books: Books, parameters: Cancellation, payment_id: str) -> Body:
    """End a payment that is not made; what is held on a card is released."""
    payment = books.get("payment_intent", payment_id)
    if payment["status"] not in OPEN:
        raise unexpected_state(payment, "cancel", *OPEN)
    return _release(books, payment, parameters.cancellation_reason)


def authenticate(books: Books, client_secret: str, *, accepts: bool) -> Body:
    """Go on with a payment whose customer answered the bank's question.

    Raises:
        ApiError: no payment has this secret, or none that waits for its customer.
    """
    payment = payment_of_secret(books, client_secret)
    if payment["status"] != "requires_action":
        raise unexpected_state(payment, "authenticate", "requires_action")
    card = card_of(payment["payment_method"])
    if decline := card.decline if accepts else AUTHENTICATION_FAILURE:
        _fail(books, payment, decline)
        return payment
    return _authorise(books, payment)


def payment_of_secret(books: Books, client_secret: str) -> Body:
    """Return the payment that a customer's browser knows by its secret.

    Raises:
        ApiError: no payment has this secret.
    """
    payment = books.get("payment_intent", client_secret.partition("_secret_")[0])
    if payment["client_secret"] != client_secret:
        raise missing("PaymentIntent", client_secret, "id")
    return payment


def release_overdue(books: Books) -> None:
    """End the payments that were authorised too long ago."""
    for row in books.query(
        "SELECT body FROM movements JOIN objects ON id = payment"
        " WHERE kind = 'authorised' AND at <= :until"
        " AND json_extract(body, '$.status') = 'requires_capture'",
        until=books.now() - AUTHORISATION_SECONDS,
    ):
        _release(books, json.loads(row["body"]), "automatic")


def _pay(books: Books, payment: Body, parameters: Confirmation) -> Body:
    """Ask the card's bank; an error has been written with the payment when it is raised."""
    if not payment["payment_method"]:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise invalid(message, code="payment_intent_unexpected_state", payment_intent=payment)
    card = card_of(payment["payment_method"])
    decline = _decline(card, parameters)
    if decline:
        raise _fail(books, payment, decline)
    if card.asks_customer:
        return _ask_customer(books, payment, parameters.return_url)
    return _authorise(books, payment)


def _decline(card: Card, parameters: Confirmation) -> Decline | None:
    """Return why the bank says no at once."""
    if not card.asks_customer:
        return card.decline
    nobody_is_there = parameters.off_session or parameters.error_on_requires_action
    return AUTHENTICATION_REQUIRED if nobody_is_there else None


def _ask_customer(books: Books, payment: Body, return_url: str | None) -> Body:
    page = f"{books.public_url}/authenticate/{payment['client_secret']}"
    payment["status"] = "requires_action"
    payment["next_action"] = (
        {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": page, "return_url": return_url},
        }
        if return_url
        else {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    )
    books.save(payment)
    books.announce("payment_intent.requires_action", payment)
    return payment


def _authorise(books: Books, payment: Body) -> Body:
    payment |= {"latest_charge": new_id("ch"), "last_payment_error": None, "next_action": None}
    books.move(payment, "authorised", payment["amount"])
    if payment["capture_method"] != "manual":
        books.move(payment, "captured", payment["amount"])
        return _succeed(books, payment, payment["amount"])
    payment |= {"status": "requires_capture", "amount_capturable": payment["amount"]}
    books.save(payment)
    books.announce("payment_intent.amount_capturable_updated", payment)
    return payment


def _succeed(books: Books, payment: Body, amount_minor: int) -> Body:
    payment |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount_minor}
    books.save(payment)
    books.announce("payment_intent.succeeded", payment)
    return payment


def _release(books: Books, payment: Body, reason: str | None) -> Body:
    books.move(payment, "voided", payment["amount_capturable"])
    payment |= {"status": "canceled", "amount_capturable": 0, "next_action": None}
    payment |= {"canceled_at": books.time_to_tell(), "cancellation_reason": reason}
    books.save(payment)
    books.announce("payment_intent.canceled", payment)
    return payment


def _fail(books: Books, payment: Body, decline: Decline) -> ApiError:
    """Write that a card was declined; return what its caller hears."""
    payment |= {"status": "requires_payment_method", "next_action": None}
    payment |= {"latest_charge": new_id("ch"), "last_payment_error": decline.error}
    payment["payment_method"] = None
    books.save(payment)
    books.announce("payment_intent.payment_failed", payment)
    fields = {name: value for name, value in decline.error.items() if name != "message"}
    kind = fields.pop("type")
    charge = payment["latest_charge"]
    return ApiError(402, kind, decline.message, **fields, charge=charge, payment_intent=payment)
