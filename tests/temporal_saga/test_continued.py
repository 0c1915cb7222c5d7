"""A saga that goes on in another run: what it carries over is whole, and bounded."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowType
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_saga import policy
from temporal_saga.call import Call
from temporal_saga.carry_over import CarryOver
from temporal_saga.continued import Journal, decode, encode
from temporal_saga.saga import Saga
from tests import temporal_server

SHORT = 40
"""Events after which this server calls a history long."""

QUEUE = "diary"


def test_a_protobuf_answer_is_carried_over_with_its_type() -> None:
    """Its bytes alone do not say what they are."""
    converter = DataConverter.default.payload_converter
    for event in (WorkflowType(name="Trip"), {"reference": "7"}, b"seven"):
        answer = decode(encode(converter.to_payload(event)))
        assert converter.from_payload(answer.payload, type(event)) == event


async def test_what_was_answered_in_a_run_before_is_read_and_not_asked_again() -> None:
    """Whatever the participant answers with."""
    payload = DataConverter.default.payload_converter.to_payload(WorkflowType(name="Trip"))
    before = CarryOver.of(CarryOver(outcomes={"BookFlight": encode(payload)}).to_json())

    async def ask(_began: Any) -> WorkflowType:
        raise AssertionError("it was answered before")

    def read(answer: RawValue) -> WorkflowType:
        converter = DataConverter.default.payload_converter
        return converter.from_payload(answer.payload, WorkflowType)

    assert await Journal(before).once("BookFlight", ask, read) == WorkflowType(name="Trip")


@activity.defn(name="Write")
async def write(_command: RawValue) -> WorkflowType:
    """Answer with a protobuf message."""
    return WorkflowType(name="written")


@workflow.defn(dynamic=True)
class Diary:
    """Takes one step, and waits between steps, as long as its pages are wanted."""

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        """Begin with as many characters on its pages as it is told."""
        self._saga = Saga("diary", refusals=[], arguments=arguments)
        [size] = self._saga.arguments
        self._pages = "x" * workflow.payload_converter().from_payload(size.payload, int)
        self._runs = 1
        self._is_over = False
        self._saga.keep(diary=self)

    def carry_over(self) -> Any:
        """Carry the pages over."""
        return {"pages": self._pages, "runs": self._runs}

    def go_on_from(self, carry_over: Any) -> None:
        """Take the pages of the run before."""
        self._pages = carry_over["pages"]
        self._runs = carry_over["runs"] + 1

    @workflow.run
    async def run(self, _arguments: Sequence[RawValue]) -> list[Any]:
        """Return what was written, the number of runs and the length of the pages."""
        call: Call[Any, WorkflowType] = Call(
            QUEUE, cast("Any", write), lambda *, idempotency_key: idempotency_key, summary="write"
        )
        page = await self._saga.step(call)
        await self._saga.pause(lambda: self._is_over, timedelta(hours=1))
        return [page.name, self._runs, len(self._pages)]

    @workflow.query
    def runs(self) -> int:
        """Return which run it is."""
        return self._runs

    @workflow.signal
    def end(self) -> None:
        """Ask for no more."""
        self._is_over = True

    @workflow.signal(dynamic=True)
    def note(self, _name: str, _arguments: Sequence[RawValue]) -> None:
        """Make the history longer."""


@pytest.fixture(scope="module")
async def short_histories() -> AsyncIterator[Client]:
    """A server of its own, which calls a history long soon."""
    async with temporal_server.running(
        f"limit.historyCount.suggestContinueAsNew={SHORT}"
    ) as client:
        yield client


async def until_it_is_long(handle: WorkflowHandle[Any, Any]) -> None:
    """Send it signals until another run goes on, or it has heard more than its history may hold."""
    for number in range(2 * SHORT):
        await handle.signal("note", number)
        await handle.query("runs")
        if (await handle.describe()).run_id != handle.first_execution_run_id:
            return


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "runs"), [(10, 2), (policy.MOST_CARRIED_OVER, 1)], ids=["small", "large"]
)
async def test_what_the_workflow_adds_counts(short_histories: Client, size: int, runs: int) -> None:
    """What Temporal would not take is not carried over: the saga stays in its run."""
    async with Worker(
        short_histories,
        task_queue=QUEUE,
        workflows=[Diary],
        activities=[write],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await short_histories.start_workflow(
            "Diary", size, id=f"diary-{size}", task_queue=QUEUE
        )
        await until_it_is_long(handle)
        last = short_histories.get_workflow_handle(handle.id)
        await last.signal("end")
        assert await last.result() == ["written", runs, size]
