"""What a stream of an order's events reads, and where it goes on."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from fastapi.sse import ServerSentEvent
from temporalio.client import Client
from temporalio.service import WorkflowService

from api import create_app
from application.caller import Caller
from application.order_view import view_of_run
from application.orders import Orders
from application.run import Run
from application.timeline import MOST_OF_A_KIND
from config import Settings
from contracts.views import OrderView
from participants.order.service import OrderService
from routes import events
from routes.events import order_events
from temporal_saga.moment import Moment
from tests.application.order_runs import GIVEN, LINKS, STARTED, failed_run
from tests.commands import ORDER, START, register
from tests.temporal_server import running

SERVING = cast(
    Any, SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(stopping=asyncio.Event())))
)
"""A request to an API that does not stop."""

DESCRIBE = "describe_workflow_execution"
HISTORY = "get_workflow_execution_history"


class OneOrder:
    """Orders of which there is one, whose saga has closed."""

    def __init__(self, run: Run) -> None:
        self.runs = self
        self._run = run

    async def find(self, *_: Any, **__: Any) -> Run:
        """Return its saga."""
        return self._run

    async def view(self, *_: Any) -> OrderView:
        """Return it as people see it."""
        return view_of_run("7", self._run, LINKS)


def ignored_message(number: int) -> Moment:
    """Return one of many messages that changed nothing."""
    words = {"by": "otto", "reason": f"no {number}", "step": "ProcessPayment"}
    return Moment(
        STARTED + timedelta(seconds=number),
        "decision",
        "retry_step",
        detail={"arguments": [words], "by": "signal"},
        event=10 + number,
        ignored="it is not stuck",
    )


async def test_a_stream_goes_on_behind_any_entry_that_it_sent() -> None:
    """Also behind one of those that an order's timeline only counts, as they are so many."""
    orders = OneOrder(failed_run(*map(ignored_message, range(MOST_OF_A_KIND + 5))))
    view = await orders.view()

    async def stream(last_event_id: str | None) -> list[ServerSentEvent]:
        listening = order_events(view, cast(Orders, orders), Caller(), SERVING, last_event_id)
        return [event async for event in listening]

    whole = await stream(None)
    assert len(whole) > len(view.timeline) + 1
    for number, event in enumerate(whole[:-1], start=1):
        assert await stream(event.id) == whole[number:], event.id


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the requests of Temporal that tell of a workflow."""
    counts = Counter[str]()

    def count(name: str, ask: Callable[..., Any]) -> None:
        def count_and_ask(*args: Any, **options: Any) -> Any:
            counts[name] += 1
            return ask(*args, **options)

        monkeypatch.setattr(WorkflowService, name, count_and_ask)

    count(DESCRIBE, WorkflowService.describe_workflow_execution)
    count(HISTORY, WorkflowService.get_workflow_execution_history)
    return counts


async def begin_and_terminate(client: Client) -> None:
    """Have nobody work on an order that was begun."""
    saga = await client.start_workflow("OrderSaga", GIVEN, id="order-7", task_queue="nobody")
    await saga.terminate("a test")


@pytest.mark.parametrize("is_forgotten", [False, True])
async def test_a_stream_of_an_order_that_was_left_open_reads_no_history_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: Counter[str],
    open_engine: Callable[[str], sa.Engine],
    *,
    is_forgotten: bool,
) -> None:
    """It asks now and then whether the saga goes on, and tells what came of it then.

    Also where Temporal has forgotten the saga, and the order is on record alone.
    """
    monkeypatch.setattr(events, "LEFT_OPEN_SECONDS", 0.02)
    async with running() as client, asyncio.timeout(60):
        monkeypatch.setenv("TEMPORAL_ADDRESS", client.service_client.config.target_host)
        if is_forgotten:
            orders_on_record = OrderService.open(open_engine(f"sqlite:///{tmp_path}/order.db"))
            orders_on_record.register(register("7", ORDER, start=START))
        else:
            await begin_and_terminate(client)
        app = create_app(Settings(data_dir=tmp_path))
        async with app.router.lifespan_context(app):
            await app.state.door.is_ready.wait()
            orders = app.state.door.orders()
            view = await orders.view("7", Caller())
            assert view.closed_at is None
            stream = order_events(view, orders, Caller(), SERVING)
            async with aclosing(cast(AsyncGenerator[ServerSentEvent, None], stream)) as listening:
                first = await anext(listening)
                following = asyncio.ensure_future(anext(listening))
                await until_asked(calls, 5)
                histories_before = calls[HISTORY]
                await until_asked(calls, 10)
                assert calls[HISTORY] == histories_before
                await begin_and_terminate(client)
                second = await following
    assert (first.event, second.event) == ("state" if is_forgotten else "note", "note")
    assert first.raw_data != second.raw_data


async def until_asked(calls: Counter[str], times: int) -> None:
    """Wait until Temporal was asked so often how the saga stands, from now on."""
    until = calls[DESCRIBE] + times
    while calls[DESCRIBE] < until:  # noqa: ASYNC110  # Temporal rings no bell
        await asyncio.sleep(0.01)
