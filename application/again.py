"""Placing a failed order again: what it was for, once more, as one new order.

The new order's id follows from the failed one's, and its saga is started once under that id, with
the failed order's id in its memo. So two callers at once, a repeat, and a process that dies half
way come to the same order, and its record is linked to the failed one's from its first row on.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from application.caller import Caller
from application.errors import NotNow, NotPossible
from application.operations_log import OperationsLog
from application.placement import Placement, perhaps_placed
from application.possible_acts import cannot_place_again, why_ended
from application.runs import ADDITION_LIMIT, Runs
from application.threads import on_thread
from contracts.acts import Act
from contracts.decisions import Decision
from contracts.ids import id_again
from contracts.placing import PlaceOrder
from contracts.record import OrderRecord
from contracts.views import AttentionCause, OrderView
from participants.order.service import OrderService

View = Callable[[str, Caller], Awaitable[OrderView]]


class PlacingAgain:
    """Places failed orders again, each at most once; of its new order the same holds."""

    def __init__(
        self,
        placement: Placement,
        order_service: OrderService,
        runs: Runs,
        operations_log: OperationsLog,
        view: View,
    ) -> None:
        """Start sagas by `placement`, and show orders as `view` does."""
        self._placement = placement
        self._order_service = order_service
        self._runs = runs
        self._operations_log = operations_log
        self._view = view

    async def place(self, order_id: str, decision: Decision, caller: Caller) -> OrderView:
        """Place a failed order again, and return the new order as it stands.

        Whoever says it again is answered with the same new order. Prices are those of the failed
        order, and so is the deadline; of one that Temporal has forgotten it is the usual one.

        Raises:
            NotFound: there is no such order.
            NotPossible: it has not failed, or what was ordered is not known.
            PerhapsPlaced: Temporal or the database gave no answer; saying it again is safe.
        """
        decision = decision.model_copy(update={"by": caller.signature_of(decision.by)})
        act = Act.PLACE_AGAIN
        new_id = id_again(order_id)
        async with self._operations_log.note(caller, act, decision, order_id=order_id):
            order = await self._order_of(order_id, caller)
            if order is not None:
                with perhaps_placed(new_id):
                    await self._placement.start(new_id, order, None, again_of=order_id)
        with perhaps_placed(new_id):
            return await self._view(new_id, caller)

    async def _order_of(self, order_id: str, caller: Caller) -> PlaceOrder | None:
        """Return what a failed order was for, as it was placed; None where it is placed again.

        Raises:
            NotFound, NotPossible: as `place` does.
        """
        on_record = await on_thread(
            self._order_service.find_with_fingerprint, order_id, caller.customer_id
        )
        if on_record is None or on_record[0].closed_at is None:
            raise await self._not_closed(order_id, caller)
        record, fingerprint = on_record
        if record.again_as is not None:
            return None
        if why := cannot_place_again(record):
            raise NotPossible(why)
        with suppress(NotNow):  # then what is on record serves
            run = await self._runs.find(order_id, ADDITION_LIMIT, has_closed=True)
            if run and isinstance(run.order, PlaceOrder) and run.order.fingerprint() == fingerprint:
                return run.order
        return _order_on_record(record)

    async def _not_closed(self, order_id: str, caller: Caller) -> NotPossible:
        """Return why an order is not placed again that is not closed on record."""
        view = await self._view(order_id, caller)
        attention = view.attention
        if attention is not None and attention.cause is AttentionCause.LEFT_OPEN:
            return why_ended(view.state, is_closed=False, what_helps=attention.message)
        return NotPossible(f"only an order that failed is placed again: this one is {view.state}")


def _order_on_record(record: OrderRecord) -> PlaceOrder:
    """Return what is on record of an order; its deadline is not."""
    return PlaceOrder.model_validate(
        record.model_dump(include={"customer_id", "currency", "lines"})
    )
