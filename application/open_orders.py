"""Which open orders a list is asked for by what Temporal alone knows: by state, or in need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from application.errors import NotNow
from application.needs import Need
from application.order_query import OrderSelection
from application.run import Run
from application.runs import ANSWER_LIMIT
from application.threads import on_thread
from application.visibility import MOST_RUNS, Visibility, in_state
from application.watch import Watch
from contracts.states import OrderStatus, SagaState
from participants.order.reads import OrderReads


@dataclass(frozen=True)
class OpenOrders:
    """Open orders as one look found them.

    Args:
        runs: the last runs of their sagas by order; None where none is known.
        needs: the needs of a person by order, of these and of others.
        statuses: how they stand on record; those that are not there are left out.
        complete: whether these are all that there are.
    """

    runs: Mapping[str, Run | None] = field(default_factory=dict)
    needs: Mapping[str, Need] = field(default_factory=dict)
    statuses: Mapping[str, OrderStatus] = field(default_factory=dict)
    complete: bool = True


class OpenOrderLook:
    """Finds open orders by `visibility`, `watch` and the order service's `records`."""

    def __init__(self, visibility: Visibility, watch: Watch, records: OrderReads) -> None:
        """Look where these say."""
        self._visibility = visibility
        self._watch = watch
        self._records = records

    async def find(self, selection: OrderSelection) -> OpenOrders:
        """Return those in the state that is asked for, or that need attention, where it is.

        None where the order service's record alone tells.

        Raises:
            NotNow: Temporal is away.
        """
        runs: dict[str, Run | None]
        is_failed = selection.state is SagaState.FAILED
        if selection.state is None and not selection.need:
            return OpenOrders()
        try:
            needs = await self._watch.needs()
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
            runs = {
                order_id: need.run for order_id, need in needs.left_open(selection.state).items()
            }
            if not is_failed:
                running = await self._visibility.runs(in_state(selection.state), ANSWER_LIMIT)
                runs |= running.by_order
                complete = complete and running.complete
        statuses = await on_thread(self._records.statuses, runs.keys())
        return OpenOrders(runs, needs.by_order, statuses, complete)


def why_some_are_missing(selection: OrderSelection) -> str:
    """Return in words why open orders that a list is asked for are not all found."""
    if selection.need is not None or selection.state is None:
        return "more orders need attention than are known at once"
    return f"more than {MOST_RUNS:,} orders are {selection.state}, of which no more can be found"
