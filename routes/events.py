"""An order's timeline as it is written, as server-sent events.

They are specified in https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
import re
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
from application.orders import Orders, Place
from contracts.base import digest
from contracts.views import Closed, OrderView, TimelineEntry
from routes.dependencies import AppOrders, RequestCaller
from routes.half_closed import STREAM
from routes.orders import OrderId
from routes.problems import ABSENT

router = APIRouter(tags=["orders"])

Entry = tuple[Place, ServerSentEvent]

AGAIN_SECONDS = 1
"""How soon a stream that lost Temporal, or whose run was followed by another, looks again."""

MARK_LENGTH = 8
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
    cursor = StreamCursor(_place(last_event_id, view))
    stop = asyncio.create_task(_end(request.app.state.stopping, caller))
    try:
        while not stop.done():
            with suppress(ServiceError):  # nothing is lost: it goes on when Temporal is back
                async for place, event in until(stop, _timeline(view, orders, caller, cursor)):
                    if cursor.is_new(place, event):
                        yield event
            with suppress(ServiceError):
                view = await orders.view(view.order_id, caller)
                if view.closed_at is not None:
                    if cursor.is_at_start:  # Temporal is away, and the record knows its end
                        for _, event in _entries_on_record(view):
                            yield event
                    yield _last_event(view)
                    return
            await asyncio.wait([stop], timeout=AGAIN_SECONDS)
    finally:
        stop.cancel()


async def _end(stopping: asyncio.Event, caller: Caller) -> None:
    """Wait until the API stops, or the caller's token runs out."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), caller.until - time.time())


class StreamCursor:
    """How far one stream has come, so that it repeats nothing, and shows what a reset brought.

    A run that goes on after a reset repeats the story of the one before up to there; then its own
    entries stand in the places of the others.
    """

    def __init__(self, last: Place) -> None:
        """Begin behind `last`, which another stream sent to the same listener."""
        self._last = last
        self._contents: dict[Place, int] = {}

    @property
    def is_at_start(self) -> bool:
        """Whether nothing came by yet."""
        return not self._contents

    def is_new(self, place: Place, event: ServerSentEvent) -> bool:
        """Note an event, and tell whether the listener has not had it."""
        content = hash(event.raw_data)
        if self._contents.get(place) == content:
            return False
        if place in self._contents:
            self._contents = {
                earlier: at for earlier, at in self._contents.items() if earlier < place
            }
            self._last = (0, 0)
        self._contents[place] = content
        return place > self._last


async def _timeline(
    view: OrderView, orders: Orders, caller: Caller, cursor: StreamCursor
) -> AsyncIterator[Entry]:
    """Yield the entries with their places: from Temporal as they are written, or on record."""
    if await orders.runs.find(view.order_id, owner=caller.customer_id) is not None:
        async for place, entry in orders.follow(view.order_id, caller):
            yield place, _event(place, entry)
    elif cursor.is_at_start:  # forgotten, or another customer's who took the id
        for place, event in _entries_on_record(view):
            yield place, event


def _entries_on_record(view: OrderView) -> Iterator[Entry]:
    """Yield the entries of an order's timeline by their numbers."""
    for number, entry in enumerate(view.timeline, start=1):
        yield (number, 0), _event((number, 0), entry)


def _event(place: Place, entry: TimelineEntry) -> ServerSentEvent:
    number, part = place
    return ServerSentEvent(
        id=f"{number}-{part}-{_mark(entry)}", event=entry.kind, raw_data=entry.model_dump_json()
    )


def _last_event(view: OrderView) -> ServerSentEvent:
    return ServerSentEvent(
        id=_closed_id(view), event=CLOSED, raw_data=Closed.of(view).model_dump_json()
    )


def _mark(entry: TimelineEntry) -> str:
    """Return what tells an entry from other orders', and from the one in its place after a reset.

    A try under way changes what is shown of its command, so an entry is known by when and what it
    is; of several steps with one command, by its step, too.
    """
    own_name = [] if entry.step is None else [entry.step]
    return digest([entry.at.isoformat(), entry.kind, entry.name, *own_name])[:MARK_LENGTH]


def _closed_id(view: OrderView) -> str:
    """Return the id of the event that ends an order's stream in this state."""
    return f"{CLOSED}-{digest([view.order_id, view.state])[:MARK_LENGTH]}"


def _place(last_event_id: str | None, view: OrderView) -> Place:
    """Return the place that an id names.

    The beginning when it names none, or none that this order's story has.
    """
    parts = re.fullmatch("([0-9]{1,9})-([0-9]{1,9})-([0-9a-f]{8})", last_event_id or "")
    if parts is None or parts[3] not in map(_mark, view.timeline):
        return (0, 0)
    return (int(parts[1]), int(parts[2]))
