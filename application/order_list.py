"""Lists of orders: the order service's records, with what visibility adds to the open ones."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from application.discretion import for_customer
from application.errors import NotNow, no_answer
from application.listed_order import entry_to_come, list_entry
from application.needs import Need
from application.order_cursor import write_cursor
from application.order_query import ListQuery, OrderSelection
from application.order_view import STATUS
from application.run import Run
from application.runs import ADDITION_LIMIT, ANSWER_LIMIT
from application.threads import on_thread
from application.visibility import Visibility, in_state, running_of
from application.watch import Watch
from contracts.record import OrderEntry
from contracts.states import OrderStatus, SagaState
from contracts.views import Links, ListedOrder, OrderList
from participants.order.filters import OrderFilter, Page, Position, Sort
from participants.order.reads import OrderReads

AS_ON_RECORD = "orders that are still open are shown as the order service has them on record"


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

    async def page(self, query: ListQuery, owner: str | None = None) -> OrderList:
        """Return one page, of the orders of the customer `owner` alone; None for everybody's.

        What needs attention is only known with Temporal, all else is told without it, too.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        entries, end = await self._find(query, owner)
        additions = _Additions({}, {})
        if still_open := [entry.order_id for entry in entries if entry.closed_at is None]:
            additions = await self._additions(query, still_open)
            entries = await self._read_again(entries, still_open, owner)
        orders = [
            list_entry(
                entry,
                additions.runs.get(entry.order_id),
                additions.needs.get(entry.order_id),
                self._links(entry.order_id),
            )
            for entry in entries
        ]
        orders = [order for order in orders if _is_asked_for(order, query)]
        if owner is not None:
            orders = [for_customer(order) for order in orders]
        return OrderList(
            orders=tuple(orders), next=end and query.following(end), warning=additions.warning
        )

    async def select(
        self, selection: OrderSelection, most: int, *, not_again: bool = False
    ) -> list[OrderEntry]:
        """Return the orders that are asked for now, newest first, at most `most` and one more.

        With `not_again` those are left out that were placed again.

        Raises:
            NotNow: as in `page`.
        """
        needs = await self._watch.needs() if selection.needs_attention is not None else None
        query = ListQuery(**selection.model_dump()).model_copy(update={"limit": most + 1})
        entries: list[OrderEntry] = []
        while True:
            page, end = await self._find(query, None)
            again: Collection[str] = ()
            if not_again:
                ids = [entry.order_id for entry in page]
                again = await on_thread(self._records.placed_again, ids)
            entries += [
                entry
                for entry in page
                if entry.order_id not in again
                and (needs is None or _has_need(needs.by_order.get(entry.order_id), selection))
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
            if query.needs_attention is not None or query.state is not None:
                raise
            # All of them as they are on record, or the warning would be wrong.
            return _Additions({}, {}, f"{no_answer(error)}: {AS_ON_RECORD}")
        return _Additions(runs.by_order, needs.by_order, needs.warning())

    async def _find(self, query: ListQuery, owner: str | None) -> Page:
        """Return the orders of a page as they are on record, or as Temporal alone knows them."""
        order_filter = replace(query.order_filter(owner), sort=query.sort, behind=query.behind)
        if query.needs_attention:
            needs = (await self._watch.needs()).by_order
            runs = {order_id: need.run for order_id, need in needs.items()}
            return await self._among(runs, order_filter, query.limit)
        if query.state is None:
            return await self._on_record(order_filter, query.limit)
        open_ones = Page([], None)
        if query.state is not SagaState.FAILED:
            open_ones = await self._in_state(query.state, order_filter, query.limit)
        status = STATUS.get(query.state)
        if status is None or query.status not in (None, status):
            return open_ones
        closed_orders = await self._on_record(replace(order_filter, status=status), query.limit)
        return _merge(query.sort, query.limit, open_ones, closed_orders)

    async def _in_state(self, state: SagaState, order_filter: OrderFilter, limit: int) -> Page:
        """Return likewise the open ones whose sagas showed a state last.

        Also those on which nobody works any more.
        """
        running = await self._visibility.runs(in_state(state), ANSWER_LIMIT)
        left_open = (await self._watch.needs()).left_open(state)
        runs: dict[str, Run | None] = {order_id: need.run for order_id, need in left_open.items()}
        return await self._among(runs | running.by_order, order_filter, limit)

    async def _on_record(self, order_filter: OrderFilter, limit: int) -> Page:
        return await on_thread(self._records.page, order_filter, limit)

    async def _among(
        self, runs: Mapping[str, Run | None], order_filter: OrderFilter, limit: int
    ) -> Page:
        """Return likewise of these orders those that are open.

        Also when their saga never came as far as the order service. Why they fail, their sagas say.
        """
        if order_filter.asks_why:
            runs = {
                order_id: run
                for order_id, run in runs.items()
                if run and _fails_so(run, order_filter)
            }
        order_filter = replace(
            order_filter,
            among=runs.keys(),
            status=order_filter.status or OrderStatus.PENDING,
            reason=None,
            step=None,
            text=None,
        )
        statuses = await on_thread(self._records.statuses, runs.keys())
        provisional = [
            entry
            for order_id, run in runs.items()
            if run
            and order_id not in statuses
            and order_filter.accepts_entry(entry := entry_to_come(order_id, run))
        ]
        on_record = await self._on_record(order_filter, limit)
        return _merge(order_filter.sort, limit, Page(provisional, None), on_record)

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


def _is_asked_for(order: ListedOrder, query: ListQuery) -> bool:
    """Tell whether an order, as it is shown, is one that the query asks for."""
    return (
        query.status in (None, order.status)
        and query.state in (None, order.state)
        and query.needs_attention in (None, order.needs_attention)
    )


def _has_need(need: Need | None, selection: OrderSelection) -> bool:
    """Tell whether an order that has this need, or none, is one that is asked for."""
    if need is None:
        return not selection.needs_attention
    state = need.run.state if need.run else SagaState.PENDING
    return bool(selection.needs_attention) and selection.state in (None, state)


def _fails_so(run: Run, order_filter: OrderFilter) -> bool:
    stuck_steps = [retriable.step for retriable in run.memo.retriables if retriable.stuck_since]
    return order_filter.accepts_failure(run.failure, stuck_steps)


def _merge(sort: Sort, limit: int, *pages: Page) -> Page:
    """Return the beginnings of lists as that of one; an order recorded just now may be in two.

    It ends where the first of them ends: what the others have behind that is for the next page.
    """

    def position(entry: OrderEntry) -> Position:
        return Position.of(entry, sort)

    unique = {entry.order_id: entry for page in pages for entry in page.entries}
    entries = sorted(unique.values(), key=position, reverse=sort.is_descending)
    ends = [page.end for page in pages if page.end is not None]
    end = None
    if ends:
        end = max(ends) if sort.is_descending else min(ends)
        entries = [
            entry
            for entry in entries
            if (position(entry) >= end if sort.is_descending else position(entry) <= end)
        ]
    if len(entries) > limit:
        entries = entries[:limit]
        end = position(entries[-1])
    return Page(entries, end)
