"""Lists of orders: the order service's records, with what visibility adds to the open ones."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from application.errors import NotPossible
from application.listed_order import provisional_entry, standing_of
from application.merged_pages import merge
from application.open_orders import OpenOrderLook, OpenOrders, why_some_are_missing
from application.order_choice import EVERY_ONE, Narrowing
from application.order_cursor import write_cursor
from application.order_query import ListQuery, OrderSelection
from application.run import Run
from application.shown_orders import OrderShow, is_asked_for
from application.threads import on_thread
from application.visibility import Visibility
from application.watch import Watch
from contracts.record import OrderEntry
from contracts.states import STATUS, OrderStatus
from contracts.views import Links, OrderList
from participants.order.filters import OrderFilter, Page
from participants.order.reads import OrderReads, pieces

NARROW = "filter by `status` and by the orders' other fields instead"

ReadPage = Callable[[ListQuery], Awaitable[OrderList]]


class OrderLists:
    """Orders page by page; open ones as visibility last knew their sagas."""

    def __init__(
        self,
        visibility: Visibility,
        watch: Watch,
        records: OrderReads,
        links: Callable[[str], Links],
    ) -> None:
        """Put together `records`, the runs that `visibility` knows, and the needs of `watch`."""
        self._watch = watch
        self._records = records
        self.show = OrderShow(visibility, watch, records, links).show
        self._look = OpenOrderLook(visibility, watch, records)

    async def page(self, query: ListQuery, owner: str | None = None) -> OrderList:
        """Return one page, of the orders of the customer `owner` alone; None for everybody's.

        What needs attention is only known with Temporal, all else is told without it, too.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        return await self.reader(owner)(query)

    def reader(self, owner: str | None = None) -> ReadPage:
        """Return what reads pages like `page`, of one selection.

        Which open orders that has is asked with the first page, once for all pages.
        """
        open_orders: OpenOrders | None = None

        async def read(query: ListQuery) -> OrderList:
            nonlocal open_orders
            if open_orders is None:
                open_orders = await self._look.find(query)
            return await self._page(query, owner, open_orders)

        return read

    async def _page(
        self, query: ListQuery, owner: str | None, open_orders: OpenOrders
    ) -> OrderList:
        entries, end = await self._find(query, owner, open_orders)
        orders, warning = await self.show(entries, query, owner)
        warnings = [warning] if warning else []
        if not open_orders.complete:
            warnings.append(f"some orders are missing: {why_some_are_missing(query)}")
        return OrderList(
            orders=tuple(orders),
            next=end and query.following(end),
            warning="; ".join(warnings) or None,
        )

    async def select(
        self, selection: OrderSelection, most: int, narrowing: Narrowing = EVERY_ONE
    ) -> list[OrderEntry]:
        """Return the orders that are meant now, newest first, at most `most` and one more.

        Raises:
            NotNow: as in `page`.
            NotPossible: there are so many open ones that not all of them are found.
        """
        open_orders = await self._look.find(selection)
        needs = open_orders.needs
        is_complete = open_orders.complete
        is_by_step_alone = narrowing.stuck_at is not None and selection.state is None
        if selection.need is not None or is_by_step_alone:
            all_needs = await self._watch.needs()
            needs = all_needs.by_order
            is_complete = is_complete and all_needs.complete
        if not is_complete:
            raise NotPossible(f"{why_some_are_missing(selection)}: {NARROW}")
        filters = selection.model_dump(include=set(OrderSelection.model_fields))
        query = ListQuery(**filters).model_copy(update={"limit": most + 1})
        entries: list[OrderEntry] = []
        while True:
            page, end = await self._find(query, None, open_orders)
            for entry in page:
                run = open_orders.runs.get(entry.order_id)
                standing = standing_of(entry, run, needs.get(entry.order_id))
                is_meant = is_asked_for(entry, standing, selection)
                if is_meant and narrowing.keeps(entry, standing.run):
                    entries.append(entry)
            if end is None or len(entries) > most:
                return entries[: most + 1]
            query = query.model_copy(update={"cursor": write_cursor(end, query.sort)})

    async def _find(self, query: ListQuery, owner: str | None, open_orders: OpenOrders) -> Page:
        """Return the orders of a page as they are on record, or as Temporal alone knows them."""
        order_filter = replace(query.order_filter(owner), sort=query.sort, behind=query.behind)
        if query.need:
            return await self._among(open_orders, order_filter, query.limit)
        if query.state is None:
            return await self._on_record(order_filter, query.limit)
        open_ones = await self._among(open_orders, order_filter, query.limit)
        status = STATUS.get(query.state)
        if status is None or query.status not in (None, status):
            return open_ones
        closed_orders = await self._on_record(replace(order_filter, status=status), query.limit)
        return merge(query.sort, query.limit, open_ones, closed_orders)

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
                if run and _fails_so(run, order_filter)
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


def _fails_so(run: Run, order_filter: OrderFilter) -> bool:
    stuck_steps = [retriable.step for retriable in run.stuck_retriables]
    return order_filter.accepts_failure(run.failure, stuck_steps)
