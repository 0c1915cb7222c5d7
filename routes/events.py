"""An order's timeline as it is written: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from contracts.views import AttentionCause, OrderView, TimelineEntry
from routes.access import Known
from routes.orders import Desk, OrderId
from routes.problems import Problem, documented
from routes.sagas import Sagas
from routes.story import Teller

router = APIRouter(tags=["orders"])

Place = tuple[int, int]
"""Where an entry stands: the number of the history's event, and which of that event's entries it is."""

Entry = tuple[Place, ServerSentEvent]

AGAIN_SECONDS = 1
"""How soon a stream that lost Temporal, or whose run was followed by another, looks again."""

LEFT_OPEN_SECONDS = 10
"""Likewise of an order on which nobody works any more, until somebody has its saga go on."""

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
    view: Annotated[OrderView, Depends(found)], desk: Desk, caller: Known, last_event_id: LastEventId = None
) -> AsyncIterator[ServerSentEvent]:
    """Stream an order's timeline: what happened so far, then live, each entry under its kind as the event's name.

    It ends with an event `closed` once the saga has closed. A comment every 15 s keeps the connection alive, and a stream that
    breaks goes on behind `Last-Event-ID`; so does one that ended without `closed` because its token ran out.
    """
    heard = Heard(_place(last_event_id))
    while time.time() < caller.until:
        with suppress(Problem):  # Temporal is away: nothing is lost, and the stream goes on when it is back
            async for place, told in _before(caller.until, _story(view, desk, heard)):
                if heard.is_new(place, told):
                    yield told
        with suppress(Problem):
            view = await desk.view(view.order_id)
            if view.closed_at is not None:
                if heard.nothing:  # Temporal is away, and the record knows the order's end
                    for _, told in _recorded(view):
                        yield told
                yield ServerSentEvent(event="closed", data={"state": view.state, "status": view.status})
                return
        left_open = view.attention is not None and view.attention.cause is AttentionCause.LEFT_OPEN
        if await desk.stops_within(LEFT_OPEN_SECONDS if left_open else AGAIN_SECONDS):
            return


async def _before(end: float, entries: AsyncIterator[Entry]) -> AsyncIterator[Entry]:
    """Yield entries as they come, up to a time in seconds since 1970."""
    while time.time() < end:
        coming = asyncio.ensure_future(anext(entries, None))
        try:
            await asyncio.wait([coming], timeout=None if math.isinf(end) else max(0, end - time.time()))
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
        digest = hash(told.raw_data)
        if self._told.get(place) == digest:
            return False
        if place in self._told:
            self._told = {before: known for before, known in self._told.items() if before < place}
            self._last = (0, 0)
        self._told[place] = digest
        return place > self._last


async def _story(view: OrderView, desk: Sagas, heard: Heard) -> AsyncIterator[Entry]:
    """Yield the entries of the timeline with their places: from Temporal as they are written, or else from the record."""
    if await desk.run(view.order_id) is not None:
        teller = Teller()
        async for place, moment in desk.runs.follow(view.order_id):
            yield place, _event(place, teller.tell(moment))
    elif heard.nothing:  # forgotten, or another customer's who took the id
        for place, told in _recorded(view):
            yield place, told


def _recorded(view: OrderView) -> Iterator[Entry]:
    """Yield the entries of an order's timeline by their numbers."""
    for number, entry in enumerate(view.timeline, start=1):
        yield (number, 0), _event((number, 0), entry)


def _event(place: Place, entry: TimelineEntry) -> ServerSentEvent:
    return ServerSentEvent(id="{}-{}".format(*place), event=entry.kind, raw_data=entry.model_dump_json())


def _place(last_event_id: str | None) -> Place:
    """Return the place that an id names; the beginning when it names none."""
    named = re.fullmatch("([0-9]{1,9})-([0-9]{1,9})", last_event_id or "")
    return (int(named[1]), int(named[2])) if named else (0, 0)
