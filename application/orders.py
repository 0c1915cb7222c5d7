"""The orders' sagas as the API sees them: starting one, finding one, telling one something."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from urllib.parse import quote

from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from application.acts import Telling
from application.caller import Caller
from application.discretion import entry_for_customer, for_customer
from application.errors import (
    Away,
    EndedFromOutside,
    NotFound,
    NotNow,
    NotPossible,
    OrderIdTaken,
    RequestKeyReused,
    TooLate,
)
from application.order_list import Lists
from application.order_view import view_of_closed, view_of_record, view_of_run
from application.overview import Overviews
from application.run import Run
from application.runs import ADDITION_LIMIT, ANSWER_LIMIT, Runs, temporal
from application.visibility import Visibility
from application.watch import Watch
from contracts import stubs
from contracts.base import digest
from contracts.decisions import Decision, StepEvidence
from contracts.order import PlaceOrder, saga_id
from contracts.prose import describe, itemise
from contracts.states import CLOSED, OrderStatus, SagaState
from contracts.views import Links, OrderView, Overview, TimelineEntry
from participants.order.service import OrderService
from temporal_saga.access import may_start

LOOK_SECONDS = 2.5
"""Whoever waits for an order looks at its record so often, should the news that Temporal sends be lost."""


@dataclass(frozen=True)
class Known:
    """What is known of orders' sagas; shared by all who ask, whatever of it each may see."""

    runs: Runs
    visibility: Visibility
    watch: Watch
    overviews: Overviews

    @classmethod
    def of(cls, runs: Runs, visibility: Visibility, orders: OrderService) -> Self:
        """Begin with nothing known."""
        watch = Watch(runs, visibility, orders)
        return cls(runs, visibility, watch, Overviews(visibility, watch, orders))


class Sagas:
    """Every order's saga, through Temporal while it has the run and through the order service's record for ever."""

    def __init__(
        self,
        client: Client,
        orders: OrderService,
        web_ui_url: str,
        stopping: asyncio.Event,
        caller: Caller | None = None,
        known: Known | None = None,
    ) -> None:
        """Ask Temporal through `client`; link to the Web UI at `web_ui_url`; wait for no order once `stopping` is set.

        `caller` sees its own orders alone, if it is a customer's; another's and a missing one are the same to it.
        """
        self._caller = caller or Caller()
        self._client = client
        self._orders = orders
        self.known = known or Known.of(Runs(client, stopping), Visibility(client), orders)
        self.runs = self.known.runs
        self._web_ui_url = web_ui_url
        self.stopping = stopping
        self.lists = Lists(
            self.known.visibility, self.known.watch, orders, self._links, self._caller.customer_id
        )

    def seen_by(self, caller: Caller) -> "Sagas":
        """Return the sagas as far as a caller may see them."""
        return Sagas(
            self._client, self._orders, self._web_ui_url, self.stopping, caller, self.known
        )

    async def named(self, request_key: str, order_id: str | None) -> str:
        """Return the order that the caller's key names: the first that it came with, or else one made from the key.

        Raises:
            RequestKeyReused: the key came with another order's id before.
        """
        request = digest(["order", self._caller.subject, request_key])
        known = await asyncio.to_thread(self._orders.claim, request, order_id or request[:32])
        if order_id not in (None, known):
            raise RequestKeyReused(known)
        return known

    async def place(self, order_id: str, order: PlaceOrder, request_key: str | None) -> None:
        """Start the order's saga, once, whoever asks how often; the same order again changes nothing.

        Raises:
            OrderIdTaken: the identity belongs to another order.
            NotNow: Temporal is away.
        """
        fingerprint = order.fingerprint()
        identity = await asyncio.to_thread(self._orders.identity, order_id)
        known = (
            identity[0]
            if identity
            else await self._start(order_id, order, request_key, fingerprint)
        )
        if known != fingerprint:
            raise OrderIdTaken(order_id)

    async def closed_within(self, order_id: str, seconds: float) -> None:
        """Wait until the order has closed, at most so long, and no longer than the API runs and Temporal can tell.

        Temporal tells at once, when the news arrives; should it be lost, the record knows a few seconds later.
        """
        waits = (
            asyncio.ensure_future(self._handle(order_id).result()),
            asyncio.ensure_future(self._closed_on_record(order_id)),
            asyncio.ensure_future(self.stopping.wait()),
        )
        try:
            done, _ = await asyncio.wait(
                waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for wait in done:
                await wait
        except (WorkflowFailureError, RPCError, RuntimeError):
            return  # it failed, or Temporal is away or busy: whoever looks at the order next is told
        finally:
            for wait in waits:
                wait.cancel()

    async def _closed_on_record(self, order_id: str) -> None:
        """Look at the record now and then until the order is closed there; a database that gives no answer is asked again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(
                Exception
            ):  # what is wrong with it is told to whoever looks at the order next
                statuses = await asyncio.to_thread(self._orders.statuses, [order_id])
                if statuses.get(order_id, OrderStatus.PENDING) is not OrderStatus.PENDING:
                    return

    async def overview(self) -> Overview:
        """Return how all orders stand that the caller may see.

        Raises:
            Exception: the order service's database does not answer.
        """
        customer_id, overviews = self._caller.customer_id, self.known.overviews
        return await (
            overviews.read() if customer_id is None else overviews.read_of(customer_id, self.lists)
        )

    async def stops_within(self, seconds: float) -> bool:
        """Wait so long; return at once, and True, when the API stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
        return self.stopping.is_set()

    async def view(self, order_id: str) -> OrderView:
        """Return the order as it stands, with every worker down just the same; a closed one with Temporal away, too.

        Raises:
            NotFound: there is no such order.
            NotNow: Temporal is away, and the order is not closed.
        """
        found = await self._view(order_id)
        acts = tuple(act for act in found.acts if self._caller.may(act.act))
        found = found.model_copy(update={"acts": acts})
        return found if self._caller.customer_id is None else for_customer(found)

    def entry(self, entry: TimelineEntry) -> TimelineEntry | None:
        """Return an entry of a timeline as the caller is told it; None when it is not for them."""
        return entry if self._caller.customer_id is None else entry_for_customer(entry)

    async def _view(self, order_id: str) -> OrderView:
        links = self._links(order_id)
        record = await asyncio.to_thread(self._orders.find, order_id, self._caller.customer_id)
        closed = record is not None and record.closed_at is not None
        try:
            run = await self.run(order_id, ADDITION_LIMIT if closed else ANSWER_LIMIT)
        except NotNow:
            if not closed:
                raise
            run = None
        if run is not None and not closed:
            left_open = run.closed_at is not None and await asyncio.to_thread(
                self._is_open, order_id
            )
            return view_of_run(order_id, run, links, left_open=left_open)
        if record is None:
            raise NotFound.of(f"order {order_id}")
        identity = await asyncio.to_thread(self._orders.identity, order_id)
        if run is not None and identity is not None and identity[0] == run.order.fingerprint():
            return view_of_closed(record, run, links)
        moves = await asyncio.to_thread(self._orders.moves, order_id)
        decisions = await asyncio.to_thread(self._orders.decisions, order_id)
        return view_of_record(record, moves, decisions, links)

    async def act(
        self, order_id: str, update: str, decision: Decision, *, act_id: str | None = None
    ) -> None:
        """Tell the saga what a person decided.

        Args:
            order_id: whose saga.
            update: the update that the saga takes it by.
            decision: who, why, and about what.
            act_id: names the act, so that repeating it is safe; None derives it from what is said.

        Raises:
            NotFound: there is no such order.
            NotPossible: it is too late, there is nothing to act on, or the saga is wedged.
            NotNow: no worker answers in time.
        """
        decision = decision.model_copy(update={"by": self._caller.signed(decision.by)})
        if self._caller.customer_id is not None and await self.run(order_id) is None:
            raise await self._too_late(order_id)
        update_id = act_id or f"{update}-{digest(decision.model_dump())}"
        if isinstance(decision, StepEvidence):
            attempts = await self.runs.tries_at(order_id, decision.step)
            decision = decision.model_copy(update={"attempts": attempts})
        try:
            await Telling(self._handle(order_id), self.runs).act(update, decision, update_id)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            raise await self._too_late(order_id) from error

    async def knows(self, order_id: str) -> bool:
        """Tell whether an order of this id was placed already, by whomever.

        Raises:
            NotNow: Temporal is away, and the order is not on record.
        """
        identity = await asyncio.to_thread(self._orders.identity, order_id)
        return identity is not None or await self.runs.find(order_id) is not None

    async def check(self) -> None:
        """Raise when Temporal or the order service's database does not answer, or Temporal would start no saga for us."""
        async with temporal(ANSWER_LIMIT):
            await may_start(self._client, ANSWER_LIMIT)
        await asyncio.to_thread(self._orders.find, "readyz")

    async def _too_late(self, order_id: str) -> NotPossible:
        """Return why an order whose saga has ended takes no act.

        Raises:
            NotFound: there is no such order.
        """
        view = await self.view(order_id)
        return TooLate(view.state) if view.state in CLOSED else EndedFromOutside(view.state)

    async def run(self, order_id: str, limit: timedelta = ANSWER_LIMIT) -> Run | None:
        """Return the last run of the order's saga, if it is one that the caller may see."""
        run = await self.runs.find(order_id, limit)
        visible = run is not None and self._caller.acts_for(run.order.customer_id)
        return run if visible else None

    def _is_open(self, order_id: str) -> bool:
        """Tell whether an order is on record and not closed."""
        return self._orders.statuses([order_id]).get(order_id) is OrderStatus.PENDING

    def _handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(saga_id(order_id))

    def _links(self, order_id: str) -> Links:
        namespace = quote(self._client.namespace, safe="")
        workflow = f"{self._web_ui_url}/namespaces/{namespace}/workflows/{saga_id(order_id)}"
        return Links(
            self=f"/orders/{order_id}", events=f"/orders/{order_id}/events", temporal=workflow
        )

    async def _start(
        self, order_id: str, order: PlaceOrder, request_key: str | None, fingerprint: str
    ) -> str:
        """Start the saga, or find it started by somebody else meanwhile; return the fingerprint that it was started with."""
        shown = (
            SearchAttributePair(stubs.SAGA_STATE, SagaState.PENDING),
            SearchAttributePair(stubs.CUSTOMER_ID, order.customer_id),
            SearchAttributePair(stubs.ORDER_TOTAL_MINOR, order.total_minor),
            SearchAttributePair(stubs.NEEDS_ATTENTION, value=False),
        )
        try:
            async with temporal(ANSWER_LIMIT):
                await self._client.start_workflow(
                    stubs.WORKFLOW_TYPE,
                    order.model_copy(update={"order_id": order_id}),
                    id=saga_id(order_id),
                    task_queue=stubs.ORCHESTRATOR_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    memo={stubs.MEMO_FINGERPRINT: fingerprint, stubs.MEMO_REQUEST_KEY: request_key},
                    search_attributes=TypedSearchAttributes(shown),
                    static_summary=describe(order),
                    static_details=itemise(order),
                    rpc_timeout=ANSWER_LIMIT,
                )
        except WorkflowAlreadyStartedError as error:
            run = await self.runs.find(order_id)
            if run is None:  # deleted this very moment: the order service has the order
                raise Away("Temporal") from error
            return run.order.fingerprint()
        return fingerprint
