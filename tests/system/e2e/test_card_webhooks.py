"""The provider's webhooks through a whole system: late, twice, out of order."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from contracts.card_events import ANSWERS
from participants.payment.card_api import CardApi
from participants.payment.card_file import add_cards
from temporal_saga.database import open_database
from tests.card_provider.test_provider_process import process
from tests.card_provider.till import Till, stripe
from tests.stack import Stack, order, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

KEY = "sk_test_shop"
CARDS = {"ann": "pm_card_visa", "eve": "pm_card_authenticationRequired"}


class Shop(NamedTuple):
    """A system that takes cards, the provider's till, and what its events are signed with."""

    stack: Stack
    till: Till
    secret: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give a shop that takes cards, and a provider whose events are sent by hand alone."""
    folder = tmp_path_factory.mktemp("cards")
    stack = Stack(folder)
    with process(folder / "books.db") as (_, till):
        url = f"http://127.0.0.1:{stack.api_port}/webhooks/cards"
        endpoint = till.stripe.webhook_endpoints.create(
            {"url": url, "enabled_events": sorted(ANSWERS)}
        )
        till.control.put("/deliveries", json={"hold": True}).raise_for_status()
        stack.env |= {"PAYMENT": "cards", "CARD_API_URL": till.url, "CARD_API_KEY": KEY}
        stack.env |= {"CARD_WEBHOOK_SECRET": endpoint.secret}
        stack.env |= {"CARD_RETURN_URL": "https://shop.example/"}
        try:
            stack.seed({}, {"plenty": 1_000})
            engine = open_database(stack.database_url("payment"))
            add_cards(engine, CardApi(KEY, till.url), CARDS)
            engine.dispose()
            stack.start_all()
            yield Shop(stack, till, endpoint.secret)
        finally:
            stack.stop()


def place(stack: Stack, order_id: str, customer: str = "eve") -> None:
    assert stack.place(order(customer, order_id=order_id)).status_code == 202


def accept(stack: Stack, order_id: str) -> None:
    """Wait until the customer is asked, and accept as their browser does."""

    def action() -> Any:
        return stack.http.get(f"/orders/{order_id}").json()["action"]

    page = until(action, f"{order_id} waits for its customer")
    answer = httpx.post(page["url"], data={"answer": "accept"}, trust_env=False)
    assert answer.status_code == 303, answer.text


def events_of(till: Till, order_id: str) -> list[str]:
    """Return the ids of the events about an order's payment, newest first."""
    events = till.stripe.events.list({"limit": 100}).data
    return [
        event.id
        for event in events
        if event.type.startswith("payment_intent.")
        and event.data.object.metadata["order_id"] == order_id
        and event.type in ANSWERS
    ]


def send(till: Till, *events: str) -> list[int]:
    """Have events sent now, in this order; return what the API answered."""
    statuses = till.control.post("/deliveries", json={"events": [*events]}).json()
    return [status for each in statuses for status in each.values()]


def signals(stack: Stack, order_id: str) -> int:
    """Return how often a saga was told that its customer may have answered."""
    timeline = stack.http.get(f"/orders/{order_id}").json()["timeline"]
    return sum("customer has answered" in entry["name"] for entry in timeline)


def forge(shop: Shop, order_id: str) -> int:
    """Send an event, signed like the provider's, of a customer who has not answered."""
    payment = {"metadata": {"order_id": order_id}}
    kind = "payment_intent.amount_capturable_updated"
    body = json.dumps({"object": "event", "type": kind, "data": {"object": payment}})
    headers = {
        "Content-Type": "application/json",
        "Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body, shop.secret),
    }
    return shop.stack.http.post("/webhooks/cards", content=body, headers=headers).status_code


def test_an_answer_is_heard_whatever_becomes_of_its_event(shop: Shop) -> None:
    """The event lets the order go on at once, and its saga is told once.

    Sent again, late, in another order, or of an order that waits for nobody, it changes nothing.
    What it says does not count: of a customer who has not answered it moves nothing.
    """
    stack, till, _ = shop
    for order_id in ("waits", "paid"):
        place(stack, order_id)
    place(stack, "plain", "ann")
    assert stack.closed_order("plain")["state"] == "COMPLETED"
    accept(stack, "paid")
    [answer] = events_of(till, "paid")
    [plain] = events_of(till, "plain")
    assert send(till, plain, answer, plain, answer) == [204] * 4
    assert stack.closed_order("paid")["state"] == "COMPLETED"
    assert send(till, answer, plain) == [204] * 2
    assert signals(stack, "plain") == 0
    assert signals(stack, "paid") in (1, 2)  # the second one may come before it goes on
    assert forge(shop, "waits") == 204
    until(lambda: signals(stack, "waits") == 1, "the saga that waits is told")
    accept(stack, "waits")
    assert send(till, *events_of(till, "waits")) == [204]
    assert stack.closed_order("waits")["state"] == "COMPLETED"
    amounts = {till.amounts(name) for name in ("paid", "plain", "waits")}
    assert amounts == {(100, 100, 0, 0)}
    assert forge(shop, "no-such-order") == 204
