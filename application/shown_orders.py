"""Orders as a list shows them: their records, with what visibility adds to the open ones."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from application.discretion import for_customer
from application.errors import NotNow, no_answer
from application.listed_order import Standing, list_entry, standing_of
from application.needs import Need
from application.order_query import OrderSelection
from application.run import Run
from application.runs import ADDITION_LIMIT
from application.threads import on_thread
from application.visibility import Visibility, running_of
from application.watch import Watch
from contracts.record import OrderEntry
from contracts.views import Links, ListedOrder
from participants.order.filters import OrderFilter
from participants.order.reads import OrderReads

AS_ON_RECORD = "orders that are still open are shown as the order service has them on record"


@dataclass(frozen=True)
class _Additions:
    """What Temporal adds to orders: runs and needs by order; a `warning` where it does not."""

    runs: Mapping[str, Run]
    needs: Mapping[str, Need]
    warning: str | None = None


class ShownOrders(NamedTuple):
    """Orders as they stand, and a warning where Temporal did not tell."""

    orders: list[ListedOrder]
    warning: str | None


class OrderShow:
    """Shows orders that are on record; open ones as visibility last knew their sagas."""

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

    async def show(
        self, entries: Sequence[OrderEntry], selection: OrderSelection, owner: str | None = None
    ) -> ShownOrders:
        """Return orders as they stand now, for the customer `owner` or for everybody.

        Those are left out that are not asked for any more.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        additions = _Additions({}, {})
        if still_open := [entry.order_id for entry in entries if entry.closed_at is None]:
            additions = await self._additions(selection, still_open)
            entries = await self._read_again(entries, still_open, owner)
        orders: list[ListedOrder] = []
        for entry in entries:
            run = additions.runs.get(entry.order_id)
            need = additions.needs.get(entry.order_id)
            if is_asked_for(entry, standing_of(entry, run, need), selection):
                orders.append(list_entry(entry, run, need, self._links(entry.order_id)))
        if owner is not None:
            orders = [for_customer(order) for order in orders]
        return ShownOrders(orders, additions.warning)

    async def _additions(self, selection: OrderSelection, order_ids: Collection[str]) -> _Additions:
        """Return what Temporal knows of open orders; a warning where it is not asked for it alone.

        Raises:
            NotNow: Temporal is away, and it was asked for what it alone knows.
        """
        try:
            runs = await self._visibility.runs(running_of(order_ids), ADDITION_LIMIT)
            needs = await self._watch.needs()
        except NotNow as error:
            if selection.need is not None or selection.state is not None:
                raise
            # All of them as they are on record, or the warning would be wrong.
            return _Additions({}, {}, f"{no_answer(error)}: {AS_ON_RECORD}")
        return _Additions(runs.by_order, needs.by_order, needs.warning())

    async def _read_again(
        self, entries: Sequence[OrderEntry], order_ids: Collection[str], owner: str | None
    ) -> list[OrderEntry]:
        """Return entries as they are on record after visibility has answered.

        What it knows to be closed is closed on record by now: so an order is never shown in a state
        that is behind its record, or closed without the reason.
        """
        order_filter = OrderFilter(among=order_ids, owner=owner)
        again = await on_thread(self._records.page, order_filter, len(order_ids))
        fresh = {entry.order_id: entry for entry in again.entries}
        return [fresh.get(entry.order_id, entry) for entry in entries]


def is_asked_for(entry: OrderEntry, standing: Standing, selection: OrderSelection) -> bool:
    """Tell whether an order, as it stands, is one that is asked for."""
    return (
        selection.status in (None, entry.status)
        and selection.state in (None, standing.state)
        and selection.needs_attention in (None, standing.attention is not None)
        and selection.cause in (None, standing.attention and standing.attention.cause)
    )
