"""Where a stream of an order's events goes on."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from fastapi.sse import ServerSentEvent

from application.caller import Caller
from application.order_view import view_of_run
from application.orders import Orders
from application.run import Run
from application.timeline import MOST_OF_A_KIND
from contracts.views import OrderView
from routes.events import order_events
from temporal_saga.moment import Moment
from tests.application.order_runs import LINKS, STARTED, failed_run

SERVING = cast(
    Any, SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(stopping=asyncio.Event())))
)
"""A request to an API that does not stop."""


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
