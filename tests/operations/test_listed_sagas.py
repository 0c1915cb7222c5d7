"""Which runs the audit finds in Temporal, and what it asks for."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import (
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
)
from temporalio.client import Client, WorkflowExecutionStatus

from operations.audit import sagas
from operations.audit.sagas import BEGINNING, END, Sagas
from tests import temporal_server
from tests.operations.order_sagas import place, until
from tests.shop import CAP

pytestmark = pytest.mark.long

CLOSED = [f"closed-{number}" for number in range(7)]
OPEN = ["open-0", "open-1"]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Client]:
    """A server with sagas that were ended one after the other, and others that wait."""
    async with temporal_server.running() as client:
        for order_id in CLOSED:
            await (await place(client, order_id, CAP)).terminate()
        for order_id in OPEN:
            await place(client, order_id, CAP)

        async def are_visible() -> bool:
            terminated_ones = await client.count_workflows("ExecutionStatus = 'Terminated'")
            open_ones = await client.count_workflows("ExecutionStatus = 'Running'")
            return (terminated_ones.count, open_ones.count) == (len(CLOSED), len(OPEN))

        await until(are_visible, "all are visible")
        yield client


@pytest.mark.parametrize("page_size", [1, 2, 3, 1_000])
async def test_every_run_is_found_whatever_a_page_holds(
    server: Client, page_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where more runs began in one window than a page holds."""
    monkeypatch.setattr(sagas, "PAGE_SIZE", page_size)
    runs = await Sagas(server).visible_runs()
    assert {id_: run.status for id_, run in runs.items()} == {
        **{f"order-{order_id}": WorkflowExecutionStatus.TERMINATED for order_id in CLOSED},
        **{f"order-{order_id}": WorkflowExecutionStatus.RUNNING for order_id in OPEN},
    }


async def test_more_runs_than_a_page_holds_are_found_where_all_began_at_once(
    server: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The narrowest window is read page by page."""
    monkeypatch.setattr(sagas, "PAGE_SIZE", 2)
    monkeypatch.setattr(sagas, "NARROWEST_WINDOW", timedelta(days=1))
    assert len(await Sagas(server).visible_runs()) == len(CLOSED) + len(OPEN)


async def test_few_runs_are_found_by_few_questions(
    server: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is for the runs of a window, which an index finds, and the windows widen to 1970.

    How a database finds them: tests/application/test_visibility_plans.py.
    """
    queries = []
    ask = server.workflow_service.list_workflow_executions

    async def ask_and_note(
        request: ListWorkflowExecutionsRequest, **how: Any
    ) -> ListWorkflowExecutionsResponse:
        queries.append(request.query)
        return await ask(request, **how)

    monkeypatch.setattr(server.workflow_service, "list_workflow_executions", ask_and_note)
    await Sagas(server).visible_runs()
    bounds = [re.findall(r"ExecutionTime [<>]=? '(\S+)'", query) for query in queries]
    assert [begin for begin, _ in bounds[:-1]] == [end for _, end in bounds[1:]]
    assert bounds[0][1] == END.isoformat()
    assert bounds[-1][0] == BEGINNING.isoformat()
    assert len(bounds) <= 15
