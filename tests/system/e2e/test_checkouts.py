"""The checkouts in Python and in JavaScript, and the Python client, against the real system."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from order_client import Limits, OrderClient, new_key
from order_models import NewOrder, OrderEvent

from contracts.prose import FOR_CUSTOMERS
from contracts.states import FailureReason
from tests.proxy import Proxy, proxy
from tests.stack import ROOT, Stack, order, until

pytestmark = pytest.mark.long

CHECKOUTS = {
    "python": (sys.executable, ROOT / "clients" / "python" / "checkout.py"),
    "javascript": ("node", ROOT / "clients" / "javascript" / "checkout.mjs"),
}
HERE = [language for language, (program, _) in CHECKOUTS.items() if shutil.which(program)]
STORIES = ("sale", "lost", "restart", "followed")
DECLINE = FOR_CUSTOMERS[FailureReason.INSUFFICIENT_FUNDS]


def customer_of(language: str, story: str) -> str:
    """Return a customer who orders nothing else, so that each order of theirs is seen."""
    return f"{language}-{story}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system in which each story has a customer of its own."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    rich = {customer_of(language, story): 10_000 for language in CHECKOUTS for story in STORIES}
    try:
        system.seed({"poor": 1, **rich}, {"plenty": 10**6})
        system.start_all()
        yield system
    finally:
        system.stop()


@pytest.fixture
def way(stack: Stack) -> Iterator[Proxy]:
    """What the checkouts reach the API by."""
    with proxy(("127.0.0.1", stack.api_port)) as leading:
        yield leading


def start(language: str, cart: Path, port: int) -> subprocess.Popen[str]:
    """Start a checkout, as a customer's browser makes a shop do."""
    return subprocess.Popen(
        [*map(str, CHECKOUTS[language]), str(cart)],
        env=os.environ | {"API_URL": f"http://127.0.0.1:{port}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(checkout: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for its end, and return its exit code and all that it says."""
    output, errors = checkout.communicate(timeout=60)
    return checkout.returncode, output + errors


def cart_of(folder: Path, customer: str, **fields: Any) -> Path:
    """Return a new cart's file."""
    cart = folder / f"{customer}.json"
    cart.write_text(json.dumps({"order": order(customer, **fields)}))
    return cart


def orders_of(stack: Stack, customer: str) -> list[dict[str, Any]]:
    """Return all orders of a customer."""
    orders: list[dict[str, Any]] = stack.http.get(f"/orders?customer_id={customer}").json()[
        "orders"
    ]
    return orders


def expect_one_sale(stack: Stack, language: str, story: str, ending: tuple[int, str]) -> None:
    """See that the customer has bought once, paid once, and was told so."""
    customer = customer_of(language, story)
    [sale] = orders_of(stack, customer)
    assert ending == (0, f"Thank you: order {sale['order_id']} is on its way.\n")
    stack.closed_order(sale["order_id"])
    assert stack.http.get(f"/customers/{customer}/wallet").json()["balance_minor"] == 9_900


@pytest.mark.parametrize("language", HERE)
def test_a_sale_a_decline_and_a_mistake(
    stack: Stack, way: Proxy, tmp_path: Path, language: str
) -> None:
    """The customer is told of each; the same cart again is the same order."""
    cart = cart_of(tmp_path, customer_of(language, "sale"))
    for _ in range(2):
        expect_one_sale(stack, language, "sale", end(start(language, cart, way.port)))
    assert end(start(language, cart_of(tmp_path, "poor"), way.port)) == (0, f"{DECLINE}\n")
    exit_code, text = end(start(language, cart_of(tmp_path, "poor", price=-1), way.port))
    assert exit_code == 1
    assert "unit_price_minor" in text


def test_a_lost_answer_places_one_order(stack: Stack, way: Proxy, tmp_path: Path) -> None:
    """The checkout is killed when its order is on record, and of the next one the line is cut."""
    with stack.hold_database("payment"):
        for checkout in begin(stack, way, tmp_path, "lost").values():
            checkout.kill()
            checkout.communicate()
        until(lambda: stack.in_flight() == 0, "the API has let them go")
        checkouts = {
            language: start(language, tmp_path / f"{customer_of(language, 'lost')}.json", way.port)
            for language in HERE
        }
        until(lambda: stack.in_flight() == len(HERE), "both wait for the order to close")
        way.cut()
    for language, checkout in checkouts.items():
        expect_one_sale(stack, language, "lost", end(checkout))


def begin(stack: Stack, way: Proxy, folder: Path, story: str) -> dict[str, subprocess.Popen[str]]:
    """Start all checkouts, and wait until the order of each is on record."""
    checkouts = {
        language: start(language, cart_of(folder, customer_of(language, story)), way.port)
        for language in HERE
    }
    for language in HERE:
        customer = customer_of(language, story)
        until(partial(orders_of, stack, customer), "the order is on record")
    return checkouts


@pytest.mark.parametrize("language", HERE)
def test_retry_after_is_obeyed(tmp_path: Path, language: str) -> None:
    """Nobody asks sooner than the API allows, and each call is the same."""
    answers = [(429, {"Retry-After": "2"}, {}), (503, {}, {}), (422, {}, {"detail": "too dear"})]
    calls = list[tuple[float, str | None]]()

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, headers, problem = answers[len(calls)]
            calls.append((time.monotonic(), self.headers["Idempotency-Key"]))
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"status": status, **problem}).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        exit_code, text = end(start(language, cart_of(tmp_path, "any"), server.server_port))
        server.shutdown()
        thread.join()
    (first, key), (second, _), _ = calls
    assert (exit_code, "too dear" in text) == (1, True)
    assert second - first >= 2
    assert {key_of_call for _, key_of_call in calls} == {key} != {None}


def test_the_api_starts_again_in_the_middle(stack: Stack, way: Proxy, tmp_path: Path) -> None:
    """Killed while checkouts wait and a client follows: all go on where they were, and end."""
    url = f"http://127.0.0.1:{way.port}"
    with OrderClient(url, limits=Limits(longest_pause_seconds=0.5)) as client:
        with stack.hold_database("payment"):
            checkouts = begin(stack, way, tmp_path, "restart")
            body = NewOrder.model_validate(order(customer_of("python", "followed")))
            followed_order = client.place(body, new_key(), wait_seconds=0)
            assert (followed_order.state, followed_order.closed_at) == ("PENDING", None)
            following = client.follow(followed_order.order_id)
            events = [next(following) for _ in range(3)]
            stack.kill("api")
            stack.start("api", "api.py")
        events += following
    for language, checkout in checkouts.items():
        expect_one_sale(stack, language, "restart", end(checkout))
    expect_whole_story(stack, followed_order.order_id, events)


def expect_whole_story(stack: Stack, order_id: str, events: list[OrderEvent]) -> None:
    """See that a client that was cut off has heard each entry of an order's timeline, once."""
    timeline = stack.http.get(f"/orders/{order_id}").json()["timeline"]
    *entries, last_event = events
    assert [event.data for event in entries] == timeline
    assert (last_event.event, last_event.data["state"]) == ("closed", "COMPLETED")
