"""Lists of orders: which of them, where a page begins, and what visibility adds to the order service's records."""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from heapq import merge
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.base import IDENTIFIER, Identifier
from contracts.order import OrderRecord
from contracts.states import OrderStatus
from contracts.views import Links, OrderList
from participants.order.reads import Position, Wanted
from participants.order.service import OrderService
from routes.discretion import for_customer
from routes.problems import Problem
from routes.projection import listed, record_to_come
from routes.runs import Runs

MOST_ON_A_PAGE = 100

AS_ON_RECORD = "Temporal gives no answer: orders that are still open are shown as the order service has them on record"


def write_cursor(position: Position) -> str:
    """Return a position in the form in which it goes through callers' hands."""
    return urlsafe_b64encode(f"{position.placed_at.isoformat()} {position.order_id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """Return the position that `write_cursor` wrote.

    Raises:
        ValueError: it never wrote this.
    """
    try:
        placed_at, _, order_id = urlsafe_b64decode(f"{cursor}==").decode().partition(" ")
        position = Position(datetime.fromisoformat(placed_at), order_id)
        ours = position.placed_at.tzinfo == UTC and re.fullmatch(IDENTIFIER, order_id) and write_cursor(position) == cursor
    except ValueError:
        ours = False
    if not ours:
        raise ValueError("This is no cursor; take it from `next`")
    return position


def _checked(cursor: str) -> str:
    read_cursor(cursor)
    return cursor


class Asked(BaseModel):
    """The query of a list; a parameter that does not exist is an error, as a misspelt filter would show everybody's orders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: OrderStatus | None = Field(default=None, description="as the order service has it on record")
    customer_id: Identifier | None = None
    needs_attention: bool | None = Field(default=None, description="whether somebody has to look after the order")
    limit: int = Field(default=20, ge=1, le=MOST_ON_A_PAGE, description="the most orders on a page; a page may hold fewer")
    cursor: Annotated[str, AfterValidator(_checked)] | None = Field(
        default=None, description="where the page begins: take it from `next`"
    )

    def following(self, position: Position) -> str:
        """Return where the list goes on behind a position."""
        asked = self.model_dump(mode="json", exclude={"cursor"}, exclude_defaults=True)
        if self.needs_attention is not None:
            asked["needs_attention"] = str(self.needs_attention).lower()
        return f"/orders?{urlencode(asked | {'cursor': write_cursor(position)})}"


class Lists:
    """Orders newest first, page by page: as the order service has them, the open ones as visibility last knew their sagas."""

    def __init__(self, runs: Runs, orders: OrderService, links: Callable[[str], Links], owner: str | None = None) -> None:
        """List the orders of the customer `owner` alone; None for everybody's."""
        self._runs = runs
        self._orders = orders
        self._links = links
        self._owner = owner

    async def page(self, asked: Asked) -> OrderList:
        """Return one page. What needs attention is only known to Temporal, all else is told without it, too.

        Raises:
            Problem: 503 when Temporal is away and it was asked for what needs attention.
        """
        records = await (self._needing_attention(asked) if asked.needs_attention else self._on_record(asked))
        more, records = len(records) > asked.limit, records[: asked.limit]
        following = asked.following(Position.of(records[-1])) if more else None
        runs, warning = {}, None
        if still_open := [record.order_id for record in records if record.closed_at is None]:
            try:
                runs = await self._runs.last_known(still_open)
            except Problem:
                if asked.needs_attention is not None:
                    raise
                warning = AS_ON_RECORD
            records = await self._again(records, still_open)
        shown = [listed(record, runs.get(record.order_id), self._links(record.order_id)) for record in records]
        wanted = [
            order
            for order in shown
            if asked.status in (None, order.status) and asked.needs_attention in (None, order.needs_attention)
        ]
        if self._owner is not None:
            wanted = [for_customer(order) for order in wanted]
        return OrderList(orders=tuple(wanted), next=following, warning=warning)

    async def count_needing_attention(self) -> int:
        """Count the orders that somebody has to look after, as the list of them shows them.

        Raises:
            Problem: 503 when Temporal is away.
        """
        found, asked = 0, Asked(needs_attention=True, limit=MOST_ON_A_PAGE)
        while True:
            page = await self.page(asked)
            found += len(page.orders)
            if page.next is None:
                return found
            asked = Asked.model_validate(dict(parse_qsl(urlsplit(page.next).query)))

    async def _on_record(self, asked: Asked) -> list[OrderRecord]:
        """Return the records of a page, and one more when there are more."""
        return await asyncio.to_thread(self._orders.page, self._wanted(asked), asked.limit + 1)

    async def _needing_attention(self, asked: Asked) -> list[OrderRecord]:
        """Return likewise those that need attention, also when their saga never came as far as the order service."""
        runs = await self._runs.needing_attention()
        wanted = replace(self._wanted(asked), among=runs.keys(), status=asked.status or OrderStatus.PENDING)
        unknown = await asyncio.to_thread(self._orders.unknown, runs.keys())
        to_come = sorted((record_to_come(order_id, runs[order_id]) for order_id in unknown), key=Position.of, reverse=True)
        recorded = await asyncio.to_thread(self._orders.page, wanted, asked.limit + 1)
        both = merge(recorded, (record for record in to_come if _fits(record, wanted)), key=Position.of, reverse=True)
        found = {record.order_id: record for record in both}  # one that was recorded just now comes from both
        return list(found.values())[: asked.limit + 1]

    async def _again(self, records: list[OrderRecord], order_ids: list[str]) -> list[OrderRecord]:
        """Read records again now that visibility has answered: what it knows to be closed is closed on record by now.

        So an order is never shown in a state that is behind its record, or closed without the reason.
        """
        again = await asyncio.to_thread(self._orders.page, Wanted(among=order_ids, owner=self._owner), len(order_ids))
        fresh = {record.order_id: record for record in again}
        return [fresh.get(record.order_id, record) for record in records]

    def _wanted(self, asked: Asked) -> Wanted:
        before = None if asked.cursor is None else read_cursor(asked.cursor)
        return Wanted(status=asked.status, customer_id=asked.customer_id, owner=self._owner, before=before)


def _fits(record: OrderRecord, wanted: Wanted) -> bool:
    """Tell of an order that is not on record yet what the database tells of those that are."""
    return (
        wanted.status in (None, record.status)
        and wanted.customer_id in (None, record.customer_id)
        and wanted.owner in (None, record.customer_id)
        and (wanted.before is None or Position.of(record) < wanted.before)
    )
