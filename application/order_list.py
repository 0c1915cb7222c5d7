"""Lists of orders: which of them, where a page begins, and what visibility adds to the order service's records."""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from heapq import merge
from typing import Annotated
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from application.discretion import for_customer
from application.errors import Busy, NotNow
from application.listed_order import entry_to_come, listed
from application.order_view import STATUS
from application.run import Run
from application.runs import ADDITION_LIMIT, ANSWER_LIMIT
from application.visibility import Visibility, in_state
from application.watch import Need, Watch
from contracts.base import IDENTIFIER, Identifier
from contracts.order import OrderEntry, saga_id
from contracts.states import OrderStatus, SagaState
from contracts.views import Links, ListedOrder, OrderList
from participants.order.reads import Position, Wanted
from participants.order.service import OrderService

MOST_ON_A_PAGE = 100

AS_ON_RECORD = "Temporal gives no answer: orders that are still open are shown as the order service has them on record"
AS_ON_RECORD_BUSY = "Temporal is asked too often: orders that are still open are shown as the order service has them on record"

Reason = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")]


def write_cursor(position: Position) -> str:
    """Return a position in the form in which it goes through callers' hands."""
    return (
        urlsafe_b64encode(f"{position.placed_at.isoformat()} {position.order_id}".encode())
        .decode()
        .rstrip("=")
    )


def read_cursor(cursor: str) -> Position:
    """Return the position that `write_cursor` wrote.

    Raises:
        ValueError: it never wrote this.
    """
    try:
        placed_at, _, order_id = urlsafe_b64decode(f"{cursor}==").decode().partition(" ")
        position = Position(datetime.fromisoformat(placed_at), order_id)
        ours = (
            position.placed_at.tzinfo == UTC
            and re.fullmatch(IDENTIFIER, order_id)
            and write_cursor(position) == cursor
        )
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

    state: SagaState | None = Field(
        default=None, description="as it is shown: an open order's is its saga's"
    )
    status: OrderStatus | None = Field(
        default=None, description="as the order service has it on record"
    )
    reason: Reason | None = Field(default=None, description="why they failed, e.g. OUT_OF_STOCK")
    customer_id: Identifier | None = None
    needs_attention: bool | None = Field(
        default=None, description="whether somebody has to look after the order"
    )
    limit: int = Field(
        default=20,
        ge=1,
        le=MOST_ON_A_PAGE,
        description="the most orders on a page; a page may hold fewer",
    )
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

    def __init__(
        self,
        visibility: Visibility,
        watch: Watch,
        orders: OrderService,
        links: Callable[[str], Links],
        owner: str | None = None,
    ) -> None:
        """List the orders of the customer `owner` alone; None for everybody's."""
        self._visibility = visibility
        self._watch = watch
        self._orders = orders
        self._links = links
        self._owner = owner

    async def page(self, asked: Asked) -> OrderList:
        """Return one page. What needs attention is only known with Temporal, all else is told without it, too.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        entries = await self._found(asked)
        more, entries = len(entries) > asked.limit, entries[: asked.limit]
        following = asked.following(Position.of(entries[-1])) if more else None
        runs: Mapping[str, Run] = {}
        needs: Mapping[str, Need] = {}
        warning = None
        if still_open := [entry.order_id for entry in entries if entry.closed_at is None]:
            try:
                runs = await self.last_known(still_open)
                seen = await self._watch.seen()
            except NotNow as error:
                if asked.needs_attention is not None or asked.state is not None:
                    raise
                runs = {}  # all of them as they are on record, or the warning would be wrong
                warning = AS_ON_RECORD_BUSY if isinstance(error, Busy) else AS_ON_RECORD
            else:
                needs, warning = seen.needs, seen.warning()
            entries = await self._again(entries, still_open)
        shown = [
            self._shown(entry, runs.get(entry.order_id), needs.get(entry.order_id))
            for entry in entries
        ]
        wanted = [
            order
            for order in shown
            if asked.status in (None, order.status)
            and asked.state in (None, order.state)
            and asked.needs_attention in (None, order.needs_attention)
        ]
        if self._owner is not None:
            wanted = [for_customer(order) for order in wanted]
        return OrderList(orders=tuple(wanted), next=following, warning=warning)

    async def last_known(self, order_ids: Collection[str]) -> Mapping[str, Run]:
        """Return the last runs of these orders' sagas as visibility knows them; the ids must be those of orders on record.

        Raises:
            NotNow: Temporal is away.
        """
        ids = ", ".join(f'"{saga_id(order_id)}"' for order_id in order_ids)
        return (await self._visibility.runs(f"WorkflowId IN ({ids})", ADDITION_LIMIT)).runs

    def _shown(self, entry: OrderEntry, run: Run | None, need: Need | None) -> ListedOrder:
        if need is None:
            return listed(entry, run, None, self._links(entry.order_id))
        return listed(entry, run or need.run, need.attention, self._links(entry.order_id))

    async def _found(self, asked: Asked) -> list[OrderEntry]:
        """Return the orders of a page, and one more when there are more."""
        wanted = Wanted(
            status=asked.status,
            reason=asked.reason,
            customer_id=asked.customer_id,
            owner=self._owner,
            before=None if asked.cursor is None else read_cursor(asked.cursor),
        )
        if asked.needs_attention:
            seen = await self._watch.seen()
            return await self._among(
                {order_id: need.run for order_id, need in seen.needs.items()}, wanted, asked.limit
            )
        if asked.state is None:
            return await self._on_record(wanted, asked.limit)
        open_ones = (
            []
            if asked.state is SagaState.FAILED
            else await self._in_state(asked.state, wanted, asked.limit)
        )
        if (status := STATUS.get(asked.state)) is None or asked.status not in (None, status):
            return open_ones
        closed = await self._on_record(replace(wanted, status=status), asked.limit)
        return _joined(open_ones, closed)[: asked.limit + 1]

    async def _in_state(self, state: SagaState, wanted: Wanted, limit: int) -> list[OrderEntry]:
        """Return likewise the open ones whose sagas showed a state last, also those on which nobody works any more."""
        running = await self._visibility.runs(in_state(state), ANSWER_LIMIT)
        left = (await self._watch.seen()).left_open(state)
        return await self._among(
            {**{order_id: need.run for order_id, need in left.items()}, **running.runs},
            wanted,
            limit,
        )

    async def _on_record(self, wanted: Wanted, limit: int) -> list[OrderEntry]:
        return await asyncio.to_thread(self._orders.page, wanted, limit + 1)

    async def _among(
        self, runs: Mapping[str, Run | None], wanted: Wanted, limit: int
    ) -> list[OrderEntry]:
        """Return likewise of these orders those that are open, also when their saga never came as far as the order service."""
        wanted = replace(wanted, among=runs.keys(), status=wanted.status or OrderStatus.PENDING)
        statuses = await asyncio.to_thread(self._orders.statuses, runs.keys())
        unheard = [
            entry_to_come(order_id, run)
            for order_id, run in runs.items()
            if run and order_id not in statuses
        ]
        to_come = sorted(
            (entry for entry in unheard if _fits(entry, wanted)), key=Position.of, reverse=True
        )
        return _joined(await self._on_record(wanted, limit), to_come)[: limit + 1]

    async def _again(self, entries: list[OrderEntry], order_ids: list[str]) -> list[OrderEntry]:
        """Read orders again now that visibility has answered: what it knows to be closed is closed on record by now.

        So an order is never shown in a state that is behind its record, or closed without the reason.
        """
        again = await asyncio.to_thread(
            self._orders.page, Wanted(among=order_ids, owner=self._owner), len(order_ids)
        )
        fresh = {entry.order_id: entry for entry in again}
        return [fresh.get(entry.order_id, entry) for entry in entries]


def _joined(*lists: list[OrderEntry]) -> list[OrderEntry]:
    """Return lists as one, newest first; an order that was recorded just now may come from two."""
    found = {entry.order_id: entry for entry in merge(*lists, key=Position.of, reverse=True)}
    return list(found.values())


def _fits(entry: OrderEntry, wanted: Wanted) -> bool:
    """Tell of an order that is not on record yet what the database tells of those that are."""
    return (
        wanted.status in (None, entry.status)
        and wanted.reason is None
        and wanted.customer_id in (None, entry.customer_id)
        and wanted.owner in (None, entry.customer_id)
        and (wanted.before is None or Position.of(entry) < wanted.before)
    )
