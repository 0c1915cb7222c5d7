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


@pytest.fixture
def requests(
    server: Client, monkeypatch: pytest.MonkeyPatch
) -> list[ListWorkflowExecutionsRequest]:
    """What the server is asked to list."""
    notes = []
    ask = server.workflow_service.list_workflow_executions

    async def ask_and_note(
        request: ListWorkflowExecutionsRequest, **how: Any
    ) -> ListWorkflowExecutionsResponse:
        note = ListWorkflowExecutionsRequest()
        note.CopyFrom(request)  # the next page is asked for by the same message
        notes.append(note)
        return await ask(request, **how)

    monkeypatch.setattr(server.workflow_service, "list_workflow_executions", ask_and_note)
    return notes


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


async def test_no_page_is_asked_for_behind_another(
    server: Client, requests: list[ListWorkflowExecutionsRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that holds more than a page is made narrower: a database would read that page again.

    How it finds a window: tests/application/test_visibility_plans.py.
    """
    monkeypatch.setattr(sagas, "PAGE_SIZE", 3)
    assert len(await Sagas(server).visible_runs()) == len(CLOSED) + len(OPEN)
    assert len(requests) > (len(CLOSED) + len(OPEN)) / 3
    assert [request for request in requests if request.next_page_token] == []


async def test_few_runs_are_found_by_few_questions(
    server: Client, requests: list[ListWorkflowExecutionsRequest]
) -> None:
    """The windows widen, and follow one another from the future to 1970."""
    await Sagas(server).visible_runs()
    bounds = [re.findall(r"ExecutionTime [<>]=? '(\S+)'", request.query) for request in requests]
    assert [begin for begin, _ in bounds[:-1]] == [end for _, end in bounds[1:]]
    assert bounds[0][1] == END.isoformat()
    assert bounds[-1][0] == BEGINNING.isoformat()
    assert len(bounds) <= 15
