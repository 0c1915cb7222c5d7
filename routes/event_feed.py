"""What happened to orders, to be pulled from a cursor on."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from application.event_feed import EventFeed, FeedQuery
from contracts.events import EventList
from routes.dependencies import AppOrders, RequestCaller, refuse_doubles
from routes.orders import apply_wait
from routes.problems import INVALID, problem_responses

router = APIRouter(tags=["orders"], dependencies=[Depends(refuse_doubles)])


async def feed_of(request: Request, _orders: AppOrders) -> EventFeed:
    """Return the app's feed, once its database is found to be the order service's own."""
    event_feed: EventFeed = request.app.state.event_feed
    return event_feed


@router.get("/events", responses={**INVALID, **problem_responses(HTTPStatus.GONE)})
async def read_events(
    query: Annotated[FeedQuery, Query()],
    event_feed: Annotated[EventFeed, Depends(feed_of)],
    caller: RequestCaller,
    response: Response,
    prefer: Annotated[
        list[str] | None, Header(description="`wait=N` waits up to N ≤ 30 s for an event")
    ] = None,
) -> EventList:
    """Return what happened to orders, the oldest first; follow `next` for what comes after it.

    Each end of an order is one event. A reader that follows `next` gets every event once, in the
    order of positions; `next` of the last page leads to what is still to come. With `after=0` it
    begins again, with the oldest that is kept. Behind events that are deleted it is 410.
    """
    return await event_feed.page(query, caller, apply_wait(prefer, response))
