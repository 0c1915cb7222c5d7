"""A saga that goes on in another run: what it carries over is whole, and bounded."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowType
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from temporal_saga import policy
from temporal_saga.carry_over import CarryOver, Handover
from temporal_saga.continued import Journal, decode, encode
from tests import temporal_server
from tests.temporal_saga.diary import QUEUE, Diary, write

SHORT = 40
"""Events after which this server calls a history long."""


def test_a_protobuf_answer_is_carried_over_with_its_type() -> None:
    """Its bytes alone do not say what they are."""
    converter = DataConverter.default.payload_converter
    for event in (WorkflowType(name="Trip"), {"reference": "7"}, b"seven"):
        answer = decode(encode(converter.to_payload(event)))
        assert converter.from_payload(answer.payload, type(event)) == event


async def test_what_was_answered_in_a_run_before_is_read_and_not_asked_again() -> None:
    """Whatever the participant answers with."""
    payload = DataConverter.default.payload_converter.to_payload(WorkflowType(name="Trip"))
    carry_over = CarryOver(outcomes={"BookFlight": encode(payload)})
    before = Handover.of(Handover(carry_over, {}).to_json()).saga

    async def ask(_began: Any) -> WorkflowType:
        raise AssertionError("it was answered before")

    def read(answer: RawValue) -> WorkflowType:
        converter = DataConverter.default.payload_converter
        return converter.from_payload(answer.payload, WorkflowType)

    assert await Journal(before).once("BookFlight", ask, read) == WorkflowType(name="Trip")


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
    async with Worker(short_histories, task_queue=QUEUE, workflows=[Diary], activities=[write]):
        handle = await short_histories.start_workflow(
            "Diary", size, id=f"diary-{size}", task_queue=QUEUE
        )
        await until_it_is_long(handle)
        last = short_histories.get_workflow_handle(handle.id)
        await last.signal("end")
        assert await last.result() == ["written", runs, size]
