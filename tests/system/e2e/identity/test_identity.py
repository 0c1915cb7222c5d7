"""One identity is one order, also for a hundred clients at once."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from contracts.base import digest
from participants.order.service import OrderService
from tests.stack import WAIT_SECONDS, Stack, order, until
from tests.system.e2e.identity.traces import (
    balance,
    runs,
)

CLIENTS = 100
CONNECTIONS = 20


def at_once(stack: Stack, bodies: list[dict[str, Any]], **headers: str) -> list[httpx.Response]:
    """Post all bodies at once, through so many connections as a pool of clients has."""
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def post_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        async with httpx.AsyncClient(
            base_url=stack.http.base_url, limits=limits, timeout=WAIT_SECONDS
        ) as http:
            return await asyncio.gather(
                *(http.post("/orders", json=body, headers=request_headers) for body in bodies)
            )

    return asyncio.run(post_all())


def test_a_key_is_one_order_whatever_ids_it_comes_with(stack: Stack) -> None:
    """A key with another order_id than its first is refused; with that one, or none, accepted.

    The answer is then the key's order. The log of operations has the refusal; this comes first, as
    of callers who are refused often it has not each.
    """
    body = order(quantity=2)
    assert (
        stack.place(body | {"order_id": "n-1"}, Idempotency_Key="three").json()["order_id"] == "n-1"
    )
    for id_in_body in ({"order_id": "n-1"}, {}):
        assert (
            stack.place(body | id_in_body, Idempotency_Key="three", Prefer="wait=20").json()[
                "order_id"
            ]
            == "n-1"
        )
    derived_id = stack.place(body, Idempotency_Key="four", Prefer="wait=20").json()["order_id"]
    for key, other in (("three", "n-2"), ("three", "n-3"), ("four", "n-4")):
        answer = stack.place(body | {"order_id": other}, Idempotency_Key=key)
        assert (answer.status_code, answer.json()["type"]) == (
            422,
            "urn:problem:idempotency-key-reused",
        )
        assert stack.status(f"/orders/{other}") == 404
        [entry] = stack.http.get(f"/operations?order_id={other}").json()["operations"]
        assert (entry["act"], entry["outcome"]) == ("place", "REFUSED")
        assert entry["message"] == answer.json()["detail"]
    assert stack.place(body | {"order_id": derived_id}, Idempotency_Key="four").status_code in (
        200,
        202,
    )


def test_one_key_from_a_hundred_clients_is_one_order(stack: Stack) -> None:
    """One body under one key, a hundred times at once, is one run and one charge.

    Every client is told the same order.
    """
    money = balance(stack)
    answers = at_once(stack, [order()] * CLIENTS, Idempotency_Key="hundred")
    assert Counter(answer.status_code in (200, 202) for answer in answers) == {True: CLIENTS}
    [order_id] = {answer.json()["order_id"] for answer in answers}
    assert {answer.headers["Location"] for answer in answers} == {f"/orders/{order_id}"}
    assert stack.closed_order(order_id)["state"] == "COMPLETED"
    assert balance(stack) == money - 100
    assert len(until(lambda: runs(stack, order_id), "it is listed")) == 1


@pytest.mark.parametrize("identity", ["key", "order_id"])
def test_of_many_bodies_under_one_identity_one_wins(stack: Stack, identity: str) -> None:
    """Of fifty bodies, each from two clients at once, one is the order.

    Both its clients get the order, all others 422.
    """
    money = balance(stack)
    id_in_body = {"order_id": "contended"} if identity == "order_id" else {}
    bodies = [order(quantity=1 + number // 2) | id_in_body for number in range(CLIENTS)]
    answers = at_once(
        stack, bodies, **({"Idempotency_Key": "contended"} if identity == "key" else {})
    )
    winners = [
        (body, answer)
        for body, answer in zip(bodies, answers, strict=True)
        if answer.status_code in (200, 202)
    ]
    refusals = [answer for answer in answers if answer.status_code == 422]
    assert (len(winners), len(refusals)) == (2, CLIENTS - 2)
    assert {answer.json()["type"] for answer in refusals} == {"urn:problem:order-id-reused"}
    assert winners[0][0] == winners[1][0]
    [order_id] = {answer.json()["order_id"] for _, answer in winners}
    view = stack.closed_order(order_id)
    assert (view["state"], view["lines"]) == ("COMPLETED", winners[0][0]["lines"])
    assert balance(stack) == money - view["total_minor"]


def test_orders_without_an_identity_are_different_orders(stack: Stack) -> None:
    """Without order id and key the same body twice is two orders; two keys are two orders."""
    ids = [stack.place(order(), Prefer="wait=20").json()["order_id"] for _ in range(2)]
    ids += [
        stack.place(order(), Idempotency_Key=key, Prefer="wait=20").json()["order_id"]
        for key in ("one", "two", "one")
    ]
    assert len(set(ids)) == 4
    assert ids[2] == ids[4]


def test_of_many_ids_under_one_key_one_wins(stack: Stack) -> None:
    """A hundred clients at once under one key are one order and one charge.

    Each has an id of its own, and one has none.
    """
    money = balance(stack)
    bodies = [order(order_id=f"rival-{number}") for number in range(CLIENTS - 1)] + [order()]
    answers = at_once(stack, bodies, Idempotency_Key="rivals")
    winning_ids = [
        answer.json()["order_id"] for answer in answers if answer.status_code in (200, 202)
    ]
    assert len(set(winning_ids)) == 1
    assert Counter(answer.status_code for answer in answers)[422] == CLIENTS - len(winning_ids)
    assert stack.closed_order(winning_ids[0])["state"] == "COMPLETED"
    assert balance(stack) == money - 100


def test_a_key_whose_order_was_never_started_starts_it(stack: Stack, orders: OrderService) -> None:
    """If the API dies between recording a key and starting the saga, the caller can repeat."""
    assert orders.claim(digest(["order", "", "died"]), "was-claimed") == "was-claimed"
    assert stack.place(order(order_id="another-id"), Idempotency_Key="died").status_code == 422
    answer = stack.place(order(), Idempotency_Key="died", Prefer="wait=20")
    assert (answer.status_code, answer.json()["order_id"]) == (200, "was-claimed")


@pytest.mark.long
def test_a_key_that_cannot_be_taken_down_places_nothing(stack: Stack) -> None:
    """While the order service's database takes no writes, an order with a key is 503.

    Repeating it is one order.
    """
    with stack.hold_database("order"):
        away = stack.place(order(order_id="waits"), Idempotency_Key="waits")
        assert (away.status_code, away.headers["Retry-After"]) == (503, "2")
        assert stack.status("/orders/waits") == 404
    assert (
        stack.place(order(order_id="waits"), Idempotency_Key="waits", Prefer="wait=20").status_code
        == 200
    )
