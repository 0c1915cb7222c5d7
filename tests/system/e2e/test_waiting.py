"""What is away when a worker or the API starts or runs: they wait, say so, and go on."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import (
    Client,
    CountWorkflowsInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowExecutionCount,
)
from temporalio.service import RPCError, RPCStatusCode

from contracts.steps import ROLES
from contracts.stubs import SEARCH_ATTRIBUTES
from operations.up.temporal_server import search_attribute_flags, temporal_binary
from temporal_saga.search_attributes import SearchAttributesMissing, check_search_attributes
from tests.postgresql import PostgreSQL, running
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long


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


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A real server, one of whose search attributes has another type than ours."""
    system = Stack(tmp_path_factory.mktemp("temporal"))
    try:
        start_temporal(
            system,
            *search_attribute_flags()[:3],
            "--search-attribute=NeedsAttention=Keyword",
            search_attribute_flags()[4],
        )
        yield system
    finally:
        system.stop()


def start_temporal(stack: Stack, *flags: str) -> None:
    """Start a server with only the search attributes that the flags name, and wait for it."""
    command = [
        temporal_binary(),
        "server",
        "start-dev",
        "--headless",
        f"--port={stack.temporal_port}",
        *flags,
    ]
    stack.start("temporal", "-c", f"import os; os.execv({command[0]!r}, {command!r})")
    until(
        lambda: "SERVING" in stack.temporal("operator", "cluster", "health", check=False),
        "the server answers",
    )


def until_said(stack: Stack, part: str, words: str) -> None:
    """Wait until a process has logged these words."""
    until(lambda: words in stack.log_text(part), f"{part} says {words!r}")


@pytest.mark.long
def test_a_role_waits_for_its_own_database_alone(stack: Stack, postgresql: PostgreSQL) -> None:
    """With one participant's database away the other roles work; the order goes on afterwards."""
    stack.env["STOCK_DATABASE_URL"] = postgresql.create_database()
    postgresql.stop()
    stack.start_temporal()
    stack.start_worker()
    stack.start("api", "api.py")
    until_said(stack, "workers", "waiting for stock's database postgresql+psycopg://")
    for role in ("orchestrator", "order", "payment"):
        until_said(stack, "workers", f"ready: {role}\n")
    until(lambda: stack.status("/readyz") == 200, "the API is ready")
    stack.place(order(order_id="patient", sku="unheard of"))
    until(
        lambda: stack.http.get("/orders/patient").json()["state"] == "PAYMENT_COMPLETED",
        "it is paid",
    )
    postgresql.start()
    stack.ready("workers")
    assert stack.closed_order("patient")["failure"]["reason"] == "UNKNOWN_SKU", (
        "the stock service has answered"
    )
    assert stack.kill("workers", signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_waiting_worker_stops_when_told(stack: Stack, number: signal.Signals) -> None:
    """A worker that waits for Temporal, or for its database, exits with 0 on a signal."""
    stack.env["PAYMENT_DATABASE_URL"] = f"postgresql+psycopg://nobody@/none?host={stack.data_dir}"
    stack.start_worker("payment")
    until_said(stack, "payment", "waiting for Temporal: ")
    assert stack.kill("payment", number) == 0
    stack.start_temporal()
    stack.start_worker("payment")
    until_said(stack, "payment", "waiting for payment's database ")
    assert stack.kill("payment", number) == 0
    assert "Traceback" not in stack.log_text("payment")


def test_a_sqlite_file_may_come_later(stack: Stack) -> None:
    """A folder that cannot be used yet is waited for like a server that is away."""
    place = stack.data_dir / "mount"
    place.touch()
    stack.env["PAYMENT_DATABASE_URL"] = f"sqlite:///{place}/payment.db"
    stack.start_temporal()
    stack.start_worker("payment")
    until_said(stack, "payment", f"waiting for payment's database sqlite:///{place}/payment.db: ")
    place.unlink()
    stack.ready("payment")


def test_a_worker_waits_for_the_search_attributes(stack: Stack) -> None:
    """A worker says which are missing and how to create them; once they exist it takes work."""
    start_temporal(stack, "--search-attribute=SagaState=Keyword")
    stack.start_worker("orchestrator")
    message = "waiting for search attributes: create them: temporal "
    until_said(stack, "orchestrator", message)
    create = stack.log_text("orchestrator").split(message)[1].splitlines()[0].split()
    missing = [
        "CustomerId=Keyword",
        "FailureReason=Keyword",
        "NeedsAttention=Bool",
        "OrderTotalMinor=Int",
    ]
    assert [
        f"{name}={kind}" for name, kind in zip(create[4::4], create[6::4], strict=True)
    ] == missing
    assert "ready: " not in stack.log_text("orchestrator")
    stack.temporal(*create)
    stack.ready("orchestrator")


class Refusing(OutboundInterceptor):
    """The door of a Temporal that does not let us count workflows."""

    def __init__(self, next: OutboundInterceptor, status: RPCStatusCode) -> None:  # noqa: A002  # the SDK's name
        super().__init__(next)
        self.status = status

    async def count_workflows(self, input: CountWorkflowsInput) -> WorkflowExecutionCount:  # noqa: A002, ARG002  # the SDK's name
        """Refuse."""
        raise RPCError("not for you", self.status, b"")


class Closed(Interceptor):
    """Puts that door before a real one."""

    def __init__(self, status: RPCStatusCode) -> None:
        self.status = status

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # the SDK's name
        """Return the door."""
        return Refusing(next, self.status)


async def test_search_attributes_of_another_type_are_missing(temporal: Stack) -> None:
    """An attribute that is there with another type would stop a saga just the same."""
    client = await Client.connect(temporal.env["TEMPORAL_ADDRESS"])
    with pytest.raises(SearchAttributesMissing, match=r"create --name NeedsAttention --type Bool$"):
        await check_search_attributes(client, SEARCH_ATTRIBUTES)


@pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED])
async def test_where_search_attributes_may_not_be_asked_for(
    temporal: Stack, status: RPCStatusCode, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that may not ask names what must exist and goes on; with no answer it does not."""
    client = await Client.connect(temporal.env["TEMPORAL_ADDRESS"], interceptors=[Closed(status)])
    assert await check_search_attributes(client, SEARCH_ATTRIBUTES)
    assert "not for you" in caplog.text
    assert all(f"{key.name} (" in caplog.text for key in SEARCH_ATTRIBUTES)
    away = await Client.connect(
        temporal.env["TEMPORAL_ADDRESS"], interceptors=[Closed(RPCStatusCode.UNAVAILABLE)]
    )
    with pytest.raises(RPCError, match="not for you"):
        await check_search_attributes(away, SEARCH_ATTRIBUTES)


def test_the_api_starts_without_the_order_database(stack: Stack, postgresql: PostgreSQL) -> None:
    """The API lives while the order database is away, and says that it is not ready.

    It takes orders once the database is back.
    """
    stack.env["ORDER_DATABASE_URL"] = postgresql.create_database()
    postgresql.stop()
    stack.start_temporal()
    stack.start("api", "api.py")
    until(lambda: stack.status("/livez") == 200, "the API lives")
    assert_unavailable(stack)
    postgresql.start()
    until(lambda: stack.status("/readyz") == 200, "the API is ready")
    assert stack.place(order(order_id="first")).status_code == 202


@pytest.mark.long
def test_the_api_survives_the_absence_of_the_order_database(
    stack: Stack, postgresql: PostgreSQL
) -> None:
    """While the order database is away orders get 503 with Retry-After.

    When it is back, so are orders and workers.
    """
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
    """Check that the API lives; calls for the order database get 503 and when to ask again."""
    assert stack.status("/livez") == 200
    for answer in (
        stack.http.get("/readyz"),
        stack.place(order()),
        stack.http.get("/orders/before"),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"].startswith("the order service's database gives no answer")
