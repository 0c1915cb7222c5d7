"""Placing a failed order again: what it was for, once more, as one new order.

The new order's id follows from the failed one's, and its saga is started once under that id, with
the failed order's id in its memo. So two callers at once, a repeat, and a process that dies half
way come to the same order, and its record is linked to the failed one's from its first row on.
"""

from application.errors import NotFound, NotPossible, OrderIdTaken
from application.placement import Placement, perhaps_placed
from application.possible_acts import cannot_place_again
from application.runs import Runs
from application.threads import on_thread
from contracts.ids import id_again
from contracts.placing import PlaceOrder
from contracts.record import OrderRecord
from participants.order.service import OrderService


class Again:
    """Starts the sagas of orders that are placed again, each at most once."""

    def __init__(self, order_service: OrderService, runs: Runs) -> None:
        """Place orders as `order_service` and `runs` have them."""
        self._placement = Placement(order_service, runs)
        self._order_service = order_service
        self._runs = runs

    async def start(self, order_id: str, owner: str | None = None) -> str:
        """Place a failed order again, and return the id of its new order.

        Whoever says it again is answered with the same new order; should that one fail, it can be
        placed again itself. Prices are those of the failed order, and so is the deadline; of one
        that Temporal has forgotten it is the usual one.

        Args:
            order_id: the failed order.
            owner: the customer who alone may see it; None for everybody.

        Raises:
            NotFound: there is no such order.
            NotPossible: it has not failed, what was ordered is not known, or the new order's id is
                another order's, which somebody started in Temporal by hand.
            PerhapsPlaced: Temporal gave no answer; saying it again is safe.
            NotNow: likewise, before the saga could be started.
        """
        new_id = id_again(order_id)
        if order := await self._order_of(order_id, owner):
            try:
                with perhaps_placed(new_id):
                    await self._placement.start(new_id, order, None, again_of=order_id)
            except OrderIdTaken as error:
                why = (
                    f"it cannot be placed again: the id that its new order would have, {new_id}, "
                    "belongs to another order; place it as a new order"
                )
                raise NotPossible(why) from error
        return new_id

    async def _order_of(self, order_id: str, owner: str | None) -> PlaceOrder | None:
        """Return what a failed order was for, as it was placed; None where it is placed again.

        Raises:
            NotFound, NotPossible, NotNow: as `start` does.
        """
        on_record = await on_thread(self._order_service.find_with_fingerprint, order_id, owner)
        if on_record is None or on_record[0].closed_at is None:
            raise await self._not_closed(order_id, owner, is_on_record=on_record is not None)
        record, fingerprint = on_record
        if record.again_as is not None:
            return None
        if why := cannot_place_again(record):
            raise NotPossible(why)
        # The record has no deadline: it serves only where Temporal is known to have forgotten it.
        run = await self._runs.find(order_id, has_closed=True)
        if run and isinstance(run.order, PlaceOrder) and run.order.fingerprint() == fingerprint:
            return run.order
        return _order_on_record(record)

    async def _not_closed(
        self, order_id: str, owner: str | None, *, is_on_record: bool
    ) -> NotPossible | NotFound:
        """Return why an order is not placed again that is not closed on record."""
        run = await self._runs.find(order_id, owner=owner)
        if not is_on_record and run is None:
            return NotFound.of(f"order {order_id}")
        if run is None or run.is_left_open(is_on_record=is_on_record):
            return NotPossible(
                "only an order that failed is placed again: the saga of this one was ended from "
                "outside, and it is not known what it took back"
            )
        return NotPossible(f"only an order that failed is placed again: this one is {run.state}")


def _order_on_record(record: OrderRecord) -> PlaceOrder:
    """Return what is on record of an order; its deadline is not."""
    return PlaceOrder.model_validate(
        record.model_dump(include={"customer_id", "currency", "lines"})
    )
