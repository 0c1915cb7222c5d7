"""Steps of participants in the orchestrator's own process, and of those in processes of their own.

A worker with participants sends itself their steps on its own task queue, where the server hands
them over at once; without, they wait on the participants' queues. Sagas go on in either.
"""

from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from contracts import stubs
from contracts.placing import OrderLine
from contracts.steps import PARTICIPANTS, STEPS
from contracts.stock import DecreaseStockCommand, StockDecreasedEvent
from tests.operations.order_sagas import place, until
from tests.shop import CAP, Shop
from tests.worker.layouts import (
    NUMBERS,
    TOO_MANY,
    a_process_each,
    activities_of,
    one_process,
)
from worker import participant

pytestmark = pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)


class Down:
    """A stock service that fails whenever it is asked to take lines."""

    def __init__(self) -> None:
        self.attempts = 0

    @activity.defn(name="DecreaseStock")
    async def decrease(self, _command: DecreaseStockCommand) -> StockDecreasedEvent:
        """Fail, so that the step is tried again later."""
        self.attempts += 1
        raise RuntimeError("down")

    async def was_asked(self) -> bool:
        """Tell whether it was asked at all."""
        return self.attempts > 0


async def queues(saga: WorkflowHandle[Any, Any]) -> dict[str, str]:
    """Return by activity of a saga the task queue that it waited on."""
    attributes = [
        event.activity_task_scheduled_event_attributes
        for event in (await saga.fetch_history()).events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    return {each.activity_type.name: each.task_queue.name for each in attributes}


TAKEN_BY_ALL = {step.name: step.participant for step in STEPS if not step.is_optional}
"""By each step that every completing order takes: who takes it."""


async def tasks_added(client: Client) -> float:
    """Return how often of late an activity had to be matched with a poller of the orchestrator."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=stubs.ORCHESTRATOR_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_stats=True,
        )
    )
    return answer.stats.tasks_add_rate


async def test_own_steps_are_handed_over_at_once(temporal: Client, empty_shop: Shop) -> None:
    """Every step, while compensations wait on their participants' queues."""
    async with one_process(temporal, empty_shop, activities_of(empty_shop)):
        completing_saga = await place(temporal, f"eager-{next(NUMBERS)}", CAP)
        assert (await completing_saga.result())["state"] == "COMPLETED"
        assert await tasks_added(temporal) == 0
        short = await place(temporal, f"eager-{next(NUMBERS)}", TOO_MANY)
        with pytest.raises(WorkflowFailureError):
            await short.result()
    assert await queues(completing_saga) == dict.fromkeys(TAKEN_BY_ALL, stubs.ORCHESTRATOR_QUEUE)
    assert await queues(short) == {
        "RegisterOrder": stubs.ORCHESTRATOR_QUEUE,
        "ProcessPayment": stubs.ORCHESTRATOR_QUEUE,
        "DecreaseStock": stubs.ORCHESTRATOR_QUEUE,
        "RefundPayment": stubs.PAYMENT_QUEUE,
        "CancelOrder": stubs.ORDER_QUEUE,
    }


async def test_steps_of_other_processes_wait_on_their_queues(
    temporal: Client, empty_shop: Shop
) -> None:
    """None is sent to the orchestrator's."""
    async with a_process_each(temporal, empty_shop, *PARTICIPANTS):
        saga = await place(temporal, f"eager-{next(NUMBERS)}", CAP)
        assert (await saga.result())["state"] == "COMPLETED"
    assert await queues(saga) == TAKEN_BY_ALL


@pytest.mark.parametrize("line", [CAP, TOO_MANY], ids=["event", "refusal"])
async def test_an_order_of_one_process_ends_in_several(
    temporal: Client, empty_shop: Shop, line: OrderLine
) -> None:
    """What waits on the orchestrator's queue for another try is forwarded, and so is its answer."""
    down = Down()
    local = activities_of(empty_shop) | {stubs.STOCK_QUEUE: [down.decrease]}
    async with one_process(temporal, empty_shop, local):
        saga = await place(temporal, f"eager-{next(NUMBERS)}", line)
        await until(down.was_asked, "the step is tried")
    async with a_process_each(temporal, empty_shop, *PARTICIPANTS):
        if line is CAP:
            assert (await saga.result())["state"] == "COMPLETED"
        else:
            with pytest.raises(WorkflowFailureError) as error_info:
                await saga.result()
            assert "OUT_OF_STOCK" in str(error_info.value.cause)
    assert (await queues(saga))["DecreaseStock"] == stubs.ORCHESTRATOR_QUEUE


async def test_an_order_of_several_processes_ends_in_one(
    temporal: Client, empty_shop: Shop
) -> None:
    """What waits on its participant's queue is taken there."""
    async with a_process_each(temporal, empty_shop, stubs.ORDER_QUEUE, stubs.PAYMENT_QUEUE):
        saga = await place(temporal, f"eager-{next(NUMBERS)}", CAP)

        async def is_paid() -> bool:
            return "DecreaseStock" in await queues(saga)

        await until(is_paid, "the step waits for stock")
    async with one_process(temporal, empty_shop, activities_of(empty_shop)):
        assert (await saga.result())["state"] == "COMPLETED"
    assert await queues(saga) == {
        "RegisterOrder": stubs.ORDER_QUEUE,
        "ProcessPayment": stubs.PAYMENT_QUEUE,
        "DecreaseStock": stubs.STOCK_QUEUE,
        "ConfirmOrder": stubs.ORCHESTRATOR_QUEUE,
    }


async def test_a_participant_that_cannot_be_served_is_left_out(
    temporal: Client, empty_shop: Shop
) -> None:
    """The orchestrator of its process runs all the same; that one's steps wait on its queue."""
    local = activities_of(empty_shop)
    stock = local.pop(stubs.STOCK_QUEUE)
    async with (
        one_process(temporal, empty_shop, local),
        participant(temporal, empty_shop.settings, stubs.STOCK_QUEUE, stock),
    ):
        saga = await place(temporal, f"eager-{next(NUMBERS)}", CAP)
        assert (await saga.result())["state"] == "COMPLETED"
    assert (await queues(saga))["DecreaseStock"] == stubs.STOCK_QUEUE
