"""Which runs the audit finds in Temporal, and what it asks for from page to page."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import (
    Client,
    Interceptor,
    ListWorkflowsInput,
    OutboundInterceptor,
    WorkflowExecutionAsyncIterator,
    WorkflowExecutionStatus,
)

from operations.audit import sagas
from operations.audit.sagas import QUERY, Sagas
from tests import temporal_server
from tests.operations.order_sagas import place, until
from tests.shop import CAP

pytestmark = pytest.mark.long

CLOSED = [f"closed-{number}" for number in range(7)]
OPEN = ["open-0", "open-1"]


class Listings(Interceptor):
    """Keeps what is listed."""

    def __init__(self) -> None:
        self.inputs: list[ListWorkflowsInput] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # temporalio's name
        """Stand before the client's calls."""
        inputs = self.inputs

        class Outbound(OutboundInterceptor):
            def list_workflows(
                self,
                input: ListWorkflowsInput,  # noqa: A002  # likewise
            ) -> WorkflowExecutionAsyncIterator:
                inputs.append(input)
                return super().list_workflows(input)

        return Outbound(next)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Client]:
    """A server with sagas that were ended one after the other, and others that wait."""
    async with temporal_server.running() as client:
        for order_id in CLOSED:
            await (await place(client, order_id, CAP)).terminate()
        for order_id in OPEN:
            await place(client, order_id, CAP)

        async def are_visible() -> bool:
            ended = await client.count_workflows("ExecutionStatus = 'Terminated'")
            running = await client.count_workflows("ExecutionStatus = 'Running'")
            return (ended.count, running.count) == (len(CLOSED), len(OPEN))

        await until(are_visible, "all are visible")
        yield client


@pytest.mark.parametrize("page_size", [1, 2, 3, 1_000])
async def test_every_run_is_found_whatever_a_page_holds(
    server: Client, page_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all runs on a page closed at one time, as those on a page of one do."""
    monkeypatch.setattr(sagas, "PAGE_SIZE", page_size)
    runs = await Sagas(server).visible_runs()
    assert {id_: run.status for id_, run in runs.items()} == {
        **{f"order-{order_id}": WorkflowExecutionStatus.TERMINATED for order_id in CLOSED},
        **{f"order-{order_id}": WorkflowExecutionStatus.RUNNING for order_id in OPEN},
    }


async def test_a_page_is_asked_for_by_time(server: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its token a database would read all pages before it again.

    How it finds one by time: tests/application/test_visibility_plans.py.
    """
    monkeypatch.setattr(sagas, "PAGE_SIZE", 3)
    listings = Listings()
    config = server.config()
    config["interceptors"] = [listings]
    await Sagas(Client(**config)).visible_runs()
    assert [input_.next_page_token for input_ in listings.inputs] == [None] * 5
    [first_query, *queries] = [input_.query or "" for input_ in listings.inputs]
    assert first_query == QUERY
    assert len(set(queries)) == 4
    assert [query for query in queries if "CloseTime <= " not in query] == []


async def test_the_server_compares_what_runs_as_closed_long_after(server: Client) -> None:
    """So it compares the very expression that its indexes hold: the time itself is in none."""
    count = await server.count_workflows(f"{QUERY} AND CloseTime > '9000-01-01T00:00:00Z'")
    assert count.count == len(OPEN)
