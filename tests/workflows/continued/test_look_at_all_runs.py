"""A look tells the story of all runs of a saga."""

import asyncio
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from application import chain, run_history
from application.order_view import view_of_run
from application.run import Run
from application.runs import Runs
from contracts.order import CancelOrderCommand, OrderRegisteredEvent, RegisterOrderCommand
from contracts.payment import RefundPaymentCommand
from contracts.views import Links
from temporal_saga.testing import Script
from tests.workflows.continued.floods import (
    away,
    first_start,
    flood_into_next_run,
    stuck_refund,
)
from tests.workflows.operators import until_stuck
from tests.workflows.orders import DECISION, ORDER, take_back

LINKS = Links(self="/orders/1", events="/orders/1/events", temporal="http://localhost")


@pytest.mark.long
async def test_a_look_tells_the_story_of_all_runs(
    short_histories: Client, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first to the last, each moment once.

    Of a story that is too long a part is left out, which is said.
    """
    await stuck_refund(script)
    placed_at = await first_start(script)
    async with away(script, RefundPaymentCommand):
        await until_stuck(script)
        await flood_into_next_run(script)
        open_run = await look(short_histories, script)
        assert open_run.memo.failure is not None
        assert (open_run.memo.failure.reason, open_run.started_at, open_run.state) == (
            "CANCELLED",
            placed_at,
            "ROLLBACK_STUCK",
        )
        view = view_of_run(script.saga_id, open_run, LINKS)
        assert [(c.step, c.state) for c in view.compensations] == [
            ("ProcessPayment", "STUCK"),
            ("RegisterOrder", "WAITING"),
        ]
    await take_back(script, CancelOrderCommand)
    await script.failed()
    assert len(script.runs) > 1
    whole = await look(short_histories, script)
    assert whole.memo.failure is not None
    assert (whole.started_at, whole.input, whole.memo.failure.reason) == (
        placed_at,
        ORDER,
        "CANCELLED",
    )
    states = [moment.name for moment in whole.moments if moment.kind == "state"]
    assert states == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "ROLLING_BACK",
        "ROLLBACK_STUCK",
        "ROLLING_BACK",
        "FAILED",
    ]
    assert [m.name for m in whole.moments if m.kind == "event"][-2:] == [
        "PaymentRefundedEvent",
        "OrderCancelledEvent",
    ]
    assert len([m for m in whole.moments if m.name == "no_such_act"]) == 15
    story = [moment async for moment in Runs(short_histories).follow(order_of(script))]
    assert [moment.name for moment in story] == [moment.name for moment in whole.moments]
    numbers = [moment.event for moment in story]
    assert numbers == sorted(numbers)
    monkeypatch.setattr(chain, "MOST_EVENTS", 20)
    monkeypatch.setattr(run_history, "FIRST_EVENTS", 15)
    short = await look(short_histories, script)
    assert 1 <= [moment.name for moment in short.moments].count(chain.LEFT_OUT) <= 2
    assert short.moments[0].name == "PENDING"
    assert short.moments[-1].name == "FAILED"
    assert len(short.moments) < len(whole.moments)
    assert (short.memo, short.started_at) == (whole.memo, placed_at)


@pytest.mark.long
async def test_what_temporal_forgot_of_an_order_its_last_run_was_told(
    short_histories: Client, script: Script
) -> None:
    """When it was placed and which states it had: by the form in which the workflow writes it."""
    await script.start(ORDER)
    placed_at = await first_start(script)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, review_seconds=600))
    await flood_into_next_run(script)
    await script.handle.execute_update("request_reject", DECISION)
    await take_back(script, CancelOrderCommand)
    await script.failed()
    await forget_first_run(short_histories, script)
    run = await look(short_histories, script)
    assert run.started_at == placed_at
    assert [(m.kind, m.name) for m in run.moments if m.kind == "state" or m.at == placed_at] == [
        ("note", chain.FORGOTTEN),
        ("state", "PENDING"),
        ("state", "AWAITING_REVIEW"),
        ("state", "ROLLING_BACK"),
        ("state", "FAILED"),
    ]
    review = view_of_run(script.saga_id, run, LINKS).review
    assert (review and review.state) == "REFUSED"


async def forget_first_run(client: Client, script: Script) -> None:
    """Delete the saga's first run, as Temporal does after its retention."""
    run_id = script.handle.first_execution_run_id or ""
    execution = WorkflowExecution(workflow_id=script.saga_id, run_id=run_id)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    )
    handle = client.get_workflow_handle(script.saga_id, run_id=run_id)
    async with asyncio.timeout(30):
        while await is_known(handle):
            pass


async def is_known(run: WorkflowHandle[Any, Any]) -> bool:
    """Tell whether Temporal still knows a run."""
    try:
        await run.describe()
    except RPCError as error:
        return error.status is not RPCStatusCode.NOT_FOUND
    return True


async def look(client: Client, script: Script) -> Run:
    """Return what the API sees of an order's saga."""
    run = await Runs(client).find(order_of(script))
    assert run is not None
    return run


def order_of(script: Script) -> str:
    """Return the order's id."""
    return script.saga_id.removeprefix("order-")
