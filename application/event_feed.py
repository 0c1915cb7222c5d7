"""The feed: what happened to orders, from a cursor on, for whoever pulls it."""

import asyncio
import logging
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import NoReturn

from pydantic import BaseModel, ConfigDict, Field

from application.caller import Caller
from application.errors import CursorGone
from application.shared_answers import SharedAnswers
from application.threads import on_thread
from application.trouble import repeat
from contracts.events import EventList
from participants.order.events import OrderEvents

LOG = logging.getLogger("events")

MOST_ON_A_PAGE = 100

LOOK_SECONDS = 0.5
"""Whoever waits for news looks this often; all who wait for the same share a look."""

KEEP_SECONDS = 60
"""What is too old is deleted this often, and sooner again while there is more of it."""


class FeedQuery(BaseModel):
    """The query of the feed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(
        default=0,
        ge=0,
        le=2**53,
        description="the position of the last event that you have; 0 for the oldest that is kept",
    )
    limit: int = Field(default=MOST_ON_A_PAGE, ge=1, le=MOST_ON_A_PAGE)


class EventFeed:
    """Reads events for callers; each sees those of the orders that they may see."""

    def __init__(self, events: OrderEvents, stopping: asyncio.Event) -> None:
        """Read `events`; let nobody wait any more once `stopping` is set."""
        self._events = events
        self._stopping = stopping
        self._looks = SharedAnswers()

    async def page(self, query: FeedQuery, caller: Caller, wait_seconds: float = 0) -> EventList:
        """Return the events behind a position, the oldest first; wait so long for the first.

        Raises:
            CursorGone: events behind the position are deleted, or there never was such a position.
            Exception: the order service's database does not answer.
        """
        owner = caller.customer_id
        give_up = monotonic() + wait_seconds
        while True:
            page = await self._looks.get(
                (query, owner),  # a tuple: a customer may be called "None"
                lambda: on_thread(self._events.page, query.after, query.limit, owner),
                0,
            )
            after = query.after
            if 0 < after < page.pruned_position or after > page.last_position:
                raise CursorGone(after, page.pruned_position, page.last_position)
            if page.events or monotonic() >= give_up or self._stopping.is_set():
                break
            await asyncio.sleep(min(LOOK_SECONDS, max(0, give_up - monotonic())))
        is_full = len(page.events) == query.limit
        position = page.events[-1].position if is_full else page.last_position
        limit = "" if query.limit == MOST_ON_A_PAGE else f"&limit={query.limit}"
        return EventList(events=page.events, next=f"/events?after={position}{limit}")

    async def keep(self, retention: timedelta, away: tuple[type[Exception], ...]) -> NoReturn:
        """Publish and prune for ever; the errors in `away` are the database's, which is waited for.

        So what nobody reads is bounded as well.
        """
        message = "events were neither published nor deleted; it is tried again"
        keep = partial(on_thread, self._events.keep, retention)
        await repeat(keep, KEEP_SECONDS, LOG, message, away)
