"""What an order costs in requests, statements and transactions, counted on the real parts.

Each is as low as it can be; docs/PERFORMANCE.md explains them one by one.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
import sqlalchemy as sa
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from application import closing
from application.caller import Caller
from application.orders import Orders
from contracts.placing import OrderLine, PlaceOrder
from contracts.states import SagaState
from contracts.steps import PARTICIPANTS
from contracts.views import OrderView
from tests.shop import CAP, Shop
from tests.worker.api_orders import order_of_ann, orders_of
from tests.worker.layouts import TOO_MANY, activities_of, one_process

pytestmark = pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)

WAIT_SECONDS = 30
NUMBERS = count(1)
START = "StartWorkflowExecution"
HISTORY = "GetWorkflowExecutionHistory"
DESCRIBE = "DescribeWorkflowExecution"

Requests = Callable[[], Counter[str]]


@pytest.fixture(scope="module")
def metrics() -> MetricBuffer:
    """What the API's client counts."""
    return MetricBuffer(10_000)


@pytest.fixture(scope="module")
def requests(metrics: MetricBuffer) -> Requests:
    """Give a function that returns the requests to Temporal since it was called last."""

    def requests() -> Counter[str]:
        counts: Counter[str] = Counter()
        for update in metrics.retrieve_updates():
            if update.metric.name in ("temporal_request", "temporal_long_request"):
                counts[str(update.attributes["operation"])] += int(update.value)
        return counts

    return requests


@pytest.fixture(scope="module")
async def api_client(temporal: Client, metrics: MetricBuffer) -> Client:
    """The API's own client, which counts its requests."""
    return await Client.connect(
        temporal.service_client.config.target_host,
        data_converter=pydantic_data_converter,
        runtime=Runtime(telemetry=TelemetryConfig(metrics=metrics)),
    )


@pytest.fixture
def api_engine(empty_shop: Shop, open_engine: Callable[[str], sa.Engine]) -> sa.Engine:
    """The order database as the API opens it."""
    return open_engine(empty_shop.settings.shared_database_url("order"))


@pytest.fixture
async def orders(
    temporal: Client, api_client: Client, empty_shop: Shop, api_engine: sa.Engine
) -> AsyncIterator[Orders]:
    """The orders of an API, and workers that take them."""
    async with one_process(temporal, empty_shop, activities_of(empty_shop)):
        yield orders_of(api_client, api_engine, empty_shop)


@contextmanager
def counting(engine: sa.Engine) -> Iterator[Counter[str]]:
    """Give the transactions and statements that an engine sends meanwhile."""
    counts: Counter[str] = Counter()

    def hear(_connection: sa.Connection, _cursor: object, statement: str, *_more: object) -> None:
        counts["transactions" if statement.startswith("BEGIN") else "statements"] += 1

    sa.event.listen(engine, "before_cursor_execute", hear)
    yield counts
    sa.event.remove(engine, "before_cursor_execute", hear)


async def place_order(
    orders: Orders, line: OrderLine, wait_seconds: int = WAIT_SECONDS
) -> OrderView:
    """Place an order of ann's of one line, and wait so long for its end."""
    order = order_of_ann(f"cost-{next(NUMBERS)}", line)
    return await orders.place(order, None, Caller(), wait_seconds)


@pytest.mark.parametrize("line", [CAP, TOO_MANY], ids=["completed", "failed"])
async def test_an_order_that_is_waited_for_takes_three_requests_to_temporal(
    orders: Orders,
    requests: Requests,
    api_engine: sa.Engine,
    line: OrderLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Start it, hear of its end, read its story; and look at its record before and after.

    It ends before its saga is looked at, how slow this machine may be.
    """
    monkeypatch.setattr(closing, "SAGA_LOOK_SECONDS", WAIT_SECONDS)
    requests()
    with counting(api_engine) as reads:
        view = await place_order(orders, line)
    assert view.closed_at is not None
    assert requests() == {START: 1, HISTORY: 2}
    assert reads == {"transactions": 2, "statements": 3}


async def test_a_closed_order_is_read_with_one_request_and_one_transaction(
    orders: Orders, requests: Requests, api_engine: sa.Engine
) -> None:
    """Its record, its lines and its history: it says what it said when it was placed."""
    view = await place_order(orders, CAP)
    requests()
    with counting(api_engine) as reads:
        assert await orders.view(view.order_id, Caller()) == view
    assert requests() == {HISTORY: 1}
    assert reads == {"transactions": 1, "statements": 2}


async def test_an_open_order_is_read_with_two_requests_and_one_transaction(
    orders: Orders, requests: Requests, empty_shop: Shop, api_engine: sa.Engine
) -> None:
    """What is tried just now only describe tells."""
    with empty_shop.engines["stock"].begin():
        view = await place_order(orders, CAP, wait_seconds=0)
        while view.state is not SagaState.PAYMENT_COMPLETED:
            requests()
            with counting(api_engine) as reads:
                view = await orders.view(view.order_id, Caller())
    assert requests() == {DESCRIBE: 1, HISTORY: 1}
    assert reads == {"transactions": 1, "statements": 2}
    again = PlaceOrder.model_validate(view.model_dump(include=set(PlaceOrder.model_fields)))
    assert (await orders.place(again, None, Caller(), WAIT_SECONDS)).closed_at is not None


async def test_a_completed_order_is_one_transaction_for_each_command(
    orders: Orders, empty_shop: Shop
) -> None:
    """Four commands, four commits; each is one fsync."""
    counts = {}
    with (
        counting(empty_shop.engines["order"]) as counts["order"],
        counting(empty_shop.engines["payment"]) as counts["payment"],
        counting(empty_shop.engines["stock"]) as counts["stock"],
    ):
        await place_order(orders, CAP)
    assert counts == {
        "order": {"transactions": 2, "statements": 8},
        "payment": {"transactions": 1, "statements": 4},
        "stock": {"transactions": 1, "statements": 4},
    }
    assert set(counts) == set(PARTICIPANTS)
