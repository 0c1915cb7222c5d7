"""Events as they come to a shop's webhook endpoint: signed, late, twice, in another order."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.card_provider.till import DAY_SECONDS, Till, new_order, stripe

pytestmark = pytest.mark.long

TYPES = ["payment_intent.created", "payment_intent.amount_capturable_updated"]
WAIT_SECONDS = 10


class Receiver:
    """A shop's endpoint: what came, and what it answers."""

    def __init__(self, till: Till, url: str) -> None:
        self.url = url
        self.statuses: queue.Queue[int] = queue.Queue()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.posts: queue.Queue[tuple[bytes, str]] = queue.Queue()
        endpoint = till.stripe.webhook_endpoints.create({"url": url, "enabled_events": TYPES})
        self.id = endpoint.id
        self.secret = endpoint.secret

    def next(self) -> Any:
        """Return the next event that comes, verified as a shop does it."""
        payload, signature = self.posts.get(timeout=WAIT_SECONDS)
        return stripe.Webhook.construct_event(payload, signature, self.secret)


@pytest.fixture
def receiver(till: Till) -> Iterator[Receiver]:
    """Give an endpoint that answers 200, or what it is told."""
    till.control.put("/deliveries", json={}).raise_for_status()
    with _listening() as server:
        receiver = Receiver(till, f"http://127.0.0.1:{server.server_port}/events")
        server.receiver = receiver  # type: ignore[attr-defined]
        yield receiver
        till.stripe.webhook_endpoints.delete(receiver.id)


@contextmanager
def _listening() -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
            payload = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.put((payload, self.headers["Stripe-Signature"]))
            receiver.may_answer.wait(WAIT_SECONDS)
            status = 200 if receiver.statuses.empty() else receiver.statuses.get()
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_an_event_is_signed(till: Till, receiver: Receiver) -> None:
    """The library takes it with the endpoint's secret, and with no other."""
    payment = till.pay(new_order())
    for name in TYPES:
        event = receiver.next()
        assert (event.type, event.data.object.id) == (name, payment.id)
    till.pay(new_order())
    payload, signature = receiver.posts.get(timeout=WAIT_SECONDS)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload, signature, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload + b" ", signature, receiver.secret)


def test_an_event_is_sent_until_it_is_taken(till: Till, receiver: Receiver) -> None:
    """After an error it comes again, later and later, by the provider's clock."""
    for status in 500, 302:
        receiver.statuses.put(status)
    payment = till.pay(new_order(), confirm=False)
    first = receiver.next()
    for seconds in 60, 120:
        till.settings(clock_offset_seconds=seconds)
        assert receiver.next().id == first.id
    assert first.data.object.id == payment.id
    till.settings(clock_offset_seconds=DAY_SECONDS)
    other = till.pay(new_order(), confirm=False)
    assert receiver.next().data.object.id == other.id, "what was taken does not come again"


def test_an_endpoint_is_deleted_while_another_is_sent_to(till: Till, receiver: Receiver) -> None:
    """It is left out, and the other goes on to hear of everything."""
    second = {"url": receiver.url, "enabled_events": TYPES}
    endpoint = till.stripe.webhook_endpoints.create(second)
    receiver.may_answer.clear()
    till.pay(new_order(), confirm=False)
    first = receiver.next()
    till.stripe.webhook_endpoints.delete(endpoint.id)
    receiver.may_answer.set()
    till.pay(new_order(), confirm=False)
    assert receiver.next().id != first.id


def test_events_come_twice_and_late(till: Till, receiver: Receiver) -> None:
    """Each copy when it is due."""
    disturbance = {"copies": 2, "late_seconds": 3600}
    till.control.put("/deliveries", json=disturbance).raise_for_status()
    till.pay(new_order(), confirm=False)
    till.control.put("/deliveries", json={}).raise_for_status()
    prompt = till.pay(new_order(), confirm=False)
    assert receiver.next().data.object.id == prompt.id
    till.settings(clock_offset_seconds=3601)
    assert receiver.next().id == receiver.next().id


def test_events_are_sent_by_hand_in_any_order(till: Till, receiver: Receiver) -> None:
    """What is held comes when, in which order and as often as a test says."""
    till.control.put("/deliveries", json={"hold": True}).raise_for_status()
    payment = till.pay(new_order())
    events = [event.id for event in till.stripe.events.list({"limit": 2}).data]
    order = [events[0], events[1], events[0]]
    statuses = till.control.post("/deliveries", json={"events": order}).json()
    assert [list(each.values()) for each in statuses] == [[200]] * 3
    received_events = [receiver.next() for _ in order]
    assert [event.id for event in received_events] == order
    assert {event.data.object.id for event in received_events} == {payment.id}
    till.control.put("/deliveries", json={}).raise_for_status()
    assert [receiver.next().id for _ in events] == events[::-1]


def test_events_are_shuffled(till: Till, receiver: Receiver) -> None:
    """By chance that can be repeated: within the span they come in another order."""
    till.control.put("/deliveries", json={"shuffle_seconds": 1000, "seed": 3}).raise_for_status()
    ids = [till.pay(new_order(), confirm=False).id for _ in range(6)]
    till.settings(clock_offset_seconds=1001)
    arrivals = [receiver.next().data.object.id for _ in ids]
    assert sorted(arrivals) == sorted(ids)
    assert arrivals != ids
