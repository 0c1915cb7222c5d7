"""Batch operations: what callers can ask of them, without HTTP."""

from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from temporalio.client import Client, WorkflowExecutionStatus

from application.batch_queries import BatchesQuery, ResultsQuery
from application.batch_selection import MOST_ORDERS, BatchRequest, BatchSelection, has_grown
from application.batch_workflows import ENDED, start_workflow, status_of
from application.caller import Caller
from application.errors import (
    BatchIdTaken,
    NotFound,
    NotNow,
    NotPossible,
    SelectionGrew,
    TooManyBatches,
)
from application.links import OrderLinks
from application.operations_log import OperationsLog
from application.order_list import OrderLists
from application.possible_acts import ACTS_ON_MANY, acts_offered
from application.threads import on_thread
from contracts.base import digest
from contracts.batch_stubs import batch_workflow_id
from contracts.batches import (
    OPEN,
    Batch,
    BatchLinks,
    BatchList,
    BatchPreview,
    BatchRecord,
    BatchResults,
    BatchView,
)
from contracts.decisions import Decision
from contracts.operations import Operation
from contracts.record import OrderEntry
from participants.order.batches import MOST_OPEN, Batches, TooManyOpen

START = "start-batch"
SAMPLE_SIZE = 10


class BatchOperations:
    """The batch operations: each is on record at the order service, and a workflow of its own."""

    def __init__(
        self,
        client: Client,
        batches: Batches,
        lists: OrderLists,
        links: OrderLinks,
        operations_log: OperationsLog,
    ) -> None:
        """Start workflows through `client`; find orders in `lists`, and keep them in `batches`.

        Note in `operations_log` who starts and stops which.
        """
        self._client = client
        self._batches = batches
        self._lists = lists
        self._links = links
        self._log = operations_log

    async def preview(self, selection: BatchSelection) -> BatchPreview:
        """Return how many orders a batch operation would act on now, and some of them.

        Raises:
            NotNow: Temporal is away, which alone knows them.
        """
        query = selection.query
        entries = await self._lists.select(query, MOST_ORDERS, selection.step)
        sample, _ = await self._lists.show(entries[:SAMPLE_SIZE], query)
        others: list[OrderEntry] = []
        if query.placed_again is False:
            again = query.model_copy(update={"placed_again": True})
            others = await self._lists.select(again, MOST_ORDERS, selection.step)
        return BatchPreview(
            act=selection.act,
            step=selection.step,
            filter=selection.applied_filter,
            count=len(entries),
            again_count=len(others),
            most=MOST_ORDERS,
            sample=tuple(sample),
        )

    async def start(
        self, request: BatchRequest, request_key: str | None, caller: Caller
    ) -> BatchView:
        """Start a batch operation, once, and return it as it stands.

        Its identity is its id if given, else that of the caller's key, else new.

        Raises:
            BatchIdTaken: the identity belongs to a batch operation of other content.
            SelectionGrew: the filter finds many more orders than were seen.
            TooManyBatches: as many are open as may be.
            NotPossible: it finds none.
            NotNow: as in `preview`.
        """
        batch = Batch(
            batch_id=request.batch_id or _id_of(request_key, caller),
            filter=request.applied_filter,
            **request.model_dump(include={"act", "step", "reason", "evidence"}),
            by=caller.signature_of(request.by),
        )
        async with self._note(caller, START, batch.decision, batch) as operation:
            fingerprint = await on_thread(self._batches.fingerprint, batch.batch_id)
            if fingerprint is None:
                if await self._write_down(batch, request, caller):
                    await self._log.succeed(operation)
                fingerprint = await on_thread(self._batches.fingerprint, batch.batch_id)
            if fingerprint != batch.fingerprint():
                raise BatchIdTaken(batch.batch_id)
        view = await self.view(batch.batch_id)
        if view.state in OPEN:
            with suppress(NotNow):  # it is on record: `look_after` starts it
                await start_workflow(self._client, view)
        return view

    async def _write_down(self, batch: Batch, request: BatchRequest, caller: Caller) -> bool:
        """Write down the orders that the filter finds now; False where it was done meanwhile."""
        entries = await self._lists.select(request.query, MOST_ORDERS, request.step)
        if has_grown(request.count, len(entries)) or len(entries) > MOST_ORDERS:
            raise SelectionGrew(request.count, len(entries), MOST_ORDERS)
        if not entries:
            raise NotPossible("the filter finds no order now")
        order_ids = [entry.order_id for entry in entries]
        try:
            return await on_thread(self._batches.start, batch, order_ids, caller.subject or None)
        except TooManyOpen as error:
            raise TooManyBatches(MOST_OPEN) from error

    async def view(self, batch_id: str) -> BatchView:
        """Return a batch operation as it stands.

        Raises:
            NotFound: there is no such batch operation.
        """
        record = await on_thread(self._batches.find, batch_id)
        if record is None:
            raise NotFound.of(f"batch operation {batch_id}")
        return self._view(record)

    def _view(self, record: BatchRecord) -> BatchView:
        address = f"/batch-operations/{record.batch_id}"
        links = BatchLinks(
            self=address,
            results=f"{address}/results",
            temporal=self._links.workflow(batch_workflow_id(record.batch_id)),
        )
        return BatchView(**dict(record), links=links)

    async def page(self, query: BatchesQuery, caller: Caller) -> BatchList:
        """Return a page of the batch operations, newest first, and what the caller may start.

        Raises:
            NotFound: there is no such batch operation as the page is to begin behind.
        """
        if query.before is not None:
            await self.view(query.before)
        records = await on_thread(self._batches.page, query.before, query.limit + 1)
        batches = tuple(map(self._view, records[: query.limit]))
        has_more = len(records) > query.limit
        return BatchList(
            batches=batches,
            most_open=MOST_OPEN,
            acts=acts_offered(ACTS_ON_MANY, caller),
            next=query.following(batches[-1].batch_id) if has_more else None,
        )

    async def results(self, batch_id: str, query: ResultsQuery) -> BatchResults:
        """Return a page of what came of a batch operation at each order.

        Raises:
            NotFound: there is no such batch operation.
        """
        await self.view(batch_id)
        rows = await on_thread(
            self._batches.results, batch_id, query.outcome, query.cursor, query.limit + 1
        )
        following = None
        if len(rows) > query.limit:
            rows = rows[: query.limit]
            following = query.following(batch_id, rows[-1][0])
        return BatchResults(results=tuple(result for _, result in rows), next=following)

    async def stop(self, batch_id: str, decision: Decision, caller: Caller) -> BatchView:
        """Let a batch operation stop once the acts under way have ended; return it as it stands.

        Of one that is over, or was stopped before, nothing changes; only the log says so.

        Raises:
            NotFound: there is no such batch operation.
        """
        batch = await self.view(batch_id)
        decision = caller.sign(decision)
        with suppress(NotPossible):
            async with self._note(caller, "stop-batch", decision, batch):
                words = decision.by, decision.reason
                if not await on_thread(self._batches.ask_to_stop, batch_id, *words):
                    stop = (await self.view(batch_id)).stop
                    raise NotPossible(f"{stop.by} stopped it already" if stop else "it was over")
        return await self.view(batch_id)

    def _note(
        self, caller: Caller, act: str, decision: Decision, batch: Batch
    ) -> AbstractAsyncContextManager[Operation]:
        """Note in the log of operations what is done to a batch operation."""
        origin = replace(caller.origin, batch_id=batch.batch_id)
        about = f"batch operation {batch.batch_id}: {batch.act}"
        of_batch = replace(caller, origin=origin)
        is_on_record = act == START
        return self._log.note(of_batch, act, decision, is_on_record=is_on_record, about=about)

    async def look_after(self, retention: timedelta) -> None:
        """See to it that each open batch operation has a workflow that works on it.

        One whose workflow somebody ended in Temporal is stopped. What ended longer ago than the
        retention is deleted, a little at a time.

        Raises:
            NotNow: Temporal is away.
        """
        for batch in await on_thread(self._batches.still_open):
            status = await status_of(self._client, batch.batch_id)
            if status in ENDED:
                await on_thread(self._batches.stop_with_workflow, batch.batch_id)
                await on_thread(self._batches.end, batch.batch_id)
            elif status is not WorkflowExecutionStatus.RUNNING:
                await start_workflow(self._client, batch)
        while await on_thread(self._batches.prune, retention):
            pass


def _id_of(request_key: str | None, caller: Caller) -> str:
    """Return the id of a batch operation that brings none: its key's, or a new one."""
    if not request_key:
        return uuid4().hex
    return digest(["batch", caller.subject, request_key])[:32]
