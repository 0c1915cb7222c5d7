"""One identity is one order.

This holds for a hundred clients at once, and whatever Temporal or the order service has forgotten.
"""

import asyncio
import json
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowExecutionDescription,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from application.errors import Away
from application.placement import Placement
from application.runs import Runs
from contracts.base import digest
from contracts.placing import PlaceOrder
from contracts.steps import ROLES
from participants.order.service import OrderService
from temporal_saga.database import open_database
from tests.stack import WAIT_SECONDS, Stack, order, until

CLIENTS = 100
CONNECTIONS = 20


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with one worker process per role."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all(*ROLES)
        yield system
    finally:
        system.stop()


@pytest.fixture
def orders(stack: Stack) -> Iterator[OrderService]:
    """The order service's own records."""
    engine = open_database(f"sqlite:///{stack.data_dir}/order.db")
    yield OrderService.open(engine)
    engine.dispose()


def at_once(stack: Stack, bodies: list[dict[str, Any]], **headers: str) -> list[httpx.Response]:
    """Post all bodies at once, through so many connections as a pool of clients has."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def post_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        async with httpx.AsyncClient(
            base_url=stack.http.base_url, limits=limits, timeout=WAIT_SECONDS
        ) as http:
            return await asyncio.gather(
                *(http.post("/orders", json=body, headers=named) for body in bodies)
            )

    return asyncio.run(post_all())


def balance(stack: Stack) -> int:
    return int(stack.http.get("/customers/rich/wallet").json()["balance_minor"])


def runs(stack: Stack, order_id: str) -> list[str]:
    """Return the ids of the order's runs that visibility lists."""
    query = ("--query", f'WorkflowId="order-{order_id}"', "--output", "json")
    return [
        row["execution"]["runId"] for row in json.loads(stack.temporal("workflow", "list", *query))
    ]


def memo(stack: Stack, order_id: str) -> dict[str, Any]:
    shown = json.loads(
        stack.temporal(
            "workflow", "describe", "--workflow-id", f"order-{order_id}", "--output", "json"
        )
    )
    found: dict[str, Any] = shown["workflowExecutionInfo"].get("memo", {}).get("fields", {})
    return found


def told(view: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only Temporal knows and lists do not show: tries, and times of refunds."""
    return {
        key: value
        for key, value in view.items()
        if key not in ("timeline", "compensations", "refund", "acts")
    }


def lose_records(stack: Stack) -> None:
    """Empty the order service's database, as when it was restored from before its first order."""
    with (
        closing(sqlite3.connect(stack.data_dir / "order.db", timeout=WAIT_SECONDS)) as database,
        database,
    ):
        for table in ("lines", "moves", "orders", "fence"):
            database.execute(f"DELETE FROM {table}")


def delete_run(stack: Stack, order_id: str) -> None:
    """Delete a closed order's run, and wait until Temporal no longer knows it."""
    named = ("--workflow-id", f"order-{order_id}")
    stack.temporal("workflow", "delete", "--yes", *named)
    until(
        lambda: "not found" in stack.temporal("workflow", "describe", *named, check=False),
        "the run is gone",
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
    assert stack.closed(order_id)["state"] == "COMPLETED"
    assert balance(stack) == money - 100
    assert len(until(lambda: runs(stack, order_id), "it is listed")) == 1


@pytest.mark.parametrize("identity", ["key", "order_id"])
def test_of_many_bodies_under_one_identity_one_wins(stack: Stack, identity: str) -> None:
    """Of fifty bodies, each from two clients at once, one is the order.

    Both its clients get the order, all others 422.
    """
    money = balance(stack)
    named = {"order_id": "contended"} if identity == "order_id" else {}
    bodies = [order(quantity=1 + number // 2) | named for number in range(CLIENTS)]
    answers = at_once(
        stack, bodies, **({"Idempotency_Key": "contended"} if identity == "key" else {})
    )
    won = [
        (body, answer)
        for body, answer in zip(bodies, answers, strict=True)
        if answer.status_code in (200, 202)
    ]
    lost = [answer for answer in answers if answer.status_code == 422]
    assert (len(won), len(lost)) == (2, CLIENTS - 2)
    assert {answer.json()["type"] for answer in lost} == {"urn:problem:order-id-reused"}
    assert won[0][0] == won[1][0]
    [order_id] = {answer.json()["order_id"] for _, answer in won}
    view = stack.closed(order_id)
    assert (view["state"], view["lines"]) == ("COMPLETED", won[0][0]["lines"])
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


def test_a_key_is_one_order_whatever_ids_it_comes_with(stack: Stack) -> None:
    """A key with another order_id than its first is refused; with that one, or none, accepted.

    The answer is then the key's order.
    """
    body = order(quantity=2)
    assert (
        stack.place(body | {"order_id": "n-1"}, Idempotency_Key="three").json()["order_id"] == "n-1"
    )
    for named in ({"order_id": "n-1"}, {}):
        assert (
            stack.place(body | named, Idempotency_Key="three", Prefer="wait=20").json()["order_id"]
            == "n-1"
        )
    derived = stack.place(body, Idempotency_Key="four", Prefer="wait=20").json()["order_id"]
    for key, other in (("three", "n-2"), ("three", "n-3"), ("four", "n-4")):
        refused = stack.place(body | {"order_id": other}, Idempotency_Key=key)
        assert (refused.status_code, refused.json()["type"]) == (
            422,
            "urn:problem:idempotency-key-reused",
        )
        assert stack.status(f"/orders/{other}") == 404
    assert stack.place(body | {"order_id": derived}, Idempotency_Key="four").status_code in (
        200,
        202,
    )


def test_of_many_ids_under_one_key_one_wins(stack: Stack) -> None:
    """A hundred clients at once under one key are one order and one charge.

    Each has an id of its own, and one has none.
    """
    money = balance(stack)
    bodies = [order(order_id=f"rival-{number}") for number in range(CLIENTS - 1)] + [order()]
    answers = at_once(stack, bodies, Idempotency_Key="rivals")
    won = [answer.json()["order_id"] for answer in answers if answer.status_code in (200, 202)]
    assert len(set(won)) == 1
    assert Counter(answer.status_code for answer in answers)[422] == CLIENTS - len(won)
    assert stack.closed(won[0])["state"] == "COMPLETED"
    assert balance(stack) == money - 100


def test_a_key_whose_order_was_never_started_starts_it(stack: Stack, orders: OrderService) -> None:
    """If the API dies between recording a key and starting the saga, the caller can repeat."""
    assert orders.claim(digest(["order", "", "died"]), "was-claimed") == "was-claimed"
    assert stack.place(order(order_id="another-id"), Idempotency_Key="died").status_code == 422
    placed = stack.place(order(), Idempotency_Key="died", Prefer="wait=20")
    assert (placed.status_code, placed.json()["order_id"]) == (200, "was-claimed")


@pytest.mark.long
def test_a_key_that_cannot_be_taken_down_places_nothing(stack: Stack) -> None:
    """While the order service's database takes no writes, an order with a key is 503.

    Repeating it is one order.
    """
    with stack.locked("order"):
        away = stack.place(order(order_id="waits"), Idempotency_Key="waits")
        assert (away.status_code, away.headers["Retry-After"]) == (503, "2")
        assert stack.status("/orders/waits") == 404
    assert (
        stack.place(order(order_id="waits"), Idempotency_Key="waits", Prefer="wait=20").status_code
        == 200
    )


def test_an_open_order_is_recognised(stack: Stack, orders: OrderService) -> None:
    """Placing an open order again returns it with 202, also after waiting.

    Another body is refused.
    """
    stack.processes["payment"].send_signal(signal.SIGSTOP)
    try:
        first = stack.place(order(order_id="open"), Prefer="wait=1")
        assert (first.status_code, first.headers["Preference-Applied"]) == (202, "wait=1")
        until(lambda: orders.find("open"), "it is on record")
        again = stack.place(order(order_id="open"))
        assert (again.status_code, again.json()["order_id"], again.json()["closed_at"]) == (
            202,
            "open",
            None,
        )
        assert stack.place(order(order_id="open", quantity=2)).status_code == 422
    finally:
        stack.processes["payment"].send_signal(signal.SIGCONT)
    waited = stack.place(order(order_id="open"), Prefer="wait=99")
    assert (waited.status_code, waited.headers["Preference-Applied"]) == (200, "wait=30")


def test_an_order_started_by_hand_is_recognised(stack: Stack) -> None:
    """A saga started without the API is the order of its id, and of that body alone."""
    asked = order(quantity=7)
    place = ("--type", "OrderSaga", "--task-queue", "order-saga", "--workflow-id", "order-by-hand")
    stack.temporal("workflow", "start", *place, "--input", json.dumps(asked))
    assert stack.place(asked | {"order_id": "by-hand"}).status_code in (200, 202)
    assert stack.place(order(order_id="by-hand", quantity=8)).status_code == 422
    assert stack.closed("by-hand")["total_minor"] == 700
    assert memo(stack, "by-hand") == {}


@pytest.mark.parametrize("sku", ["plenty", "unheard of"])
def test_fingerprint_and_key_are_kept_in_memo_and_record(
    stack: Stack, orders: OrderService, sku: str
) -> None:
    """The memo, beside what the saga writes, and the record tell one request from another."""
    asked = order(sku=sku)
    order_id = stack.place(asked, Idempotency_Key=f"key of {sku}", Prefer="wait=20").json()[
        "order_id"
    ]
    fingerprint = PlaceOrder.model_validate(asked).fingerprint()
    identity = {"fingerprint": fingerprint, "request_key": f"key of {sku}"}
    assert {name: memo(stack, order_id).get(name) for name in identity} == identity
    assert orders.identity(order_id) == (fingerprint, f"key of {sku}")
    unnamed = stack.place(asked, Prefer="wait=20").json()["order_id"]
    assert orders.identity(unnamed) == (fingerprint, None)


def test_a_closed_run_without_a_record_is_found_and_not_started_again(
    stack: Stack, orders: OrderService
) -> None:
    """When the order service has lost an order, its closed run still guards its identity.

    The run also answers for the order.
    """
    asked = order(order_id="lost", quantity=3)
    before = stack.place(asked, Prefer="wait=20").json()
    money = balance(stack)
    lose_records(stack)
    again = stack.place(asked, Prefer="wait=20")
    assert again.status_code == 200
    assert {**again.json(), "closed_at": None} == {**before, "closed_at": None}, (
        "the run closed a moment after the record"
    )
    other = stack.place(asked | {"deadline_seconds": 901})
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:order-id-reused")
    late = stack.http.post("/orders/lost/cancel", json={"by": "ann", "reason": "too late"})
    assert (late.status_code, orders.find("lost")) == (409, None)
    assert len(until(lambda: runs(stack, "lost"), "it is listed")) == 1
    assert balance(stack) == money


def test_a_run_that_is_gone_leaves_the_record_to_answer(stack: Stack) -> None:
    """A closed order deleted from Temporal is shown, listed and recognised by id and by key.

    It cannot be cancelled.
    """
    placed = {
        "gone": (order(order_id="gone", quantity=4), {}),
        "by key": (order(quantity=5), {"Idempotency_Key": "gone"}),
    }
    before = {
        name: stack.place(body, Prefer="wait=20", **headers).json()
        for name, (body, headers) in placed.items()
    }
    money = balance(stack)
    for name, (body, headers) in placed.items():
        order_id = before[name]["order_id"]
        delete_run(stack, order_id)
        again = stack.place(body, **headers)
        assert (again.status_code, told(again.json())) == (200, told(before[name]))
        assert [entry["name"] for entry in again.json()["timeline"]] == [
            "PENDING",
            "PAYMENT_COMPLETED",
            "COMPLETED",
        ]
        assert stack.http.get(f"/orders/{order_id}").json() == again.json()
        other = stack.place(body | {"currency": "EUR"}, **headers)
        assert (other.status_code, other.json()["type"]) == (422, "urn:problem:order-id-reused")
        late = stack.http.post(
            f"/orders/{order_id}/cancel", json={"by": "ann", "reason": "too late"}
        )
        assert late.status_code == 409
        assert late.json()["detail"].endswith("the order is COMPLETED")
        listed = stack.http.get("/orders", params={"status": "CONFIRMED", "limit": 100}).json()[
            "orders"
        ]
        [shown] = [told(order) for order in listed if order["order_id"] == order_id]
        lines = again.json()["lines"]
        assert shown | {"lines": lines} == told(again.json()) | {"line_count": len(lines)}
    assert balance(stack) == money


def test_when_run_and_record_are_gone_nothing_is_charged_twice(stack: Stack) -> None:
    """An order without run or record starts anew; the participants' fences know its commands."""
    asked = order(order_id="forgotten", quantity=6)
    stack.place(asked, Prefer="wait=20")
    money = balance(stack)
    delete_run(stack, "forgotten")
    lose_records(stack)
    assert stack.http.get("/orders/forgotten").status_code == 404
    again = stack.place(asked, Prefer="wait=20").json()
    assert (again["state"], balance(stack)) == ("COMPLETED", money)


class Forgets(Interceptor):
    """Deletes runs in the instant in which they are looked at."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # temporalio's name
        """Stand before the client's calls."""

        class Outbound(OutboundInterceptor):
            async def describe_workflow(
                self,
                input: DescribeWorkflowInput,  # noqa: A002  # likewise
            ) -> WorkflowExecutionDescription:
                raise RPCError(f"{input.id} is gone", RPCStatusCode.NOT_FOUND, b"")

        return Outbound(next)


async def test_a_run_that_goes_while_it_is_looked_at_is_no_other_order(
    stack: Stack, tmp_path: Path
) -> None:
    """A caller who repeats an order in the instant of its deletion is told to ask again.

    The answer is not that it is another order.
    """
    asked = order(order_id="going")
    stack.place(asked, Prefer="wait=20")
    client = await Client.connect(
        stack.env["TEMPORAL_ADDRESS"],
        interceptors=[Forgets()],
        data_converter=pydantic_data_converter,
    )
    engine = open_database(f"sqlite:///{tmp_path}/order.db")
    with pytest.raises(Away):
        await Placement(client, OrderService.open(engine), Runs(client, asyncio.Event())).start(
            "going", PlaceOrder.model_validate(asked), None
        )
    engine.dispose()
