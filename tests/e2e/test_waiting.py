"""What is away when a worker or the API starts, or goes away while they run: they wait, say so, and go on."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import PostgreSQL, running
from tests.stack import ROLES, Stack, order, until


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A shop of which nothing runs yet."""
    system = Stack(tmp_path)
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A server that each test stops and starts, and leaves running."""
    with running() as server:
        yield server


def test_a_role_waits_for_its_own_database_alone(stack: Stack, postgresql: PostgreSQL) -> None:
    """With one participant's database away the other roles of the process work, and the order goes on when it is back."""
    stack.env["STOCK_DATABASE_URL"] = postgresql.create_database()
    postgresql.stop()
    stack.start("temporal", "embedded.py")
    stack.start_worker()
    stack.start("api", "api.py")
    until(lambda: "waiting for stock's database postgresql+psycopg://" in stack.said("workers"), "it says what it waits for")
    for role in ("orchestrator", "order", "payment"):
        until(lambda role=role: f"ready: {role}\n" in stack.said("workers"), f"{role} is ready")
    until(lambda: stack.status("/readyz") == 200, "the API is ready")
    stack.place(order(order_id="patient", sku="unheard of"))
    until(lambda: stack.http.get("/orders/patient").json()["state"] == "PAYMENT_COMPLETED", "it is paid")
    postgresql.start()
    stack.ready("workers")
    assert stack.closed("patient")["failure"]["reason"] == "UNKNOWN_SKU", "the stock service has answered"
    assert stack.kill("workers", signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_waiting_worker_stops_when_told(stack: Stack, number: signal.Signals) -> None:
    """A worker that waits for Temporal, or for its database, ends with 0 when it is told to stop."""
    stack.env["PAYMENT_DATABASE_URL"] = f"postgresql+psycopg://nobody@/none?host={stack.data_dir}"
    stack.start_worker("payment")
    until(lambda: "waiting for Temporal: " in stack.said("payment"), "it waits for Temporal")
    assert stack.kill("payment", number) == 0
    stack.start("temporal", "embedded.py")
    stack.start_worker("payment")
    until(lambda: "waiting for payment's database " in stack.said("payment"), "it waits for its database")
    assert stack.kill("payment", number) == 0
    assert "Traceback" not in stack.said("payment")


def test_a_sqlite_file_may_come_later(stack: Stack) -> None:
    """A folder that cannot be used yet is waited for like a server that is away."""
    place = stack.data_dir / "mount"
    place.touch()
    stack.env["PAYMENT_DATABASE_URL"] = f"sqlite:///{place}/payment.db"
    stack.start("temporal", "embedded.py")
    stack.start_worker("payment")
    until(lambda: f"waiting for payment's database sqlite:///{place}/payment.db: " in stack.said("payment"), "it waits")
    place.unlink()
    stack.ready("payment")


def test_a_worker_waits_for_the_search_attributes(stack: Stack) -> None:
    """On a server that lacks some a worker says which and how to create them; when somebody has, it takes work."""
    bare = ("server", "start-dev", "--headless", f"--port={stack.temporal_port}", "--search-attribute=SagaState=Keyword")
    stack.start("temporal", "-c", f"import os, embedded; t = embedded.temporal_binary(); os.execv(t, [t, *{bare}])")
    stack.start_worker("orchestrator")
    create = "temporal operator search-attribute create "
    until(lambda: f"waiting for search attributes: create them: {create}" in stack.said("orchestrator"), "it says what it waits for")
    told = stack.said("orchestrator").split(create)[1].splitlines()[0]
    assert told == "--name CustomerId --type Keyword --name FailureReason --type Keyword --name NeedsAttention --type Bool " + (
        "--name OrderTotalMinor --type Int"
    )
    assert "ready: " not in stack.said("orchestrator")
    stack.temporal(*create.split()[1:], *told.split())
    stack.ready("orchestrator")


def test_the_api_starts_without_the_order_database(stack: Stack, postgresql: PostgreSQL) -> None:
    """The API lives while the order database is away, says that it is not ready, and takes orders once it is back."""
    stack.env["ORDER_DATABASE_URL"] = postgresql.create_database()
    postgresql.stop()
    stack.start("temporal", "embedded.py")
    stack.start("api", "api.py")
    until(lambda: stack.status("/livez") == 200, "the API lives")
    assert_unavailable(stack)
    postgresql.start()
    assert stack.status("/readyz") == 200
    assert stack.place(order(order_id="first")).status_code == 202


def test_the_api_survives_the_absence_of_the_order_database(stack: Stack, postgresql: PostgreSQL) -> None:
    """While the order database is away orders get 503 with Retry-After; when it is back, so are they, and so are the workers."""
    stack.env["ORDER_DATABASE_URL"] = postgresql.create_database()
    stack.start_all(*ROLES)
    before = stack.place(order(order_id="before"), Prefer="wait=20").json()
    postgresql.stop()
    assert_unavailable(stack)
    assert stack.status("/stock/plenty") == 200, "what needs no order is still answered"
    postgresql.start()
    until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    assert stack.http.get("/orders/before").json() == before
    assert stack.place(order(), Prefer="wait=30").json()["state"] == "COMPLETED"


def assert_unavailable(stack: Stack) -> None:
    """Find that the API lives, and that whatever needs the order database is answered with a 503 that says when to ask again."""
    assert stack.status("/livez") == 200
    for answer in (stack.http.get("/readyz"), stack.place(order()), stack.http.get("/orders/before")):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"].startswith("the order service's database gives no answer")
