"""Lists of orders: the order service's records, with what visibility adds to the open ones."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from application.discretion import for_customer
from application.errors import NotNow, NotPossible, no_answer
from application.listed_order import list_entry, provisional_entry, standing_of
from application.merged_pages import merge
from application.needs import Need
from application.open_orders import OpenOrderLook, OpenOrders, why_some_are_missing
from application.order_cursor import write_cursor
from application.order_query import ListQuery, OrderSelection
from application.run import Run
from application.runs import ADDITION_LIMIT
from application.threads import on_thread
from application.visibility import Visibility, running_of
from application.watch import Watch
from contracts.record import OrderEntry
from contracts.states import STATUS, OrderStatus
from contracts.views import Links, OrderList
from participants.order.filters import OrderFilter, Page
from participants.order.reads import OrderReads, pieces

AS_ON_RECORD = "orders that are still open are shown as the order service has them on record"
NARROW = "filter by `status` and by the orders' other fields instead"

ReadPage = Callable[[ListQuery], Awaitable[OrderList]]


@dataclass(frozen=True)
class _Additions:
    """What Temporal adds to a page: runs and needs by order; a `warning` where it does not."""

    runs: Mapping[str, Run]
    needs: Mapping[str, Need]
    warning: str | None = None


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
        self._visibility = visibility
        self._watch = watch
        self._records = records
        self._links = links
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
        additions = _Additions({}, {})
        if still_open := [entry.order_id for entry in entries if entry.closed_at is None]:
            additions = await self._additions(query, still_open)
            entries = await self._read_again(entries, still_open, owner)
        runs = additions.runs
        needs = additions.needs
        orders = [
            list_entry(
                entry,
                runs.get(entry.order_id),
                needs.get(entry.order_id),
                self._links(entry.order_id),
            )
            for entry in entries
            if _is_asked_for(entry, runs, needs, query)
        ]
        if owner is not None:
            orders = [for_customer(order) for order in orders]
        warnings = [additions.warning] if additions.warning else []
        if not open_orders.complete:
            warnings.append(f"some orders are missing: {why_some_are_missing(query)}")
        return OrderList(
            orders=tuple(orders),
            next=end and query.following(end),
            warning="; ".join(warnings) or None,
        )

    async def select(self, selection: OrderSelection, most: int) -> list[OrderEntry]:
        """Return the orders that are asked for now, newest first, at most `most` and one more.

        Raises:
            NotNow: as in `page`.
            NotPossible: there are so many open ones that not all of them are found.
        """
        open_orders = await self._look.find(selection)
        needs = open_orders.needs
        is_complete = open_orders.complete
        if selection.need is not None:
            all_needs = await self._watch.needs()
            needs = all_needs.by_order
            is_complete = is_complete and all_needs.complete
        if not is_complete:
            raise NotPossible(f"{why_some_are_missing(selection)}: {NARROW}")
        query = ListQuery(**selection.model_dump()).model_copy(update={"limit": most + 1})
        entries: list[OrderEntry] = []
        while True:
            page, end = await self._find(query, None, open_orders)
            entries += [
                entry for entry in page if _is_asked_for(entry, open_orders.runs, needs, selection)
            ]
            if end is None or len(entries) > most:
                return entries[: most + 1]
            query = query.model_copy(update={"cursor": write_cursor(end, query.sort)})

    async def _additions(self, query: ListQuery, order_ids: Collection[str]) -> _Additions:
        """Return what Temporal knows of open orders; a warning where it is not asked for it alone.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        try:
            runs = await self._visibility.runs(running_of(order_ids), ADDITION_LIMIT)
            needs = await self._watch.needs()
        except NotNow as error:
            if query.need is not None or query.state is not None:
                raise
            # All of them as they are on record, or the warning would be wrong.
            return _Additions({}, {}, f"{no_answer(error)}: {AS_ON_RECORD}")
        return _Additions(runs.by_order, needs.by_order, needs.warning())

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


def _is_asked_for(
    entry: OrderEntry,
    runs: Mapping[str, Run | None],
    needs: Mapping[str, Need],
    query: OrderSelection,
) -> bool:
    """Tell whether an order, as it stands by its run and its need, is one that is asked for."""
    standing = standing_of(entry, runs.get(entry.order_id), needs.get(entry.order_id))
    return (
        query.status in (None, entry.status)
        and query.state in (None, standing.state)
        and query.needs_attention in (None, standing.attention is not None)
        and query.cause in (None, standing.attention and standing.attention.cause)
    )


def _fails_so(run: Run, order_filter: OrderFilter) -> bool:
    stuck_steps = [retriable.step for retriable in run.stuck_retriables]
    return order_filter.accepts_failure(run.failure, stuck_steps)
