"""A shop of one's own, from nothing to a completed order, through real processes."""

import json
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.stack import Stack, order, until
from tests.system.e2e.own_shop.shop_calls import (
    another_api,
    available,
    balance,
    deposit,
    move,
    offer,
    open_wallet,
)

SERVICES_APART = True

pytestmark = pytest.mark.long

LOOKS = 500
MOST_BATCHES_OF_LOOKS = 50
"""For what orders before may still write: a look that is a workflow leaves three and more.

Bytes of Temporal's file say less: it writes on about closed orders for seconds.
"""


def batches_of_events(stack: Stack) -> int:
    """Return how many batches of events Temporal has in its database, of all runs."""
    database = stack.data_dir / "temporal.db"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM history_node")
    return int(count)


def test_from_nothing_to_a_completed_order(stack: Stack) -> None:
    """A product, a delivery, a customer and money come in, and an order of them completes."""
    assert offer(stack, "lamp", GBP=1999)["available"] == 0
    assert move(stack, "lamp", 50, "delivery-1").json() == {
        "event": "StockMovedEvent",
        "sku": "lamp",
        "change": 50,
        "available": 50,
    }
    wallet = {"customer_id": "ann", "currency": "GBP", "balance_minor": 0}
    assert open_wallet(stack, "ann").json() == wallet
    assert deposit(stack, "ann", 10_000, "transfer-1").json()["balance_minor"] == 10_000
    answer = stack.place(order("ann", "lamp", quantity=2, price=1999), Prefer="wait=20").json()
    assert (answer["state"], answer["failure"]) == ("COMPLETED", None)
    assert stack.http.get("/stock/lamp").json() == {
        "sku": "lamp",
        "name": "the lamp",
        "available": 48,
        "prices": {"GBP": 1999},
    }
    assert balance(stack, "ann") == 10_000 - 2 * 1999


def test_a_customer_without_a_wallet_can_be_helped(stack: Stack) -> None:
    """What an order failed for is put right over HTTP, and the next one completes."""
    offer(stack, "mug", 5)
    body = order("new", "mug", price=100)
    assert stack.place(body, Prefer="wait=20").json()["failure"]["reason"] == "UNKNOWN_CUSTOMER"
    open_wallet(stack, "new")
    assert stack.place(body, Prefer="wait=20").json()["failure"]["reason"] == "INSUFFICIENT_FUNDS"
    deposit(stack, "new", 100, "transfer-new")
    assert stack.place(body, Prefer="wait=20").json()["state"] == "COMPLETED"


def test_what_is_said_twice_moves_once(stack: Stack) -> None:
    """The same key again is the same movement; another movement under it is refused."""
    offer(stack, "cup", 5)
    offer(stack, "cup", 5)
    assert available(stack, "cup") == 5
    first = move(stack, "cup", 10, "d")
    assert (first.status_code, move(stack, "cup", 10, "d").json()) == (200, first.json())
    for other in (move(stack, "cup", 11, "d"), move(stack, "lamp", 10, "d")):
        assert (other.status_code, other.json()["type"]) == (422, "urn:problem:key-reused")
    assert available(stack, "cup") == 15
    open_wallet(stack, "bea")
    answer = deposit(stack, "bea", 500, "p")
    assert (answer.status_code, deposit(stack, "bea", 500, "p").json()) == (200, answer.json())
    assert deposit(stack, "bea", 501, "p").status_code == 422
    assert balance(stack, "bea") == 500


def test_what_cannot_be_is_refused_with_a_reason(stack: Stack) -> None:
    """Below zero, in another currency, of what is not there, and without a key."""
    offer(stack, "pen", 2)
    open_wallet(stack, "cy")
    deposit(stack, "cy", 5, "cy-1")
    answers = [
        (move(stack, "pen", -3, "x1"), 409, "pen: 3 are to be taken out, 2 left"),
        (move(stack, "none", 1, "x2"), 404, "there is no product none"),
        (
            deposit(stack, "cy", -6, "x3"),
            409,
            "0.06 GBP are to be taken out, and there are 0.05 GBP",
        ),
        (
            deposit(stack, "cy", 6, "x4", "EUR"),
            409,
            "the wallet of cy is in GBP, the deposit in EUR",
        ),
        (deposit(stack, "nobody", 6, "x5"), 404, "customer nobody has no wallet"),
        (open_wallet(stack, "cy", "EUR"), 409, "the wallet of cy is in GBP, and stays so"),
        (move(stack, "pen", 0, "x6"), 422, "change: Should not be 0, which changes nothing"),
        (
            stack.http.post("/stock/pen/movements", json={"change": 1, "reason": "x"}),
            422,
            "dempotency",
        ),
    ]
    for answer, status, detail in answers:
        assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), (
            answer.text
        )
    assert (available(stack, "pen"), balance(stack, "cy")) == (2, 5)
    assert open_wallet(stack, "cy").json()["balance_minor"] == 5


def test_a_look_leaves_nothing(stack: Stack) -> None:
    """However often stock and wallets are looked up, Temporal keeps no event of it."""
    offer(stack, "pin", 1)
    open_wallet(stack, "di")
    before = batches_of_events(stack)
    for number in range(LOOKS):
        path = ("/stock/pin", "/customers/di/wallet", "/readyz", "/orders")[number % 4]
        assert stack.http.get(path).status_code == 200
    after = batches_of_events(stack)
    assert after - before < MOST_BATCHES_OF_LOOKS
    stack.place(order("di", "pin", price=100), Prefer="wait=20")
    assert batches_of_events(stack) > after, "the count sees a saga"


def test_an_api_without_the_participants_databases_says_so_and_makes_none(
    stack: Stack, tmp_path: Path
) -> None:
    """It starts, serves orders, and answers a failed look-up with 503, not "there is none"."""
    nowhere = {
        name: f"sqlite:///{tmp_path}/nowhere/{name.lower()}.db"
        for name in ("STOCK_DATABASE_URL", "PAYMENT_DATABASE_URL")
    }
    with another_api(stack, **nowhere) as http:
        assert http.get("/readyz").status_code == 200
        for path in ("/stock/lamp", "/customers/ann/wallet"):
            answer = http.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert "the database that is read here is not the one" in answer.json()["detail"]
    assert list(tmp_path.iterdir()) == []
    log = stack.log_text("other-api").splitlines()
    assert len([line for line in log if "the database that is read here" in line]) == 2


def test_a_service_that_is_away_is_told_and_hears_it_once(stack: Stack) -> None:
    """A hung worker costs some seconds and a 503; said again, it moves once."""
    offer(stack, "tin", 1)
    stack.suspend("stock")
    answer = move(stack, "tin", 10, "hung")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.elapsed.total_seconds() < 8
    assert available(stack, "tin") == 1
    stack.processes["stock"].send_signal(signal.SIGCONT)
    until(lambda: move(stack, "tin", 10, "hung").status_code == 200, "it moves")
    assert available(stack, "tin") == 11


def at_work(stack: Stack, activity: str) -> bool:
    """Tell whether a worker is at this command, and it is not only to come."""
    query = f'ActivityType="{activity}" AND ExecutionStatus="Running"'
    activities = json.loads(
        stack.temporal("activity", "list", "--query", query, "--output", "json")
    )
    if not activities:
        return False
    describe = (
        "activity",
        "describe",
        "--activity-id",
        activities[0]["activityId"],
        "--output",
        "json",
    )
    return "PENDING_ACTIVITY_STATE_STARTED" in stack.temporal(*describe)


def killed_in_the_middle(
    stack: Stack, participant: str, activity: str, say: Callable[[], httpx.Response]
) -> None:
    """Send a request, kill -9 the worker during it, start it again, and repeat the request."""
    with ThreadPoolExecutor(1) as caller:
        with stack.hold_database(participant):
            saying = caller.submit(say)
            until(lambda: at_work(stack, activity), "the worker is at it")
            stack.kill(participant)
        assert saying.result(20).status_code == 503
    stack.start_worker(participant)
    stack.ready(participant)
    until(lambda: say().status_code == 200, "it is done")


def test_a_worker_killed_in_the_middle_moves_stock_once(stack: Stack) -> None:
    """Whether its transaction was still to come or not, the same key again, and it moved once."""
    offer(stack, "box", 1)
    killed_in_the_middle(stack, "stock", "MoveStock", lambda: move(stack, "box", 10, "killed"))
    assert available(stack, "box") == 11


def test_a_worker_killed_in_the_middle_takes_money_once(stack: Stack) -> None:
    """Likewise."""
    open_wallet(stack, "ed")
    killed_in_the_middle(
        stack, "payment", "DepositMoney", lambda: deposit(stack, "ed", 10, "killed")
    )
    assert balance(stack, "ed") == 10


# `make shop`.
