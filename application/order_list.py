"""Lists of orders: the order service's records, with what visibility adds to the open ones."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from application.discretion import for_customer
from application.errors import NotPossible
from application.listed_order import list_entry, provisional_entry
from application.merged_pages import merge
from application.open_orders import (
    OpenOrders,
    find_open_orders,
    look_at,
    why_some_are_missing,
)
from application.order_query import MOST_ON_A_PAGE, ListQuery, OrderSelection, SortedQuery
from application.threads import on_thread
from application.watch import Watch
from contracts.record import OrderEntry
from contracts.states import STATUS, OrderStatus
from contracts.views import Links, ListedOrder, OrderList
from participants.order.filters import OrderFilter, Page, Position
from participants.order.reads import OrderReads, pieces

NARROW = "filter by `status` and by the orders' other fields instead"


class ShownPage(NamedTuple):
    """Orders as they stand; the list goes on behind `end`, or None. A warning of what is not told.

    They may be fewer than were asked for although others follow.
    """

    orders: Sequence[ListedOrder]
    end: Position | None
    warning: str | None


class OrderLists:
    """Orders page by page; open ones as visibility last knew their sagas."""

    def __init__(self, watch: Watch, records: OrderReads, links: Callable[[str], Links]) -> None:
        """Put together `records`, and the runs and needs that `watch` and its visibility know."""
        self._watch = watch
        self._records = records
        self._links = links

    async def page(self, query: ListQuery, owner: str | None = None) -> OrderList:
        """Return one page, of the orders of the customer `owner` alone; None for everybody's.

        What needs attention is only known with Temporal, all else is told without it, too.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        open_orders = await find_open_orders(self._watch, self._records, query)
        page = await self._show_page(query, query.order_filter(owner), query.limit, open_orders)
        return OrderList(
            orders=tuple(page.orders),
            next=page.end and query.following("/orders", page.end),
            warning=page.warning,
        )

    async def pages(
        self, query: SortedQuery, limit: int, owner: str | None = None
    ) -> AsyncIterator[ShownPage]:
        """Yield pages likewise, of so many orders at most in all, each read when it is asked for.

        Which open orders there are to choose from is asked once for all pages.

        Raises:
            NotNow: as in `page`.
        """
        open_orders = await find_open_orders(self._watch, self._records, query)
        order_filter = query.order_filter(owner)
        while True:
            most = min(MOST_ON_A_PAGE, limit)
            page = await self._show_page(query, order_filter, most, open_orders)
            yield page
            limit -= len(page.orders)
            if page.end is None or limit == 0:
                return
            order_filter = replace(order_filter, behind=page.end)

    async def select(
        self, selection: OrderSelection, most: int, stuck_at: str | None = None
    ) -> list[OrderEntry]:
        """Return the orders that are meant now, newest first, at most `most` and one more.

        Of them those alone that are stuck at the step `stuck_at`, if one is given.

        Raises:
            NotNow: as in `page`.
            NotPossible: there are so many open ones that not all of them are found.
        """
        open_orders = await find_open_orders(self._watch, self._records, selection)
        is_by_step_alone = stuck_at is not None and selection.state is None
        if selection.need is not None or is_by_step_alone:
            needs = await self._watch.needs()
            complete = open_orders.complete and needs.complete
            open_orders = replace(open_orders, needs=needs.by_order, complete=complete)
        if not open_orders.complete:
            raise NotPossible(f"{why_some_are_missing(selection)}: {NARROW}")
        order_filter = selection.order_filter()
        entries: list[OrderEntry] = []
        while True:
            page = await self._find(selection, order_filter, most + 1, open_orders)
            for entry in page.entries:
                standing = open_orders.standing_of(entry)
                stuck_steps = standing.run.stuck_steps if standing.run else ()
                is_there = stuck_at is None or stuck_at in stuck_steps
                if is_there and selection.accepts(entry, standing):
                    entries.append(entry)
            if page.end is None or len(entries) > most:
                return entries[: most + 1]
            order_filter = replace(order_filter, behind=page.end)

    async def show(
        self, entries: Sequence[OrderEntry], selection: OrderSelection, owner: str | None = None
    ) -> tuple[list[ListedOrder], str | None]:
        """Return orders as they stand now, for the customer `owner` or for everybody.

        Those are left out that are not asked for any more. A warning says that Temporal did not
        tell how they stand.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        open_orders = OpenOrders()
        if still_open := [entry.order_id for entry in entries if entry.closed_at is None]:
            open_orders = await look_at(self._watch, still_open, selection)
            entries = await self._read_again(entries, still_open, owner)
        orders = [
            list_entry(entry, standing, self._links(entry.order_id))
            for entry in entries
            if selection.accepts(entry, standing := open_orders.standing_of(entry))
        ]
        if owner is not None:
            orders = [for_customer(order) for order in orders]
        return orders, open_orders.warning

    async def _show_page(
        self, query: SortedQuery, order_filter: OrderFilter, limit: int, open_orders: OpenOrders
    ) -> ShownPage:
        entries, end = await self._find(query, order_filter, limit, open_orders)
        orders, warning = await self.show(entries, query, order_filter.owner)
        warnings = [warning] if warning else []
        if not open_orders.complete:
            warnings.append(f"some orders are missing: {why_some_are_missing(query)}")
        return ShownPage(orders, end, "; ".join(warnings) or None)

    async def _read_again(
        self, entries: Sequence[OrderEntry], order_ids: Collection[str], owner: str | None
    ) -> list[OrderEntry]:
        """Return entries as they are on record after visibility has answered.

        What it knows to be closed is closed on record by now: so an order is never shown in a state
        that is behind its record, or closed without the reason.
        """
        order_filter = OrderFilter(among=order_ids, owner=owner)
        again = await self._on_record(order_filter, len(order_ids))
        fresh = {entry.order_id: entry for entry in again.entries}
        return [fresh.get(entry.order_id, entry) for entry in entries]

    async def _find(
        self,
        selection: OrderSelection,
        order_filter: OrderFilter,
        limit: int,
        open_orders: OpenOrders,
    ) -> Page:
        """Return the orders of a page as they are on record, or as Temporal alone knows them."""
        if selection.need:
            return await self._among(open_orders, order_filter, limit)
        if selection.state is None:
            return await self._on_record(order_filter, limit)
        open_ones = await self._among(open_orders, order_filter, limit)
        status = STATUS.get(selection.state)
        if status is None or selection.status not in (None, status):
            return open_ones
        closed_orders = await self._on_record(replace(order_filter, status=status), limit)
        return merge(order_filter.sort, limit, open_ones, closed_orders)

    async def _on_record(self, order_filter: OrderFilter, limit: int) -> Page:
        return await on_thread(self._records.page, order_filter, limit)

    async def _among(self, open_orders: OpenOrders, order_filter: OrderFilter, limit: int) -> Page:
        """Return likewise of these orders those that are open.

        Also when their saga never came as far as the order service. Why they fail, their sagas say.
        """
        runs = open_orders.runs
        if order_filter.asks_why:
            runs = {
                order_id: run
                for order_id, run in runs.items()
                if run and order_filter.accepts_failure(run.failure, run.stuck_steps)
            }
        order_filter = replace(
            order_filter,
            status=order_filter.status or OrderStatus.PENDING,
            reason=None,
            step=None,
            text=None,
        )
        provisional = [
            entry
            for order_id, run in runs.items()
            if run
            and order_id not in open_orders.statuses
            and order_filter.accepts_entry(entry := provisional_entry(order_id, run))
        ]
        pages = [
            await self._on_record(replace(order_filter, among=some_ids), limit)
            for some_ids in pieces(runs)
        ]
        return merge(order_filter.sort, limit, Page(provisional, None), *pages)
