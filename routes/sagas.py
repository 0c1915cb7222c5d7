"""The orders' sagas as the API sees them: starting one, finding one, telling one something."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from temporalio.client import (
    ActivityFailureError,
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from contracts import stubs
from contracts.base import digest
from contracts.decisions import Decision
from contracts.order import PlaceOrder, saga_id
from contracts.states import CLOSED, SagaState
from contracts.views import Links, OrderView
from contracts.words import describe, itemise
from participants.order.service import OrderService
from routes.access import Caller
from routes.lists import Lists
from routes.problems import Problem, not_found, unavailable
from routes.projection import Run, view_of_closed, view_of_record, view_of_run
from routes.runs import ADDITION_LIMIT, ANSWER_LIMIT, Runs, temporal
from temporal_saga.access import may_start


class Sagas:
    """Every order's saga, through Temporal while it has the run and through the order service's record for ever."""

    def __init__(
        self,
        client: Client,
        orders: OrderService,
        web_ui_url: str,
        stopping: asyncio.Event,
        caller: Caller | None = None,
        runs: Runs | None = None,
    ) -> None:
        """Ask Temporal through `client`; link to the Web UI at `web_ui_url`; wait for no order once `stopping` is set.

        `caller` sees its own orders alone, if it is a customer's; another's and a missing one are the same to it.
        """
        self._caller = caller or Caller()
        self._client = client
        self._orders = orders
        self.runs = runs or Runs(client, stopping)
        self._web_ui_url = web_ui_url
        self.stopping = stopping
        self.lists = Lists(self.runs, orders, self._links, self._caller.customer_id)

    def seen_by(self, caller: Caller) -> "Sagas":
        """Return the sagas as far as a caller may see them."""
        return Sagas(self._client, self._orders, self._web_ui_url, self.stopping, caller, self.runs)

    async def place(self, order_id: str, order: PlaceOrder, request_key: str | None) -> None:
        """Start the order's saga, once, whoever asks how often; the same order again changes nothing.

        Raises:
            Problem: 422 when the identity belongs to another order; 503 when Temporal is away.
        """
        fingerprint = order.fingerprint()
        identity = await asyncio.to_thread(self._orders.identity, order_id)
        known = identity[0] if identity else await self._start(order_id, order, request_key, fingerprint)
        if known != fingerprint:
            detail = f"the order id {order_id} belongs to another order; choose another order_id or Idempotency-Key"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "order-id-reused", detail)

    async def closed_within(self, order_id: str, seconds: float) -> None:
        """Wait until the order's saga has closed, at most so long, and no longer than the API runs and Temporal can tell."""
        closing = asyncio.ensure_future(self._handle(order_id).result())
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait([closing, stopping], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if closing.done():
                await closing
        except (WorkflowFailureError, RPCError, RuntimeError):
            return  # it failed, or Temporal is away or busy: whoever looks at the order next is told
        finally:
            closing.cancel()
            stopping.cancel()

    async def stops_within(self, seconds: float) -> bool:
        """Wait so long; return at once, and True, when the API stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
        return self.stopping.is_set()

    async def view(self, order_id: str) -> OrderView:
        """Return the order as it stands, with every worker down just the same; a closed one with Temporal away, too.

        Raises:
            Problem: 404 when there is no such order; 503 when Temporal is away and the order is not closed.
        """
        links = self._links(order_id)
        record = await asyncio.to_thread(self._orders.find, order_id, self._caller.customer_id)
        closed = record is not None and record.closed_at is not None
        try:
            run = await self.run(order_id, ADDITION_LIMIT if closed else ANSWER_LIMIT)
        except Problem:
            if not closed:
                raise
            run = None
        if run is not None and not closed:
            left_open = run.closed_at is not None and await asyncio.to_thread(self._is_open, order_id)
            return view_of_run(order_id, run, links, left_open=left_open)
        if record is None:
            raise not_found(f"order {order_id}")
        identity = await asyncio.to_thread(self._orders.identity, order_id)
        if run is not None and identity is not None and identity[0] == run.order.fingerprint():
            return view_of_closed(record, run, links)
        return view_of_record(record, await asyncio.to_thread(self._orders.moves, order_id), links)

    async def act(self, order_id: str, update: str, decision: Decision, *, act_id: str | None = None) -> None:
        """Tell the saga what a person decided.

        Args:
            order_id: whose saga.
            update: the update that the saga takes it by.
            decision: who, why, and about what.
            act_id: names the act, so that repeating it is safe; None derives it from what is said.

        Raises:
            Problem: 404 when there is no such order; 409 when it is too late, or there is nothing to act on; 503 when no worker
                answers in time.
        """
        decision = decision.model_copy(update={"by": self._caller.signed(decision.by)})
        if self._caller.customer_id is not None and await self.run(order_id) is None:
            raise await self._too_late(order_id)
        update_id = act_id or f"{update}-{digest(decision.model_dump())}"
        ask = self._handle(order_id).execute_update(update, decision, id=update_id, rpc_timeout=ANSWER_LIMIT)
        try:
            async with temporal():
                await asyncio.wait_for(ask, ANSWER_LIMIT.total_seconds())
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise unavailable("the orchestrator") from error
        except WorkflowUpdateFailedError as error:
            told = error.cause.message if isinstance(error.cause, FailureError) else str(error.cause)
            raise Problem(HTTPStatus.CONFLICT, "not-possible", told.removeprefix("ValueError: ")) from error
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise unavailable("the orchestrator") from error
            raise await self._too_late(order_id) from error

    async def ask(self, participant: str, activity: Any, query: Any) -> Any:
        """Ask a participant to look something up, by a standalone activity on its queue.

        Raises:
            Problem: 503 when it gives no answer in time.
        """
        try:
            async with temporal(), asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                return await self._client.execute_activity(
                    activity,
                    query,
                    id=f"read-{uuid4().hex}",
                    task_queue=participant,
                    schedule_to_close_timeout=ANSWER_LIMIT,
                    retry_policy=RetryPolicy(maximum_attempts=3, initial_interval=timedelta(milliseconds=100)),
                )
        except (ActivityFailureError, TimeoutError) as error:
            raise unavailable(f"the {participant} service") from error

    async def check(self) -> None:
        """Raise when Temporal or the order service's database does not answer, or Temporal would start no saga for us."""
        async with temporal(ANSWER_LIMIT):
            await may_start(self._client, ANSWER_LIMIT)
        await asyncio.to_thread(self._orders.find, "readyz")

    async def _too_late(self, order_id: str) -> Problem:
        """Return the problem of an order whose saga has ended.

        Raises:
            Problem: 404 when there is no such order.
        """
        view = await self.view(order_id)
        why = "too late" if view.state in CLOSED else "its saga was ended from outside, and takes no act"
        return Problem(HTTPStatus.CONFLICT, "not-possible", f"{why}: the order is {view.state}")

    async def run(self, order_id: str, limit: timedelta = ANSWER_LIMIT) -> Run | None:
        """Return the last run of the order's saga, if it is one that the caller may see."""
        run = await self.runs.find(order_id, limit)
        visible = run is not None and self._caller.acts_for(run.order.customer_id)
        return run if visible else None

    def _is_open(self, order_id: str) -> bool:
        """Tell whether an order is on record and not closed."""
        record = self._orders.find(order_id)
        return record is not None and record.closed_at is None

    def _handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(saga_id(order_id))

    def _links(self, order_id: str) -> Links:
        workflow = f"{self._web_ui_url}/namespaces/{self._client.namespace}/workflows/{saga_id(order_id)}"
        return Links(self=f"/orders/{order_id}", events=f"/orders/{order_id}/events", temporal=workflow)

    async def _start(self, order_id: str, order: PlaceOrder, request_key: str | None, fingerprint: str) -> str:
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
                raise unavailable("Temporal") from error
            return run.order.fingerprint()
        return fingerprint
