"""An order's timeline as it is written: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from contracts.views import OrderView
from routes.orders import Desk, OrderId
from routes.problems import Problem, documented
from routes.sagas import Sagas
from routes.story import Teller

router = APIRouter(tags=["orders"])

AGAIN_SECONDS = 1
"""How soon a stream that lost Temporal, or whose run was followed by another, looks again."""

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="the last entry seen: the stream goes on behind it")
]


async def found(order_id: OrderId, desk: Desk) -> OrderView:
    """Return the order as it stands, before the stream begins: what is wrong is told as a problem."""
    return await desk.view(order_id)


@router.get(
    "/orders/{order_id}/events",
    response_class=EventSourceResponse,
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def order_events(
    view: Annotated[OrderView, Depends(found)], desk: Desk, last_event_id: LastEventId = None
) -> AsyncIterator[ServerSentEvent]:
    """Stream an order's timeline: what happened so far, then live, each entry under its kind as the event's name.

    It ends with an event `closed` once the saga has closed. A comment every 15 s keeps the connection alive, and a stream that
    breaks goes on behind `Last-Event-ID`.
    """
    seen = _place(last_event_id)
    while True:
        try:
            async for place, told in _story(view, desk):
                if place > seen:
                    seen = place
                    yield told
            view = await desk.view(view.order_id)
        except Problem:
            pass  # Temporal is away: nothing is lost, and the stream goes on when it is back
        else:
            if view.closed_at is not None:
                yield ServerSentEvent(event="closed", data={"state": view.state, "status": view.status})
                return
        if await desk.stops_within(AGAIN_SECONDS):
            return


async def _story(view: OrderView, desk: Sagas) -> AsyncIterator[tuple[tuple[int, int], ServerSentEvent]]:
    """Yield the entries of the timeline with their places: from Temporal as they are written, or else from the record."""
    if await desk.run(view.order_id) is None:  # forgotten, or another customer's who took the id
        for number, entry in enumerate(view.timeline, start=1):
            yield (number, 0), _event((number, 0), entry.model_dump_json(), entry.kind)
        return
    teller = Teller()
    async for place, moment in desk.runs.follow(view.order_id):
        yield place, _event(place, teller.tell(moment).model_dump_json(), moment.kind)


def _event(place: tuple[int, int], data: str, kind: str) -> ServerSentEvent:
    return ServerSentEvent(id="{}-{}".format(*place), event=kind, raw_data=data)


def _place(last_event_id: str | None) -> tuple[int, int]:
    """Return the place that an id names; the beginning when it names none."""
    named = re.fullmatch("([0-9]{1,9})-([0-9]{1,9})", last_event_id or "")
    return (int(named[1]), int(named[2])) if named else (0, 0)
