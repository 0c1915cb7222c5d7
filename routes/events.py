"""An order's timeline as it is written: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException

from application.errors import ServiceError
from application.orders import Sagas
from application.timeline import Teller
from contracts.base import digest
from contracts.views import Closed, OrderView, TimelineEntry
from routes.dependencies import AppSagas, RequestCaller
from routes.half_closed import STREAM
from routes.orders import OrderId
from routes.problems import documented

router = APIRouter(tags=["orders"])

Place = tuple[int, int]
"""Where an entry stands: the number of the history's event, and which of that event's entries it is."""

Entry = tuple[Place, ServerSentEvent]

AGAIN_SECONDS = 1
"""How soon a stream that lost Temporal, or whose run was followed by another, looks again."""

MARK_LENGTH = 8
CLOSED = "closed"

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="the id of the last event seen: the stream goes on behind it, and from the beginning behind an id that "
        "the order's story does not have",
    ),
]

STREAMED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {
        "description": "The timeline: an event per entry, named by its `kind`, and `closed` at the end.",
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
        "description": "The order is closed, and `Last-Event-ID` says that you were told: there is no more to come."
    },
    **documented(
        HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
    ),
}


async def found(
    request: Request, order_id: OrderId, desk: AppSagas, last_event_id: LastEventId = None
) -> OrderView:
    """Return the order as it stands, before the stream begins: what is wrong is told as a problem.

    Raises:
        HTTPException: 204, the caller has heard the end.
    """
    request.scope["state"][STREAM] = True
    view = await desk.view(order_id)
    if view.closed_at is not None and last_event_id == _closed_id(view):
        raise HTTPException(HTTPStatus.NO_CONTENT)
    return view


@router.get(
    "/orders/{order_id}/events",
    response_class=EventSourceResponse,
    responses=STREAMED,
)
async def order_events(
    view: Annotated[OrderView, Depends(found)],
    desk: AppSagas,
    caller: RequestCaller,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """Stream an order's timeline: what happened so far, then live, each entry under its kind as the event's name.

    It ends with an event `closed`, which says how and why, once the saga has closed; who comes back after it gets 204, at which
    an `EventSource` stops. A comment every 15 s keeps the connection alive, and a stream that breaks goes on behind
    `Last-Event-ID`; so does one that ended without `closed` because its token ran out.
    """
    heard = Heard(_place(last_event_id, view))
    while time.time() < caller.until:
        with suppress(
            ServiceError
        ):  # Temporal is away: nothing is lost, and the stream goes on when it is back
            async for place, told in _before(caller.until, _story(view, desk, heard)):
                if heard.is_new(place, told):
                    yield told
        with suppress(ServiceError):
            view = await desk.view(view.order_id)
            if view.closed_at is not None:
                if heard.nothing:  # Temporal is away, and the record knows the order's end
                    for _, told in _recorded(view):
                        yield told
                yield ServerSentEvent(
                    id=_closed_id(view), event=CLOSED, raw_data=Closed.of(view).model_dump_json()
                )
                return
        if await desk.stops_within(AGAIN_SECONDS):
            return


async def _before(end: float, entries: AsyncIterator[Entry]) -> AsyncIterator[Entry]:
    """Yield entries as they come, up to a time in seconds since 1970."""
    while time.time() < end:
        coming = asyncio.ensure_future(anext(entries, None))
        try:
            await asyncio.wait(
                [coming], timeout=None if math.isinf(end) else max(0, end - time.time())
            )
            entry = coming.result() if coming.done() else None
        finally:
            coming.cancel()
        if entry is None:
            return
        yield entry


class Heard:
    """What one stream has told, so that it tells nothing twice, and what came of a reset as well.

    A run that goes on after a reset repeats the story of the one before up to there; then its own stand in their places.
    """

    def __init__(self, last: Place) -> None:
        """Begin behind `last`, which was told to the same listener by another stream."""
        self._last = last
        self._told: dict[Place, int] = {}

    @property
    def nothing(self) -> bool:
        """Whether nothing was told yet."""
        return not self._told

    def is_new(self, place: Place, told: ServerSentEvent) -> bool:
        """Tell whether the listener has not heard this, and take it down as told."""
        said = hash(told.raw_data)
        if self._told.get(place) == said:
            return False
        if place in self._told:
            self._told = {before: known for before, known in self._told.items() if before < place}
            self._last = (0, 0)
        self._told[place] = said
        return place > self._last


async def _story(view: OrderView, desk: Sagas, heard: Heard) -> AsyncIterator[Entry]:
    """Yield the entries of the timeline with their places: from Temporal as they are written, or else from the record."""
    if await desk.run(view.order_id) is not None:
        teller = Teller()
        async for place, moment in desk.runs.follow(view.order_id):
            if (entry := desk.entry(teller.tell(moment))) is not None:
                yield place, _event(place, entry)
    elif heard.nothing:  # forgotten, or another customer's who took the id
        for place, told in _recorded(view):
            yield place, told


def _recorded(view: OrderView) -> Iterator[Entry]:
    """Yield the entries of an order's timeline by their numbers."""
    for number, entry in enumerate(view.timeline, start=1):
        yield (number, 0), _event((number, 0), entry)


def _event(place: Place, entry: TimelineEntry) -> ServerSentEvent:
    number, part = place
    return ServerSentEvent(
        id=f"{number}-{part}-{_mark(entry)}", event=entry.kind, raw_data=entry.model_dump_json()
    )


def _mark(entry: TimelineEntry) -> str:
    """Return what tells an entry from those of other orders, and from the one that takes its place after a reset.

    A try under way changes what is told of its command, so an entry is known by when and what it is.
    """
    return digest([entry.at.isoformat(), entry.kind, entry.name])[:MARK_LENGTH]


def _closed_id(view: OrderView) -> str:
    """Return the id of the event that ends an order's stream in this state."""
    return f"{CLOSED}-{digest([view.order_id, view.state])[:MARK_LENGTH]}"


def _place(last_event_id: str | None, view: OrderView) -> Place:
    """Return the place that an id names; the beginning when it names none, or none that this order's story has."""
    named = re.fullmatch("([0-9]{1,9})-([0-9]{1,9})-([0-9a-f]{8})", last_event_id or "")
    if named is None or named[3] not in map(_mark, view.timeline):
        return (0, 0)
    return (int(named[1]), int(named[2]))
