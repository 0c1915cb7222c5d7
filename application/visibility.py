"""What Temporal's visibility knows of the sagas' runs: a moment behind, and few calls a second."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from application.payloads import decoder
from application.run import Run
from application.runs import temporal
from application.shared_answers import SharedAnswers
from contracts.ids import order_id_or_none, saga_id
from contracts.states import SagaState
from contracts.stubs import WORKFLOW_TYPE
from temporal_saga.last_run import last_runs

FRESH_SECONDS = 1
"""One question is asked once in so long, however many want to know; visibility lags as much
anyway."""

AGAIN_SECONDS = 0.25
"""Temporal counts calls by the second, so one that came too often is tried again soon."""

CALL_SECONDS = 10
"""One call is given up after this, however long the whole answer may take."""

PAGE_SIZE = 1_000
MOST_RUNS = 10_000
"""So many runs are read in answer to one question at most."""

RUNNING = "Running"
IS_RUNNING = f'ExecutionStatus = "{RUNNING}"'
"""The query for what runs."""

STATES = {json.dumps(state).encode(): state for state in SagaState}
"""By the value of the search attribute, as Temporal has it."""

T = TypeVar("T")


@dataclass(frozen=True)
class SagaRuns:
    """The last run of each order's saga that a query finds.

    Args:
        by_order: the runs by their orders.
        complete: whether these are all that there are.
    """

    by_order: dict[str, Run]
    complete: bool


class Visibility:
    """Asks for many sagas' runs by query, once for all who ask at about the same time.

    Queries are ours: they never hold what a request says, but for ids that are on record.
    """

    def __init__(self, client: Client) -> None:
        """Ask Temporal through `client`."""
        self._client = client
        self._decode = decoder(client)
        self._answers = SharedAnswers()

    async def runs(self, which: str, limit: timedelta) -> SagaRuns:
        """Return the last of each order's runs that a query finds, without their stories.

        Args:
            which: the query; the workflow's type is added.
            limit: how long to wait in all.

        Raises:
            NotNow: Temporal is away, or has no time for it.
        """

        async def read() -> SagaRuns:
            runs, is_complete = await self._read(
                which, limit, MOST_RUNS, partial(Run.of, decode=self._decode)
            )
            return SagaRuns(last_runs(runs, lambda run: run.closed_at), is_complete)

        return await self._once(f"runs {which}", limit, read)

    async def states(
        self, which: str, limit: timedelta, *, most: int
    ) -> Mapping[str, SagaState | None]:
        """Return the orders alone whose runs a query finds, with the states that they show.

        Of more than `most` some.

        Raises:
            NotNow: as in `runs`.
        """
        read = partial(self._read, which, limit, most, _state_of)
        runs, _ = await self._once(f"states {which}", limit, read)
        return dict(runs)

    async def count(self, which: str, limit: timedelta) -> dict[str, int]:
        """Count the runs that a query finds, by their status as Temporal names it; "" finds all.

        Raises:
            NotNow: as in `runs`.
        """
        query = f"{_of_sagas(which)} GROUP BY ExecutionStatus"
        request = CountWorkflowExecutionsRequest(namespace=self._client.namespace, query=query)
        ask = self._client.workflow_service.count_workflow_executions

        async def read() -> dict[str, int]:
            answer = await _patiently(ask, request, monotonic() + limit.total_seconds())
            return {json.loads(group.group_values[0].data): group.count for group in answer.groups}

        return await self._once(f"count {which}", limit, read)

    async def _read(
        self, which: str, limit: timedelta, most: int, read: Callable[[WorkflowExecutionInfo], T]
    ) -> tuple[list[tuple[str, T]], bool]:
        """Return what is read of the runs that a query finds, by order, and whether that is all.

        After `most` no further page is read.
        """
        give_up = monotonic() + limit.total_seconds()
        ask = self._client.workflow_service.list_workflow_executions
        request = ListWorkflowExecutionsRequest(
            namespace=self._client.namespace, page_size=PAGE_SIZE, query=_of_sagas(which)
        )
        runs: list[tuple[str, T]] = []
        while True:
            page = await _patiently(ask, request, give_up)
            runs += [
                (order_id, read(info))
                for info in page.executions
                if (order_id := order_id_or_none(info.execution.workflow_id))
            ]
            request.next_page_token = page.next_page_token
            if not page.next_page_token or len(runs) >= most:
                return runs, not page.next_page_token

    async def _once(self, question: str, limit: timedelta, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to a question, which may be asked for somebody else already."""

        async def answer() -> T:
            async with temporal(limit):
                return await ask()

        return await self._answers.get(question, answer, FRESH_SECONDS)


def in_state(state: SagaState) -> str:
    """Return the query for sagas that run and show a state.

    Before they show one of their own it is PENDING.
    """
    shows = f'SagaState = "{state}"'
    if state is SagaState.PENDING:
        shows = f"({shows} OR SagaState IS NULL)"
    return f"{IS_RUNNING} AND {shows}"


def running_of(order_ids: Collection[str]) -> str:
    """Return the query for those of these orders' sagas that run.

    Those alone: Temporal looks for them among all that runs. By their ids alone it would look at
    every run that there is.
    """
    ids = ", ".join(f'"{saga_id(order_id)}"' for order_id in order_ids)
    return f"{IS_RUNNING} AND WorkflowId IN ({ids})"


async def _patiently(ask: Callable[..., Awaitable[Any]], request: Any, give_up: float) -> Any:
    """Ask, and again while there is time where Temporal says that it is asked too often.

    Where it is away, ask once more.

    Not left to the SDK, which pauses for seconds, and then tells the one no longer from the other.
    """
    was_away = False
    while True:
        try:
            return await ask(
                request,
                retry=False,
                timeout=timedelta(
                    seconds=min(max(give_up - monotonic(), AGAIN_SECONDS), CALL_SECONDS)
                ),
            )
        except RPCError as error:
            busy = error.status == RPCStatusCode.RESOURCE_EXHAUSTED
            again = busy or (error.status == RPCStatusCode.UNAVAILABLE and not was_away)
            if not again or monotonic() + AGAIN_SECONDS * 2 >= give_up:
                raise
            was_away = not busy
        await asyncio.sleep(AGAIN_SECONDS)


def _state_of(info: WorkflowExecutionInfo) -> SagaState | None:
    """Return the state that a run shows, by the bytes that say it: there may be very many runs."""
    return STATES.get(info.search_attributes.indexed_fields["SagaState"].data)


def _of_sagas(which: str) -> str:
    return f'WorkflowType = "{WORKFLOW_TYPE}"{which and f" AND ({which})"}'
