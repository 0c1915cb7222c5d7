"""Reading one saga's runs from Temporal, with its history."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from application.broadcast import Shared
from application.chain import Chain
from application.errors import Away, Busy, NotAllowed
from application.payloads import decoder
from application.pulse import Pulse
from application.run import Run
from application.run_history import if_known, read_whole
from contracts.ids import saga_id
from contracts.steps import PARTICIPANT_OF, is_event
from temporal_saga.access import refusal
from temporal_saga.moment import Moment

ANSWER_LIMIT = timedelta(seconds=5)
"""Whatever a caller asks of a worker or of Temporal is answered within this, or with 503."""

PATIENCE = timedelta(seconds=15)
"""A Temporal that answers others is given so much time under load, for all that one look or start
takes."""

ADDITION_LIMIT = timedelta(seconds=2)
"""What the order service can answer is held up by what Temporal adds no longer than this."""

AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
    }
)

OF_ORDERS = {"is_event": is_event, "participant_of": PARTICIPANT_OF}
"""How the histories of orders' sagas are read."""


class Runs:
    """The workflow runs of sagas, within Temporal's retention.

    They are read without a worker.
    """

    def __init__(self, client: Client, **options: Any) -> None:
        """Ask Temporal through `client`.

        `options` are how histories are read, as of `Reader`; by default as orders' sagas have them.
        """
        self.client = client
        self._options = options or OF_ORDERS
        self.pulse = Pulse()
        self._decode = decoder(client)
        self._stories = Shared(self._story)

    async def find(
        self,
        order_id: str,
        limit: timedelta = PATIENCE,
        *,
        has_closed: bool = False,
        owner: str | None = None,
    ) -> Run | None:
        """Return the order's saga as `read` does; for the customer `owner`, if it is their order's.

        Raises:
            NotNow: Temporal is away.
        """
        run = await self.read(saga_id(order_id), limit, has_closed=has_closed)
        return run if run is not None and owner in (None, run.order.customer_id) else None

    async def read(
        self, workflow_id: str, limit: timedelta = PATIENCE, *, has_closed: bool = False
    ) -> Run | None:
        """Return a saga with its story from first run to last; None if there is none.

        Of a long story a part is left out, and a note says so: at most `MOST_EVENTS` of all its
        runs are read.

        Args:
            workflow_id: of the saga.
            limit: how long to wait for a Temporal that answers others.
            has_closed: the saga is likely to have closed; then one request is enough as a rule.

        Raises:
            NotNow: Temporal is away.
        """
        handle = self.client.get_workflow_handle(workflow_id)
        chain = self._chain(limit)
        with if_known():
            async with temporal(limit, self.pulse):
                if has_closed and (whole := await read_whole(handle, limit)):
                    return chain.tell(Run.of(whole.info(), self._decode), whole)
                description = await handle.describe(rpc_timeout=limit)
                last, before = await chain.read(description)
            return chain.tell(Run.of_description(description, self._decode), last, before)
        return None

    def follow(self, order_id: str) -> AsyncIterator[Moment]:
        """Yield the story of an order's saga as it is written, until its run closes.

        Nothing comes when there is no run. All who follow an order share one long poll, as Temporal
        limits how many a namespace may have open.

        Raises:
            NotNow: Temporal is away.
        """
        return self._stories.listen(order_id)

    async def _story(self, order_id: str) -> AsyncIterator[Moment]:
        """Yield the story up to the last run, and that run as it is written.

        Another run may follow it.
        """
        with if_known():
            async with temporal():
                description = await self.handle(order_id).describe(rpc_timeout=ANSWER_LIMIT)
                chain = self._chain(ANSWER_LIMIT)
                last, before = await chain.read(description)
                for moment in before.moments:
                    yield moment
                reader = chain.begin(last.start)
                run = self.client.get_workflow_handle(description.id, run_id=description.run_id)
                async for event in run.fetch_history_events(wait_new_event=True):
                    for moment in reader.read(event):
                        yield moment

    async def describe(self, order_id: str) -> Run | None:
        """Return the last run of an order's saga, without its story; None if there is none.

        Raises:
            NotNow: Temporal is away.
        """
        with if_known():
            async with temporal(ANSWER_LIMIT):
                description = await self.handle(order_id).describe(rpc_timeout=ANSWER_LIMIT)
                return Run.of_description(description, self._decode)
        return None

    def handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        """Return what an order's saga is told and asked by."""
        return self.client.get_workflow_handle(saga_id(order_id))

    def _chain(self, limit: timedelta) -> Chain:
        return Chain(self.client, self._decode, limit, **self._options)


@asynccontextmanager
async def temporal(
    limit: timedelta | None = None, pulse: Pulse | None = None
) -> AsyncIterator[None]:
    """Raise NotNow where Temporal is away, busy, or does not let us in; errors about the call pass.

    A lazy client raises RuntimeError while it cannot connect.

    Args:
        limit: how long to wait in all: the client retries a call for longer than the call's own
            limit.
        pulse: wait for a turn, and give up sooner where Temporal answers nobody.
    """
    patience = asyncio.timeout(limit.total_seconds() if limit else None)
    try:
        async with patience, pulse.turn(patience) if pulse else nullcontext():
            yield
    except RPCError as error:
        if error.status in AWAY:
            raise Away("Temporal") from error
        if error.status == RPCStatusCode.RESOURCE_EXHAUSTED:
            raise Busy from error
        if why := refusal(error):
            raise NotAllowed(why) from error
        raise
    except RuntimeError as error:
        raise Away("Temporal") from error
    except TimeoutError as error:
        if patience.expired():
            raise Away("Temporal") from error
        raise
