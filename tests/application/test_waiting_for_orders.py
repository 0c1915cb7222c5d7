"""How long an order is waited for; Temporal's answers are made up."""

import asyncio
import json
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from application import closing
from application.closing import Closing
from application.runs import Runs
from participants.order.reads import OrderReads


class Saga:
    """An order's saga that goes on for ever, and looks so."""

    namespace = "default"
    data_converter = DataConverter.default

    def __init__(self, state: str, *, is_stuck: bool = False, attempt: int = 0) -> None:
        self.looks = 0
        self.description = DescribeWorkflowExecutionResponse()
        attributes = {"SagaState": state, "NeedsAttention": is_stuck}
        for name, value in attributes.items():
            field = self.description.workflow_execution_info.search_attributes.indexed_fields[name]
            field.data = json.dumps(value).encode()
        if attempt:
            pending = self.description.pending_activities.add(activity_id="1", attempt=attempt)
            if attempt > 1:
                pending.last_failure.message = "the provider is away"

    def get_workflow_handle(self, workflow_id: str) -> Any:
        """Return what tells of it."""

        async def describe(**_: Any) -> Any:
            self.looks += 1
            if self.looks == 1:
                raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
            return SimpleNamespace(raw_description=self.description)

        return SimpleNamespace(id=workflow_id, describe=describe, result=asyncio.Event().wait)


async def seconds_of(saga: Saga, monkeypatch: pytest.MonkeyPatch, most: float) -> float:
    """Return how long the order of a saga is waited for, of so many seconds at most."""
    monkeypatch.setattr(closing, "SAGA_LOOK_SECONDS", 0.01)
    client = cast(Client, saga)
    waiting = Closing(cast(OrderReads, None), Runs(client), asyncio.Event())
    began = monotonic()
    await waiting.wait("7", most)
    return monotonic() - began


@pytest.mark.parametrize(
    "saga",
    [
        Saga("AWAITING_REVIEW"),
        Saga("AWAITING_CUSTOMER"),
        Saga("ROLLBACK_STUCK", is_stuck=True),
        Saga("ROLLBACK_STUCK", is_stuck=True, attempt=2),
    ],
)
async def test_what_waits_for_somebody_is_not_waited_for(
    saga: Saga, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor what is stuck again: nothing more comes of it by itself."""
    assert await seconds_of(saga, monkeypatch, most=30) < 15
    assert saga.looks == 2


@pytest.mark.parametrize(
    "saga",
    [
        Saga("PENDING"),
        Saga("PAYMENT_COMPLETED", attempt=2),
        Saga("ROLLBACK_STUCK", is_stuck=True, attempt=1),
    ],
)
async def test_what_goes_on_is_followed(saga: Saga, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what piles up would delay new orders; a first try after a retry may succeed."""
    assert await seconds_of(saga, monkeypatch, most=0.3) >= 0.3
    assert saga.looks < 10, "less and less often"
