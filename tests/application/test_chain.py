"""A saga of several runs, read where Temporal has not all of them, or one look does not."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Self, cast

from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
)
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from application.chain import FORGOTTEN, FORGOTTEN_WHOLLY, LEFT_OUT, Before, Chain
from application.run_history import RunHistory
from contracts.acts import TakenDecisions
from contracts.carry_over import CarriedRecord
from contracts.states import SagaState, StateMove
from temporal_saga.carry_over import CarryOver, Handover
from tests.temporal_saga.server_events import NOW, decode, event, payloads, state

PLACED_AT = NOW - timedelta(hours=1)
RECORD = CarriedRecord(
    placed_at=PLACED_AT,
    moves=(
        StateMove(state=SagaState.PENDING, cause="start", at=PLACED_AT),
        StateMove(state=SagaState.AWAITING_REVIEW, cause="OrderRegisteredEvent", at=NOW),
    ),
    failure=None,
    decisions=TakenDecisions(decisions=(), left_out=0),
)
HANDOVER = Handover(CarryOver(events=40), {"record": RECORD.model_dump(mode="json")}).to_json()
STATES = ["PENDING", "AWAITING_REVIEW"]

SIGNALS_ALONE = [
    event(1, "workflow_execution_started"),
    event(2, "workflow_execution_signaled", signal_name="cancel"),
    event(3, "workflow_execution_continued_as_new"),
]
WITH_A_STATE = [
    event(1, "workflow_execution_started", search_attributes=state("PENDING")),
    event(2, "workflow_execution_continued_as_new"),
]
LAST = [
    event(
        1,
        "workflow_execution_started",
        continued_execution_run_id="second",
        input=payloads({}, HANDOVER),
    ),
    event(2, "upsert_workflow_search_attributes", search_attributes=state("FAILED")),
]


class Temporal:
    """Temporal as a reader sees it: the runs of one saga that it has not forgotten."""

    namespace = "default"

    def __init__(self, runs: Mapping[str, Sequence[HistoryEvent]]) -> None:
        """Keep runs by their ids."""
        self._runs = runs
        self._run_id = ""
        self.workflow_service = self

    def get_workflow_handle(self, _workflow_id: str, *, run_id: str) -> Self:
        """Return what knows one run."""
        handle = type(self)(self._runs)
        handle._run_id = run_id
        return handle

    async def describe(self, **_limits: Any) -> Any:
        """Describe the run."""
        if self._run_id not in self._runs:
            raise RPCError("no such run", RPCStatusCode.NOT_FOUND, b"")
        events = self._runs[self._run_id]
        size = sum(each.ByteSize() for each in events)
        info = {"history_length": len(events), "history_size_bytes": size, "first_run_id": "first"}
        raw = SimpleNamespace(workflow_execution_info=SimpleNamespace(**info))
        return SimpleNamespace(id="order-7", run_id=self._run_id, raw_description=raw)

    async def get_workflow_execution_history(
        self, request: GetWorkflowExecutionHistoryRequest, **_limits: Any
    ) -> GetWorkflowExecutionHistoryResponse:
        """Return a run's events."""
        events = self._runs[request.execution.run_id]
        return GetWorkflowExecutionHistoryResponse(history=History(events=events))


async def read(server: Temporal) -> tuple[RunHistory, Before]:
    """Return the last run and what was before it."""
    description = await server.get_workflow_handle("order-7", run_id="last").describe()
    chain = Chain(cast("Client", server), decode, timedelta(seconds=1))
    return await chain.read(cast("WorkflowExecutionDescription", description))


async def story_before(**runs: Sequence[HistoryEvent]) -> list[str]:
    """Return what is told of the runs before the last one, where Temporal has these of them."""
    _, before = await read(Temporal({**runs, "last": LAST}))
    assert before.started_at == PLACED_AT
    numbers = [moment.event for moment in before.moments]
    assert numbers == sorted(numbers)
    return [moment.name for moment in before.moments]


async def test_a_saga_whose_first_runs_are_forgotten_tells_its_states() -> None:
    """They stand in what the runs told one another, and that something is missing is said."""
    assert await story_before() == [FORGOTTEN, *STATES]


async def test_a_first_run_that_has_nothing_to_tell_is_as_if_it_were_forgotten() -> None:
    """One that only heard signals: its states stand in what the next one was told."""
    assert await story_before(first=SIGNALS_ALONE) == [FORGOTTEN, *STATES]


async def test_a_gap_stands_behind_what_the_first_run_tells() -> None:
    """The second run is forgotten, and the first one is not."""
    assert await story_before(first=WITH_A_STATE) == ["PENDING", LEFT_OUT]


async def test_another_saga_says_that_its_first_runs_are_forgotten() -> None:
    """It has no order's record: when it began, and what it was, is not known."""
    handover = Handover(CarryOver(events=40), {}).to_json()
    last = event(
        1,
        "workflow_execution_started",
        continued_execution_run_id="second",
        input=payloads({}, handover),
    )
    _, before = await read(Temporal({"last": [last]}))
    assert [(moment.kind, moment.name) for moment in before.moments] == [("note", FORGOTTEN_WHOLLY)]
    assert before.started_at == NOW
