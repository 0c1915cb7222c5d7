"""What the feed promises its readers: every event once, in order, and news as soon as there is."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from application.caller import Caller
from application.errors import CursorGone
from application.event_feed import EventFeed, FeedQuery
from contracts.events import EventList
from participants.order.events import OrderEvents
from participants.order.service import OrderService
from tests.commands import ORDER, OTHER_ORDER, cancel

ANYBODY = Caller()


def following(page: EventList) -> FeedQuery:
    """Return the query of the address at which a page says that the feed goes on."""
    parameters = parse_qs(urlsplit(page.next).query)
    return FeedQuery.model_validate({name: value for name, [value] in parameters.items()})


@pytest.fixture
def sqlite_orders(tmp_path: str, open_engine: Callable[[str], sa.Engine]) -> sa.Engine:
    """Give the engine of an order database in a file."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    return engine


async def test_a_reader_follows_next(sqlite_orders: sa.Engine) -> None:
    """Page by page to the end, and from there on what is new; customers see their own."""
    orders = OrderService(sqlite_orders)
    event_feed = EventFeed(OrderEvents(sqlite_orders), asyncio.Event())
    for number in range(5):
        orders.cancel(cancel(str(number), OTHER_ORDER if number == 1 else ORDER))
    page = await event_feed.page(FeedQuery(limit=2), ANYBODY)
    order_ids = [event.data.order_id for event in page.events]
    while page.events:
        page = await event_feed.page(following(page), ANYBODY)
        order_ids += [event.data.order_id for event in page.events]
    assert order_ids == list("01234")
    orders.cancel(cancel("new"))
    news = await event_feed.page(following(page), ANYBODY)
    assert [event.data.order_id for event in news.events] == ["new"]
    own = await event_feed.page(FeedQuery(), Caller(customer_id=OTHER_ORDER.customer_id))
    assert [event.data.order_id for event in own.events] == ["1"]
    assert own.next == "/events?after=6"  # a customer need not look at others' events again


async def test_a_customer_called_none_is_not_taken_for_the_staff(sqlite_orders: sa.Engine) -> None:
    """Looks are shared with those who may see the same, whatever a customer is called."""
    OrderService(sqlite_orders).cancel(cancel("1"))
    event_feed = EventFeed(OrderEvents(sqlite_orders), asyncio.Event())
    callers = (ANYBODY, Caller(customer_id="None"))
    pages = await asyncio.gather(*(event_feed.page(FeedQuery(), caller) for caller in callers))
    assert [len(page.events) for page in pages] == [1, 0]


async def test_who_waits_hears_of_the_first_event(sqlite_orders: sa.Engine) -> None:
    """A wait ends with the first event, with its time, and when the API stops."""
    stopping = asyncio.Event()
    event_feed = EventFeed(OrderEvents(sqlite_orders), stopping)
    assert (await event_feed.page(FeedQuery(), ANYBODY, 0.01)).events == ()
    waiting = asyncio.create_task(event_feed.page(FeedQuery(), ANYBODY, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.to_thread(OrderService(sqlite_orders).cancel, cancel("7"))
    assert [event.data.order_id for event in (await waiting).events] == ["7"]
    stopping.set()
    assert (await event_feed.page(FeedQuery(after=1), ANYBODY, 60)).events == ()


async def test_a_cursor_that_would_leave_a_gap_is_gone(sqlite_orders: sa.Engine) -> None:
    """Behind deleted events, or beyond all: only the start goes on without a gap."""
    events = OrderEvents(sqlite_orders)
    event_feed = EventFeed(events, asyncio.Event())
    for number in range(3):
        OrderService(sqlite_orders).cancel(cancel(str(number)))
    assert events.keep(timedelta(days=1)) == 0
    assert events.keep(timedelta(0)) == 3
    for position in (1, 2, 4):
        with pytest.raises(CursorGone, match="events up to 3 are deleted, and the last is 3"):
            await event_feed.page(FeedQuery(after=position), ANYBODY)
    for position in (0, 3):
        assert (await event_feed.page(FeedQuery(after=position), ANYBODY)).events == ()
