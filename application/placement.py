"""Placing an order: its identity, and the start of its saga, each once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from application.caller import Caller
from application.errors import Away, NotNow, OrderIdTaken, PerhapsPlaced, RequestKeyReused
from application.runs import PATIENCE, Runs, temporal
from application.threads import on_thread
from contracts import stubs
from contracts.base import digest
from contracts.ids import saga_id
from contracts.placing import PlaceOrder
from contracts.prose import describe, itemise
from contracts.states import SagaState
from participants.order.service import OrderService


class Placement:
    """Gives orders their ids, and starts their sagas."""

    def __init__(self, order_service: OrderService, runs: Runs) -> None:
        """Start sagas where `runs` are; `order_service` keeps which key names which order."""
        self._order_service = order_service
        self._runs = runs

    async def order_id_of(self, order: PlaceOrder, request_key: str | None, caller: Caller) -> str:
        """Return the id of an order that is about to be placed.

        It is the one that the caller's key named first; without a key the order's own, or a new
        one. A new key names its order from now on, whether or not the start succeeds: who gets no
        answer may have placed the order, and asks again for the same one. So what can be refused
        before, like a price, is refused before.

        Raises:
            RequestKeyReused: the key came with another order's id before.
        """
        if not request_key:
            return order.order_id or uuid4().hex
        request = _request(request_key, caller)
        order_id = order.order_id or request[:32]
        return _same(order, await on_thread(self._order_service.claim, request, order_id))

    async def is_placed(self, order: PlaceOrder, request_key: str | None, caller: Caller) -> bool:
        """Tell whether an order was placed already under the key or the id of this one.

        By whomever. No key is taken for it.

        Raises:
            RequestKeyReused: the key came with another order's id before.
            NotNow: Temporal is away, and the order is not on record.
        """
        order_id = order.order_id
        if request_key:
            request = _request(request_key, caller)
            claimed_id = await on_thread(self._order_service.order_of_request, request)
            order_id = _same(order, claimed_id) if claimed_id else order_id
        if order_id is None:
            return False
        if await self._fingerprint(order_id) is not None:
            return True
        return await self._runs.find(order_id) is not None

    async def start(
        self,
        order_id: str,
        order: PlaceOrder,
        request_key: str | None,
        again_of: str | None = None,
    ) -> None:
        """Start the order's saga, once, however often it is asked for.

        Args:
            order_id: what it is called.
            order: what is ordered.
            request_key: the caller's idempotency key, for the record.
            again_of: the failed order that it is placed again for.

        Raises:
            OrderIdTaken: the id belongs to another order.
            NotNow: Temporal is away.
        """
        fingerprint = order.fingerprint()
        existing = await self._fingerprint(order_id)
        if existing is None:
            memo = {
                stubs.MEMO_FINGERPRINT: fingerprint,
                stubs.MEMO_REQUEST_KEY: request_key,
            }
            if again_of is not None:
                memo[stubs.MEMO_AGAIN_OF] = again_of
            existing = await self._start(order_id, order, memo)
        if existing != fingerprint:
            raise OrderIdTaken(order_id)

    async def _fingerprint(self, order_id: str) -> str | None:
        """Return the fingerprint of the order on record; None when there is none."""
        identity = await on_thread(self._order_service.identity, order_id)
        return None if identity is None else identity[0]

    async def _start(
        self, order_id: str, order: PlaceOrder, memo: Mapping[str, str | None]
    ) -> str | None:
        """Start the saga, or find it started by somebody else meanwhile.

        Returns:
            The fingerprint that it was started with.
        """
        attributes = (
            SearchAttributePair(stubs.SAGA_STATE, SagaState.PENDING),
            SearchAttributePair(stubs.CUSTOMER_ID, order.customer_id),
            SearchAttributePair(stubs.ORDER_TOTAL_MINOR, order.total_minor),
            SearchAttributePair(stubs.NEEDS_ATTENTION, value=False),
        )
        try:
            async with temporal(PATIENCE, self._runs.pulse):
                await self._runs.client.start_workflow(
                    stubs.WORKFLOW_TYPE,
                    order.model_copy(update={"order_id": order_id}),
                    id=saga_id(order_id),
                    task_queue=stubs.ORCHESTRATOR_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    memo=memo,
                    search_attributes=TypedSearchAttributes(attributes),
                    static_summary=describe(order),
                    static_details=itemise(order),
                    rpc_timeout=PATIENCE,
                )
        except WorkflowAlreadyStartedError as error:
            run = await self._runs.find(order_id)
            if run is None:  # deleted this very moment: the order service has the order
                raise Away("Temporal") from error
            return run.order.fingerprint()
        return memo[stubs.MEMO_FINGERPRINT]


def _request(request_key: str, caller: Caller) -> str:
    """Return what names a caller's key among all callers'."""
    return digest(["order", caller.subject, request_key])


def _same(order: PlaceOrder, order_id: str) -> str:
    """Return the id that a key names, after finding that the order has no other one.

    Raises:
        RequestKeyReused: it has.
    """
    if order.order_id not in (None, order_id):
        raise RequestKeyReused(order_id)
    return order_id


@contextmanager
def perhaps_placed(order_id: str) -> Iterator[None]:
    """Tell whoever gets no answer within that the order of this id may be placed all the same.

    Raises:
        PerhapsPlaced: in place of NotNow.
    """
    try:
        yield
    except NotNow as error:
        raise PerhapsPlaced(order_id, error) from error
