"""What callers can ask of orders: place, view, act, list, follow; each as far as the caller may."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial

from temporalio.client import Client

from application.acts import ActSender
from application.any_sagas import AnySagas
from application.batches import BatchOperations
from application.caller import Caller
from application.closing import Closing
from application.discretion import entry_for_customer, for_customer
from application.errors import NotFound, NotNow
from application.links import OrderLinks
from application.operations_log import OperationsLog
from application.order_list import OrderLists
from application.order_view import view_of_closed, view_of_record, view_of_run
from application.overview import Overviews
from application.placement import Placement, perhaps_placed
from application.possible_acts import acts_offered
from application.prices import PriceRule
from application.run import Run
from application.runs import ADDITION_LIMIT, ANSWER_LIMIT, temporal
from application.task_queues import TaskQueues
from application.threads import on_thread
from application.timeline import entry_of
from application.watch import Watch
from contracts.acts import Act
from contracts.decisions import Decision
from contracts.operations import Door
from contracts.placing import PlaceOrder
from contracts.views import OrderView, TimelineEntry
from participants.order.service import OrderService
from temporal_saga.access import may_start
from temporal_saga.moment import Moment

Place = tuple[int, int]
"""Where an entry stands in a timeline: the number of the history's event, and of its entry."""

BEGINNING: Place = (0, 0)


class Orders:
    """Every order: through Temporal while that has its saga, and on record for ever.

    To a customer's caller, another's order and a missing one are the same.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what one app has, named once
        self,
        client: Client,
        order_service: OrderService,
        watch: Watch,
        prices: PriceRule,
        links: OrderLinks,
        stopping: asyncio.Event,
        operations_log: OperationsLog,
    ) -> None:
        """Ask Temporal through `client`, and `watch`; wait for no order once `stopping` is set."""
        self._client = client
        self._order_service = order_service
        self._prices = prices
        self._links = links
        self._operations_log = operations_log
        self.runs = watch.runs
        self.sagas = AnySagas(client)
        self._placement = Placement(order_service, self.runs)
        self._closing = Closing(order_service, self.runs, stopping)
        self.acts = ActSender(order_service, self.runs)
        self.watch = watch
        self.lists = OrderLists(watch, order_service, links)
        self.batches = BatchOperations(
            client, order_service.batches, self.lists, links, operations_log
        )
        self.overviews = Overviews(watch, order_service, self.lists, TaskQueues(client))

    async def place(
        self, order: PlaceOrder, request_key: str | None, caller: Caller, wait_seconds: float = 0
    ) -> OrderView:
        """Start an order's saga, once; return the order when it has closed, or waits for somebody.

        After `wait_seconds` at the latest.

        Raises:
            RequestKeyReused: the key came with another order's id before.
            PricesWrong: a price is not what the rule says.
            OrderIdTaken: the id belongs to another order.
            PerhapsPlaced: Temporal or a worker gave no answer; the order may be placed.
            NotNow: likewise, before the saga could be started.
        """
        until = time.monotonic() + wait_seconds
        note = partial(self._operations_log.note, caller, "place")
        async with note(order_id=order.order_id, is_on_record=True):
            is_placed = partial(self._placement.is_placed, order, request_key, caller)
            await self._prices.check(order, is_placed)
            order_id = await self._placement.order_id_of(order, request_key, caller)
        of_program = caller.origin.door is Door.HTTP  # what it places is on record itself
        async with note(order_id=order_id, is_on_record=of_program):
            with perhaps_placed(order_id):
                await self._placement.start(order_id, order, request_key)
        with perhaps_placed(order_id):
            if (remaining := until - time.monotonic()) > 0:
                await self._closing.wait(order_id, remaining)
            return await self.view(order_id, caller)

    async def view(self, order_id: str, caller: Caller, *, has_all_acts: bool = False) -> OrderView:
        """Return the order as it stands, whether or not any worker runs.

        A closed one also while Temporal is away. Its acts are all, or those the token allows.

        Raises:
            NotFound: there is no such order.
            NotNow: Temporal is away, and the order is not closed.
        """
        view = await self._view(order_id, caller)
        acts = acts_offered(view.acts, caller, has_all=has_all_acts)
        view = view.model_copy(update={"acts": acts})
        return view if caller.customer_id is None else for_customer(view)

    async def _view(self, order_id: str, caller: Caller) -> OrderView:
        links = self._links(order_id)
        service = self._order_service
        owner = caller.customer_id
        on_record = await on_thread(service.find_with_fingerprint, order_id, owner)
        if on_record is None or on_record[0].closed_at is None:
            run = await self.runs.find(order_id, owner=owner)
            if run is not None:
                is_on_record = partial(on_thread, service.is_open, order_id)
                is_open = run.closed_at is not None and await is_on_record()
                expiring = await self.watch.reviews.need(order_id, run.state)
                return view_of_run(order_id, run, links, is_open=is_open, expiring=expiring)
        else:
            record, fingerprint = on_record
            with suppress(NotNow):
                find = self.runs.find
                run = await find(order_id, ADDITION_LIMIT, has_closed=True, owner=owner)
                if run is not None and run.order.fingerprint() == fingerprint:
                    return view_of_closed(record, run, links)
        recorded_order = await on_thread(service.recorded_order, order_id, owner)
        if recorded_order is None:
            raise NotFound.of(f"order {order_id}")
        return view_of_record(recorded_order, links)

    async def follow(
        self, order_id: str, caller: Caller
    ) -> AsyncIterator[tuple[Place, TimelineEntry]]:
        """Yield an order's timeline as it is written, until its run closes, for whom may see it.

        Raises:
            NotNow: Temporal is away.
        """
        place = BEGINNING
        async for moment in self.runs.follow(order_id):
            place = _behind(place, moment)
            if (entry := _visible_entry(moment, caller)) is not None:
                yield place, entry

    async def is_left_open(self, order_id: str, run: Run | None) -> bool:
        """Tell whether nobody has worked on an open order since its saga was found.

        It is asked by one request, and no history is read.

        Args:
            order_id: which.
            run: its saga as it was found; None when Temporal had none.

        Raises:
            NotNow: Temporal is away.
        """
        last_run = await self.runs.describe(order_id)
        is_on_record = await on_thread(self._order_service.is_open, order_id)
        if run is None or last_run is None:
            return run is last_run and is_on_record
        is_same = run.closed_at == last_run.closed_at
        return is_same and last_run.is_left_open(is_on_record=is_on_record)

    async def act(
        self,
        order_id: str,
        act: Act,
        decision: Decision,
        caller: Caller,
        act_id: str | None = None,
    ) -> OrderView:
        """Do to an order what a person decided, and return it as it stands then.

        Of one that is placed again, the new order in its place.

        Args:
            order_id: which.
            act: what is done.
            decision: who, why, and about what.
            caller: who asks for it; put on record beside the name in `decision`.
            act_id: names the act, so that repeating it is safe; None derives it from what is said.

        Raises:
            NotFound, NotPossible: as `ActSender.send` does.
            PerhapsPlaced: the new order may be placed; saying it again is safe.
            NotNow: nobody answers in time.
        """
        decision = caller.sign(decision)
        async with self._operations_log.note(caller, act, decision, order_id=order_id):
            owner = caller.customer_id
            acting_id = await self.acts.send(order_id, act, decision, act_id, owner)
        if acting_id == order_id:
            return await self.view(order_id, caller)
        with perhaps_placed(acting_id):
            return await self.view(acting_id, caller)

    async def check(self) -> None:
        """Find that orders can be taken.

        Raises:
            NotNow: Temporal is away, or would start no saga for us.
            Exception: the order service's database does not answer.
        """
        async with temporal(ANSWER_LIMIT):
            await may_start(self._client, ANSWER_LIMIT)
        await on_thread(self._order_service.find, "readyz")


def entries_of(run: Run, caller: Caller) -> Iterator[tuple[Place, TimelineEntry]]:
    """Yield as much of what `Orders.follow` does as there is of a run that was found."""
    place = BEGINNING
    for moment in run.moments:
        place = _behind(place, moment)
        entry = _visible_entry(moment, caller)
        if moment.is_heard and entry is not None:
            yield place, entry


def _behind(place: Place, moment: Moment) -> Place:
    """Return the place of the moment that stands behind the one at `place`."""
    return (moment.event, place[1] + 1 if moment.event == place[0] else 0)


def _visible_entry(moment: Moment, caller: Caller) -> TimelineEntry | None:
    """Return a moment as the caller may see it; None when it is not for them."""
    entry = entry_of(moment)
    return entry if caller.customer_id is None else entry_for_customer(entry)
