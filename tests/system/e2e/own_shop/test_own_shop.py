"""A shop of one's own, from nothing to a completed order, through real processes."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.steps import ROLES
from tests.stack import ROOT, Stack, free_port, order, until
from tests.tokens import AUTHENTICATION, bearer

pytestmark = pytest.mark.long

LOOKS = 500
MOST_BYTES_OF_LOOKS = 500_000
"""For what the server writes by itself meanwhile; 500 looks once left 10 MB."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system in which there is nothing yet to sell, and nobody to sell it to."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.start_all(*ROLES)
        yield system
        assert system.audit()[0] == 0, system.audit()[1]
    finally:
        system.stop()


@contextmanager
def another_api(stack: Stack, **env: str) -> Iterator[httpx.Client]:
    """Serve the same system through an API with other settings."""
    port, before = free_port(), stack.env
    stack.env = before | {"API_PORT": str(port)} | env
    stack.start("other-api", "api.py")
    stack.env = before
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=40) as http:

        def answers() -> bool:
            try:
                return http.get("/livez").is_success
            except httpx.TransportError:
                return False

        until(answers, "the other API answers")
        yield http
        stack.kill("other-api", signal.SIGTERM)


def offer(stack: Stack, sku: str, stock: int = 0, **prices: int) -> dict[str, Any]:
    body = {"name": f"the {sku}", "opening_stock": stock, "prices": prices}
    answer = stack.http.put(f"/stock/{sku}", json=body)
    assert answer.status_code == 200, answer.text
    product: dict[str, Any] = answer.json()
    return product


def move(stack: Stack, sku: str, change: int, key: str) -> httpx.Response:
    return stack.http.post(
        f"/stock/{sku}/movements",
        json={"change": change, "reason": "a test"},
        headers={"Idempotency-Key": key},
    )


def open_wallet(stack: Stack, customer: str, currency: str = "GBP") -> httpx.Response:
    return stack.http.put(f"/customers/{customer}/wallet", json={"currency": currency})


def deposit(
    stack: Stack, customer: str, amount: int, key: str, currency: str = "GBP"
) -> httpx.Response:
    return stack.http.post(
        f"/customers/{customer}/deposits",
        json={"amount_minor": amount, "currency": currency, "reason": "a test"},
        headers={"Idempotency-Key": key},
    )


def available(stack: Stack, sku: str) -> int:
    return int(stack.http.get(f"/stock/{sku}").json()["available"])


def balance(stack: Stack, customer: str) -> int:
    return int(stack.http.get(f"/customers/{customer}/wallet").json()["balance_minor"])


def size_of_temporal(stack: Stack) -> int:
    return sum(path.stat().st_size for path in stack.data_dir.glob("temporal.db*"))


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
    placed = stack.place(order("ann", "lamp", quantity=2, price=1999), Prefer="wait=20").json()
    assert (placed["state"], placed["failure"]) == ("COMPLETED", None)
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
    asked = order("new", "mug", price=100)
    assert stack.place(asked, Prefer="wait=20").json()["failure"]["reason"] == "UNKNOWN_CUSTOMER"
    open_wallet(stack, "new")
    assert stack.place(asked, Prefer="wait=20").json()["failure"]["reason"] == "INSUFFICIENT_FUNDS"
    deposit(stack, "new", 100, "transfer-new")
    assert stack.place(asked, Prefer="wait=20").json()["state"] == "COMPLETED"


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
    paid = deposit(stack, "bea", 500, "p")
    assert (paid.status_code, deposit(stack, "bea", 500, "p").json()) == (200, paid.json())
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
    for answer, status, told in answers:
        assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text
    assert (available(stack, "pen"), balance(stack, "cy")) == (2, 5)
    assert open_wallet(stack, "cy").json()["balance_minor"] == 5


def test_a_look_leaves_nothing(stack: Stack) -> None:
    """However often stock and wallets are looked up, Temporal's file does not grow."""
    offer(stack, "pin", 1)
    open_wallet(stack, "di")
    before = size_of_temporal(stack)
    for number in range(LOOKS):
        path = ("/stock/pin", "/customers/di/wallet", "/readyz", "/orders")[number % 4]
        assert stack.http.get(path).status_code == 200
    assert size_of_temporal(stack) - before < MOST_BYTES_OF_LOOKS


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
    log = stack.said("other-api").splitlines()
    assert len([line for line in log if "the database that is read here" in line]) == 2


def test_a_service_that_is_away_is_told_and_hears_it_once(stack: Stack) -> None:
    """A hung worker costs some seconds and a 503; said again, it moves once."""
    offer(stack, "tin", 1)
    stack.processes["stock"].send_signal(signal.SIGSTOP)
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
    found = json.loads(stack.temporal("activity", "list", "--query", query, "--output", "json"))
    if not found:
        return False
    asked = ("activity", "describe", "--activity-id", found[0]["activityId"], "--output", "json")
    return "PENDING_ACTIVITY_STATE_STARTED" in stack.temporal(*asked)


def killed_in_the_middle(
    stack: Stack, participant: str, activity: str, say: Callable[[], httpx.Response]
) -> None:
    """Send a request, kill -9 the worker during it, start it again, and repeat the request."""
    with ThreadPoolExecutor(1) as caller:
        with stack.locked(participant):
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


def fay_places(http: httpx.Client, sku: str, price: int, order_id: str) -> httpx.Response:
    body = order("fay", sku, price=price, order_id=order_id)
    return http.post("/orders", json=body, headers={"Prefer": "wait=20"})


def is_refused(http: httpx.Client, answer: httpx.Response, told: str) -> None:
    """See that a price is told to be wrong, on its line, and that no order was started."""
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] == [{"field": "lines.0.unit_price_minor", "message": told}]
    assert http.get("/orders/refused").status_code == 404


@pytest.fixture(scope="module")
def fay(stack: Stack) -> None:
    """A customer with money, and things with and without a list price."""
    offer(stack, "hat", 100, GBP=250)
    offer(stack, "gift", 100)
    open_wallet(stack, "fay")
    deposit(stack, "fay", 100_000, "fay-1")


@pytest.mark.usefixtures("fay")
def test_callers_set_prices_unless_it_is_set_otherwise(stack: Stack) -> None:
    """As the page says: what the caller says is what a line costs, nothing too."""
    for number, (sku, price) in enumerate((("hat", 0), ("hat", 999), ("gift", 1))):
        placed = fay_places(stack.http, sku, price, f"caller-{number}")
        assert placed.json()["state"] == "COMPLETED"


@pytest.mark.usefixtures("fay")
def test_list_prices_bound_what_is_paid(stack: Stack) -> None:
    """Nothing is cheaper than its list price; what has none is not sold."""
    with another_api(stack, ORDER_PRICES="at_least_list") as http:
        told = "2.49 GBP is offered, the list price is 2.50 GBP"
        is_refused(http, fay_places(http, "hat", 249, "refused"), told)
        told = "gift has no list price in GBP"
        is_refused(http, fay_places(http, "gift", 10**6, "refused"), told)
        for price in (250, 251):
            assert fay_places(http, "hat", price, f"least-{price}").json()["state"] == "COMPLETED"


@pytest.mark.usefixtures("fay")
def test_list_prices_decide_what_is_paid(stack: Stack) -> None:
    """A line costs its list price and nothing else; an order keeps the price it was placed at."""
    with another_api(stack, ORDER_PRICES="list") as http:
        for price in (249, 251):
            told = f"2.{price - 200} GBP is offered, the list price is 2.50 GBP"
            is_refused(http, fay_places(http, "hat", price, "refused"), told)
        euros = http.post("/orders", json=order("fay", "hat", price=250) | {"currency": "EUR"})
        assert euros.status_code == 422
        first = fay_places(http, "hat", 250, "list-250")
        assert first.json()["state"] == "COMPLETED"
        offer(stack, "hat", GBP=260)
        again = fay_places(http, "hat", 250, "list-250")
        assert (again.status_code, again.json()) == (200, first.json())
        told = "2.50 GBP is offered, the list price is 2.60 GBP"
        is_refused(http, fay_places(http, "hat", 250, "refused"), told)
        offer(stack, "hat", GBP=250)
        stack.data_dir.joinpath("stock.db").rename(stack.data_dir / "away.db")
        unknown = fay_places(http, "hat", 250, "unknown")
        known = fay_places(http, "hat", 250, "list-250")
        stack.data_dir.joinpath("away.db").rename(stack.data_dir / "stock.db")
        assert (unknown.status_code, unknown.headers["Retry-After"]) == (503, "2")
        assert (known.status_code, known.json()) == (200, first.json())


# `make shop`.


def make_shop(stack: Stack, path: Path, **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "operations.shop", str(path)],
        cwd=ROOT,
        env=stack.env | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_file_brings_products_and_customers(stack: Stack, tmp_path: Path) -> None:
    """What is new is added, what differs is changed; the same file again changes nothing."""
    products, customers = tmp_path / "my products.csv", tmp_path / "customers.csv"
    rows = [f"F{number},thing {number},3,GBP,{number}" for number in range(600)]
    products.write_text("sku,name,opening_stock,currency,unit_price_minor\n" + "\n".join(rows))
    customers.write_text(
        "customer_id;currency;opening_balance_minor\r\nflo;GBP;5000\r\ngus;EUR;\r\n"
    )
    assert make_shop(stack, products)[:2] == (
        0,
        "products: 600 added, 0 changed, 0 left as they are\n",
    )
    assert make_shop(stack, customers)[:2] == (0, "customers: 2 added, 0 left as they are\n")
    assert stack.place(order("flo", "F7", price=7), Prefer="wait=20").json()["state"] == "COMPLETED"
    again = make_shop(stack, products)
    assert again[1].startswith("products: 0 added, 0 changed, 600 left as they are\n")
    assert (available(stack, "F7"), available(stack, "F8"), balance(stack, "flo")) == (2, 3, 4993)
    products.write_text(products.read_text().replace("thing 9,", "thing nine,"))
    assert make_shop(stack, products)[1].startswith(
        "products: 0 added, 1 changed, 599 left as they are\n"
    )
    assert stack.http.get("/stock/F9").json()["name"] == "thing nine"
    customers.write_text("customer_id,currency\nflo,EUR\ngus,EUR\n")
    status, told, wrong = make_shop(stack, customers)
    assert (status, told.splitlines()[0]) == (1, "customers: 0 added, 1 left as they are")
    assert wrong.startswith("  the wallet of flo is in GBP, and stays so\n")


def test_a_file_that_is_none_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    """It is told what is wrong, line by line, and nothing of it is in the shop."""
    path = tmp_path / "bad.csv"
    path.write_text("sku,name,opening_stock\nG1,good,1\nG2,bad,one\n")
    status, told, wrong = make_shop(stack, path)
    assert (status, told) == (2, "")
    assert wrong.startswith(
        f"{path} is not taken, nothing of it:\n  line 3: opening_stock: one is no"
    )
    assert stack.http.get("/stock/G1").status_code == 404


def test_where_it_cannot_be_brought_is_told(stack: Stack, tmp_path: Path) -> None:
    """Nobody answers, what answers is something else, or a token is needed."""
    path = tmp_path / "one.csv"
    path.write_text("sku,name\nH1,good\n")
    nobody = make_shop(stack, path, API_PORT=str(free_port()))
    assert nobody[0] == 1
    assert nobody[2].startswith(
        "not taken: after 0 of 1 products: nobody answers at http://127.0.0.1:"
    )
    assert "Traceback" not in nobody[2]
    other = make_shop(stack, path, API_URL=f"http://127.0.0.1:{stack.ui_port}")
    assert other[0] == 1
    assert "is no order saga" in other[2]
    with another_api(stack, **AUTHENTICATION) as http:
        url = {"API_URL": str(http.base_url)}
        closed = make_shop(stack, path, **url)
        assert closed[0] == 1
        assert "set API_TOKEN to a token with the scope shop:manage" in closed[2]
        token = bearer("shop:manage")["Authorization"].removeprefix("Bearer ")
        assert make_shop(stack, path, **url, API_TOKEN=token)[0] == 0
    assert stack.http.get("/stock/H1").status_code == 200
