"""An order's timeline as it is written, as server-sent events.

They are specified in https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException

from application.broadcast import until
from application.caller import Caller
from application.errors import ServiceError
from application.orders import Orders, Place, entries_of
from application.run import Run
from contracts.base import digest
from contracts.views import Closed, OrderView, TimelineEntry
from routes.dependencies import AppOrders, RequestCaller
from routes.half_closed import STREAM
from routes.orders import OrderId
from routes.problems import ABSENT
from routes.stream_cursor import MARK_LENGTH, Entry, StreamCursor, event_id, place_of

router = APIRouter(tags=["orders"])

AGAIN_SECONDS = 1
"""How soon a stream that lost Temporal, or whose run was followed by another, looks again."""

LEFT_OPEN_SECONDS = 10
"""How often a stream of an order that was left open looks whether somebody had its saga go on."""

CLOSED = "closed"

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="the id of the last event seen: the stream goes on behind it, and from the "
        "beginning behind an id that the order's story does not have",
    ),
]

STREAMED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {
        "description": "The timeline: an event per entry, named by its `kind`, and `closed` "
        "at the end.",
        "content": {
            "text/event-stream": {
                "itemSchema": {
                    "required": ["id", "event", "data"],
                    "properties": {
                        "event": {
                            "enum": [
                                *get_args(TimelineEntry.model_fields["kind"].annotation),
                                CLOSED,
                            ]
                        },
                        "data": {
                            "contentMediaType": "application/json",
                            "contentSchema": {
                                "anyOf": [
                                    {"$ref": "#/components/schemas/TimelineEntry"},
                                    {"$ref": "#/components/schemas/Closed"},
                                ]
                            },
                        },
                    },
                }
            }
        },
    },
    HTTPStatus.NO_CONTENT: {
        "description": "The order is closed, and `Last-Event-ID` says that you were told: "
        "there is no more to come."
    },
    **ABSENT,
}


async def order_to_follow(
    request: Request,
    order_id: OrderId,
    orders: AppOrders,
    caller: RequestCaller,
    last_event_id: LastEventId = None,
) -> OrderView:
    """Return the order as it stands, before the stream begins: errors are answered as problems.

    Raises:
        HTTPException: 204, the caller has received the end.
    """
    request.scope["state"][STREAM] = True
    view = await orders.view(order_id, caller)
    if view.closed_at is not None and last_event_id == _closed_id(view):
        raise HTTPException(HTTPStatus.NO_CONTENT)
    return view


@router.get(
    "/orders/{order_id}/events",
    response_class=EventSourceResponse,
    responses=STREAMED,
)
async def order_events(
    view: Annotated[OrderView, Depends(order_to_follow)],
    orders: AppOrders,
    caller: RequestCaller,
    request: Request,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """Stream an order's timeline: what happened so far, then what happens.

    Each entry is an event under the entry's kind as its name.

    It ends with an event `closed`, which says how and why, once the saga has closed; who comes back
    after it gets 204, at which an `EventSource` stops. A comment every 15 s keeps the connection
    alive, and a stream that breaks goes on behind `Last-Event-ID`; so does one that ended without
    `closed` because its token ran out.
    """
    stop = asyncio.create_task(_end(request.app.state.stopping, caller))
    try:
        async for event in until(stop, _events(view, orders, caller, last_event_id)):
            yield event
    finally:
        stop.cancel()


async def _end(stopping: asyncio.Event, caller: Caller) -> None:
    """Wait until the API stops, or the caller's token runs out."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), caller.until - time.time())


async def _events(
    view: OrderView, orders: Orders, caller: Caller, last_event_id: str | None
) -> AsyncIterator[ServerSentEvent]:
    """Yield what an order's listener has not had, until the order has closed, and its end."""
    order_id = view.order_id
    cursor = StreamCursor()
    while True:
        was_told = False
        with suppress(ServiceError):  # nothing is lost: it goes on when Temporal is back
            run = await orders.runs.find(order_id, owner=caller.customer_id)
            if last_event_id and cursor.is_at_start:
                entries = _entries_on_record(view) if run is None else entries_of(run, caller)
                cursor.last = place_of(last_event_id, entries)
            async for place, entry in _timeline(run, view, orders, caller, cursor):
                event = _event(place, entry)
                if cursor.is_new(place, event):
                    yield event
            was_told = True
        with suppress(ServiceError):
            view = await orders.view(order_id, caller)
            if view.closed_at is not None:
                if cursor.is_at_start:  # Temporal is away, and the record knows its end
                    for place, entry in _entries_on_record(view):
                        yield _event(place, entry)
                yield _last_event(view)
                return
            while was_told and await orders.is_left_open(order_id, run):  # noqa: ASYNC110  # no bell
                await asyncio.sleep(LEFT_OPEN_SECONDS)
        await asyncio.sleep(AGAIN_SECONDS)


async def _timeline(
    run: Run | None, view: OrderView, orders: Orders, caller: Caller, cursor: StreamCursor
) -> AsyncIterator[Entry]:
    """Yield the entries with their places: from Temporal as they are written, or on record."""
    if run is None:
        if cursor.is_at_start:  # forgotten, or another customer's who took the id
            for place, entry in _entries_on_record(view):
                yield place, entry
    elif run.closed_at is not None:
        for place, entry in entries_of(run, caller):
            yield place, entry
    else:
        async for place, entry in orders.follow(view.order_id, caller):
            yield place, entry


def _entries_on_record(view: OrderView) -> Iterator[Entry]:
    """Yield the entries of an order's timeline by their numbers."""
    for number, entry in enumerate(view.timeline, start=1):
        yield (number, 0), entry


def _event(place: Place, entry: TimelineEntry) -> ServerSentEvent:
    return ServerSentEvent(
        id=event_id(place, entry), event=entry.kind, raw_data=entry.model_dump_json()
    )


def _last_event(view: OrderView) -> ServerSentEvent:
    return ServerSentEvent(
        id=_closed_id(view), event=CLOSED, raw_data=Closed.of(view).model_dump_json()
    )


def _closed_id(view: OrderView) -> str:
    """Return the id of the event that ends an order's stream in this state."""
    return f"{CLOSED}-{digest([view.order_id, view.state])[:MARK_LENGTH]}"
