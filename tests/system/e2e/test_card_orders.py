"""Orders paid by card, with the system and the provider as processes: what both books say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.prose import FOR_CUSTOMERS
from contracts.states import FailureReason
from contracts.stubs import PAYMENT_ANSWERED
from participants.payment.card_api import CardApi
from participants.payment.card_file import add_cards
from temporal_saga.database import open_database
from tests.card_provider.test_provider_process import process
from tests.card_provider.till import Till
from tests.stack import Stack, order, until
from tests.system.e2e import test_checkouts as checkouts

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

PRICE = 500
ANSWER_SECONDS = 12
NOTHING = (0, 0, 0, 0)
HELD = (PRICE, 0, 0, 0)
CAPTURED = (PRICE, PRICE, 0, 0)
RELEASED = (PRICE, 0, PRICE, 0)
"""What the provider's books say was authorised, captured, voided and refunded of an order."""

CARDS = {
    "ann": "pm_card_visa",
    "bob": "pm_card_chargeDeclinedStolenCard",
    "eve": "pm_card_authenticationRequired",
}
SHORT: dict[str, Any] = {"sku": "scarce", "quantity": 2, "price": PRICE // 2}
"""The line of an order that stock cannot serve."""

SIGNAL = ("workflow", "signal", "--workflow-id")
SETTINGS = {
    "PAYMENT": "cards",
    "CARD_API_KEY": "sk_test_shop",
    "CARD_RETURN_URL": "https://shop.example/",
    "CARD_ANSWER_SECONDS": str(ANSWER_SECONDS),
    "WORKFLOW_SANDBOX": "off",
    "COMPENSATION_PAUSE_SECONDS": "1",
    "STUCK_ATTEMPTS": "3",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Till]]:
    """Give a shop whose customers pay with cards, and the provider's till."""
    folder = tmp_path_factory.mktemp("cards")
    stack = Stack(folder)
    with process(folder / "books.db") as (_, till):
        stack.env |= SETTINGS | {"CARD_API_URL": till.url}
        try:
            stack.seed({}, {"plenty": 1_000, "scarce": 1})
            engine = open_database(stack.database_url("payment"))
            add_cards(engine, CardApi("sk_test_shop", till.url), CARDS)
            engine.dispose()
            stack.start_all()
            yield stack, till
        finally:
            stack.stop()


def place(stack: Stack, order_id: str, customer: str = "ann", **fields: Any) -> None:
    """Place an order of `PRICE`."""
    body = order(customer, order_id=order_id, **({"price": PRICE} | fields))
    assert stack.place(body).status_code == 202


def end_of(stack: Stack, order_id: str) -> tuple[str, str | None]:
    """Return how an order ended, and why it failed."""
    view = stack.closed_order(order_id, seconds=60)
    return view["state"], view["failure"] and view["failure"]["reason"]


def answer(stack: Stack, order_id: str, word: str | None) -> str:
    """Wait until the customer is asked, and answer as their browser does; return the page."""

    def action() -> Any:
        view = stack.http.get(f"/orders/{order_id}").json()
        assert (view["state"] == "AWAITING_CUSTOMER") == (view["action"] is not None)
        return view["action"]

    page = until(action, f"{order_id} awaits its customer")
    assert page["kind"] == "authenticate"
    if word is not None:
        httpx.post(page["url"], data={"answer": word}, trust_env=False)
    return str(page["url"])


def test_orders_end_as_the_provider_and_the_customer_say(shop: tuple[Stack, Till]) -> None:
    """Paid and captured, declined, or asked first; what was held for an order that fails is void.

    One customer's answer is signalled, as by a webhook, the others' the saga finds out by itself.
    """
    stack, till = shop
    place(stack, "paid")
    place(stack, "declined", "bob")
    place(stack, "short", **SHORT)
    for order_id in ("told", "accepted", "refused", "late"):
        place(stack, order_id, "eve")
    late_page = answer(stack, "late", None)
    answer(stack, "accepted", "accept")
    answer(stack, "refused", "decline")
    answer(stack, "told", "accept")
    stack.temporal(*SIGNAL, "order-told", "--name", PAYMENT_ANSWERED)
    ends = {
        "paid": (("COMPLETED", None), CAPTURED),
        "declined": (("FAILED", "CARD_DECLINED"), NOTHING),
        "short": (("FAILED", "OUT_OF_STOCK"), RELEASED),
        "told": (("COMPLETED", None), CAPTURED),
        "accepted": (("COMPLETED", None), CAPTURED),
        "refused": (("FAILED", "AUTHENTICATION_FAILED"), NOTHING),
        "late": (("FAILED", "AUTHENTICATION_EXPIRED"), NOTHING),
    }
    assert {id_: (end_of(stack, id_), till.amounts(id_)) for id_ in ends} == ends
    httpx.post(late_page, data={"answer": "accept"}, trust_env=False)
    assert till.amounts("late") == NOTHING, "the bank's page was closed with the order"
    body = {"by": "otto", "reason": "they meant to accept"}
    again = stack.http.post("/orders/refused/place-again", json=body).json()["order_id"]
    answer(stack, again, "accept")
    assert (end_of(stack, again), till.amounts(again)) == (("COMPLETED", None), CAPTURED)
    assert till.amounts("refused") == NOTHING
    refund = stack.closed_order("short")["refund"]
    assert refund["amount_minor"] == 0
    assert "released" in refund["message"]
    steps = {step["name"]: step["state"] for step in stack.closed_order("paid")["steps"]}
    assert steps["CapturePayment"] == "DONE"
    timeline = [entry["name"] for entry in stack.closed_order("told")["timeline"]]
    assert "the card provider says that the customer has answered their bank" in timeline
    status, report = stack.audit()
    assert status == 0, report


def test_who_waits_for_an_order_is_told_at_once_that_the_bank_asks(
    shop: tuple[Stack, Till],
) -> None:
    """Or the customer hears of it when it is too late: they have less time than the caller."""
    stack, _ = shop
    answer = stack.place(order("eve", price=PRICE), Prefer="wait=30")
    view = answer.json()
    assert (answer.status_code, view["state"]) == (202, "AWAITING_CUSTOMER")
    assert view["action"]["kind"] == "authenticate"


ENDS = {
    "accept": r"Thank you: order \S+ is on its way\.",
    "decline": re.escape(FOR_CUSTOMERS[FailureReason.AUTHENTICATION_FAILED]),
}
"""What a checkout says at its end, by the customer's answer."""


@pytest.mark.parametrize("word", ENDS)
@pytest.mark.parametrize("language", checkouts.HERE)
def test_a_checkout_sends_the_customer_to_their_bank(
    shop: tuple[Stack, Till], tmp_path: Path, language: str, word: str
) -> None:
    """And says what comes of their answer there; the same cart again says the same."""
    stack, _ = shop
    cart = checkouts.cart_of(tmp_path, "eve", price=PRICE)
    with checkouts.start(language, cart, stack.api_port) as checkout:
        assert checkout.stdout
        line = checkout.stdout.readline()
        match = re.fullmatch(r"Please confirm with your bank: (\S+)\n", line)
        assert match, line
        httpx.post(match[1], data={"answer": word}, trust_env=False)
        exit_code, text = checkouts.end(checkout)
    assert exit_code == 0
    assert re.fullmatch(ENDS[word] + "\n", text)
    again = checkouts.start(language, cart, stack.api_port)
    assert checkouts.end(again) == (0, text)


def test_a_capture_waits_for_a_provider_that_is_down(shop: tuple[Stack, Till]) -> None:
    """The order is past its pivot: it is tried until the provider is back, and a person is told."""
    stack, till = shop
    with stack.hold_database("stock"):
        place(stack, "down")
        until(lambda: till.amounts("down") == HELD, "the money is held")
        until(lambda: stack.at_work("down", "DecreaseStock"), "stock is to be taken")
        till.control.post("/door/close", json={"for_seconds": None}).raise_for_status()

    def view() -> dict[str, Any]:
        order_view: dict[str, Any] = stack.http.get("/orders/down").json()
        return order_view

    until(lambda: view()["needs_attention"], "a person is called")
    assert view()["state"] == "COMPLETED"
    assert "CapturePaymentCommand keeps failing" in view()["attention"]["message"]
    till.control.post("/door/open").raise_for_status()
    assert end_of(stack, "down") == ("COMPLETED", None)
    assert till.amounts("down") == CAPTURED


COMPLETED = ("COMPLETED", None)
KILLS: dict[str, list[tuple[str, dict[str, Any], tuple[str, str | None], tuple[int, ...]]]] = {
    "create": [("ann", {}, COMPLETED, CAPTURED)],
    "confirm": [
        ("ann", {}, COMPLETED, CAPTURED),
        ("ann", {}, ("FAILED", "CANCELLED"), RELEASED),
    ],
    "capture": [("ann", {}, COMPLETED, CAPTURED)],
    "cancel": [
        ("ann", SHORT, ("FAILED", "OUT_OF_STOCK"), RELEASED),
        ("bob", {}, ("FAILED", "CARD_DECLINED"), NOTHING),
    ],
}
"""By the call in which the worker is killed, of some orders: whose, of what, how it ends, and what
the provider's books say then."""


@pytest.mark.parametrize("call", KILLS)
def test_a_worker_is_killed_in_a_call(shop: tuple[Stack, Till], call: str) -> None:
    """The provider has booked it or not, and does so when the order has ended: all is as it was."""
    stack, till = shop
    ends = {}
    for place_in_cells, (customer, lines, end, books) in enumerate(KILLS[call]):
        for point in ("request_held", "answer_held"):
            order_id = f"{call}-{place_in_cells}-{point}"
            till.fault(point, f"payment_intents.{call}")
            place(stack, order_id, customer, **lines)
            ends[order_id] = (end, books)
            until(lambda: len(pauses(till)) == len(ends), f"{order_id} is held")
    stack.kill("workers")
    for order_id, (end, _) in ends.items():
        if end[1] == "CANCELLED":
            decision = '{"by": "Eve", "reason": "the customer asked for it"}'
            stack.temporal(*SIGNAL, f"order-{order_id}", "--name", "cancel", "--input", decision)
    stack.start_worker()
    assert {id_: end_of(stack, id_) for id_ in ends} == {id_: end for id_, (end, _) in ends.items()}
    till.release()
    until(lambda: not pauses(till), "the calls that were on the wire are over")
    assert {id_: (end, till.amounts(id_)) for id_, (end, _) in ends.items()} == ends
    status, report = stack.audit()
    assert status == 0, report


def pauses(till: Till) -> list[Any]:
    """Return the calls that are held at the provider."""
    held_calls: list[Any] = till.control.get("/pauses").json()
    return held_calls
