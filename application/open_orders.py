"""What Temporal alone knows of open orders: which are in a state or in need, and how some stand."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from application.errors import NotNow, no_answer
from application.listed_order import Standing, standing_of
from application.needs import Need
from application.order_query import OrderSelection
from application.run import Run
from application.runs import ADDITION_LIMIT, ANSWER_LIMIT
from application.threads import on_thread
from application.visibility import MOST_RUNS, in_state, running_of
from application.watch import Watch
from contracts.record import OrderEntry
from contracts.states import OrderStatus, SagaState
from participants.order.reads import OrderReads

AS_ON_RECORD = "orders that are still open are shown as the order service has them on record"


@dataclass(frozen=True)
class OpenOrders:
    """Open orders as one look found them.

    Args:
        runs: the last runs of their sagas by order; None where none is known.
        needs: the needs of a person by order, of these and of others.
        statuses: how they stand on record; those that are not there are left out.
        complete: whether these are all that there are.
        warning: in words, that Temporal did not tell, or told it a while ago.
    """

    runs: Mapping[str, Run | None] = field(default_factory=dict)
    needs: Mapping[str, Need] = field(default_factory=dict)
    statuses: Mapping[str, OrderStatus] = field(default_factory=dict)
    complete: bool = True
    warning: str | None = None

    def standing_of(self, entry: OrderEntry) -> Standing:
        """Return how an order stands by what was found of it, if anything."""
        return standing_of(entry, self.runs.get(entry.order_id), self.needs.get(entry.order_id))


async def find_open_orders(
    watch: Watch, records: OrderReads, selection: OrderSelection
) -> OpenOrders:
    """Return the orders in the state that is asked for, or that need attention, where it is.

    None where the order service's record alone tells.

    Raises:
        NotNow: Temporal is away.
    """
    runs: dict[str, Run | None]
    is_failed = selection.state is SagaState.FAILED
    if selection.state is None and not selection.need:
        return OpenOrders()
    try:
        needs = await watch.needs()
    except NotNow:
        if is_failed and not selection.need:
            return OpenOrders()  # on record is all that failed, but for what was left open
        raise
    complete = needs.complete or selection.need is None
    if selection.need:
        runs = {
            order_id: need.run
            for order_id, need in needs.by_order.items()
            if selection.cause in (None, need.attention.cause)
        }
    else:
        assert selection.state is not None
        # Also those on which nobody works any more.
        runs = {order_id: need.run for order_id, need in needs.left_open(selection.state).items()}
        if not is_failed:
            which = in_state(selection.state)
            running = await watch.visibility.runs(which, ANSWER_LIMIT)
            runs |= running.by_order
            complete = complete and running.complete
    statuses = await on_thread(records.statuses, runs.keys())
    return OpenOrders(runs, needs.by_order, statuses, complete)


async def look_at(
    watch: Watch, order_ids: Collection[str], selection: OrderSelection
) -> OpenOrders:
    """Return how these orders stand; nothing, and a warning, where that is not what is asked for.

    Raises:
        NotNow: Temporal is away, and it was asked for what it alone knows.
    """
    try:
        runs = await watch.visibility.runs(running_of(order_ids), ADDITION_LIMIT)
        needs = await watch.needs()
    except NotNow as error:
        if selection.need is not None or selection.state is not None:
            raise
        # All of them as they are on record, or the warning would be wrong.
        return OpenOrders(warning=f"{no_answer(error)}: {AS_ON_RECORD}")
    return OpenOrders(runs.by_order, needs.by_order, warning=needs.warning())


def why_some_are_missing(selection: OrderSelection) -> str:
    """Return in words why open orders that a list is asked for are not all found."""
    if selection.need is not None or selection.state is None:
        return "more orders need attention than are known at once"
    return f"more than {MOST_RUNS:,} orders are {selection.state}, of which no more can be found"
