"""What `/metrics` asks Temporal for, and what it says when there is much to count."""

import json
from collections.abc import Mapping
from datetime import timedelta
from math import isnan
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    CountWorkflowExecutionsResponse,
)
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from application.errors import Away
from application.orders import Orders
from application.visibility import Visibility
from participants.order.deliveries import Backlog
from routes import metrics
from routes.metrics import CLOSED, Metrics


class Temporal:
    """A server, as far as visibility counts: what runs at once, and what is over if it can."""

    namespace = "default"
    data_converter = DataConverter.default

    def __init__(self) -> None:
        self.workflow_service = self
        self.queries: list[str] = []
        self.closed_counts: Mapping[str, int] | None = {"Completed": 300_000, "Failed": 7}
        self.is_away = False

    async def count_workflow_executions(
        self,
        request: CountWorkflowExecutionsRequest,
        *,
        retry: bool,
        timeout: timedelta,  # noqa: ASYNC109  # as the SDK's
    ) -> CountWorkflowExecutionsResponse:
        """Answer as a server does; too many closed runs take longer than the caller waits."""
        assert not retry
        assert timeout <= timedelta(seconds=2)
        self.queries.append(request.query)
        counts = self.closed_counts if CLOSED in request.query else {"Running": 3}
        if self.is_away or counts is None:
            raise RPCError("it took too long", RPCStatusCode.DEADLINE_EXCEEDED, b"")
        answer = CountWorkflowExecutionsResponse()
        for status, count in counts.items():
            group = answer.groups.add(count=count)
            group.group_values.add(data=json.dumps(status).encode())
        return answer


def without_orders() -> Orders:
    """Give no orders: what needs a person is no matter of these tests."""
    raise Away("the order service's database")


def open_door() -> Orders:
    """Give orders of which nobody knows what needs a person."""

    async def needs() -> NoReturn:
        raise Away("Temporal")

    return cast(Orders, SimpleNamespace(watch=SimpleNamespace(needs=needs)))


async def no_backlogs() -> list[Backlog]:
    """Return what waits for no receivers."""
    return []


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch) -> Temporal:
    """A server that is asked for figures whenever somebody reads them."""
    monkeypatch.setattr(metrics, "COUNT_SECONDS", 0)
    return Temporal()


async def read(figures: Metrics, temporal: Temporal) -> dict[str, float]:
    """Return the figures of sagas by name and status, as Prometheus reads them."""
    text = await figures.read(without_orders, Visibility(temporal), no_backlogs)  # type: ignore[arg-type]
    return {
        f"{sample.name} {sample.labels.get('status', '')}".strip(): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name.startswith(("order_sagas", "temporal_up"))
    }


async def test_what_is_over_is_not_counted_at_each_look(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All other questions are about what runs, however often somebody reads the figures."""
    monkeypatch.setattr(metrics, "CLOSED_REST", 10**9)
    figures = Metrics(())
    for _ in range(3):
        samples = await read(figures, temporal)
    assert samples["order_sagas Running"] == 3
    assert samples["order_sagas Completed"] == 300_000
    assert samples["order_sagas Failed"] == 7
    assert samples["order_sagas_closed_timestamp_seconds"] > 0
    assert samples["temporal_up"] == 1
    others = [query for query in temporal.queries if CLOSED not in query]
    assert len(temporal.queries) == len(others) + 1
    assert len(others) == 3 * 5
    assert [query for query in others if 'ExecutionStatus = "Running"' not in query] == []


async def test_more_closed_runs_than_can_be_counted_are_no_outage(temporal: Temporal) -> None:
    """Temporal is there, what runs is known, and what was counted last stays with its time."""
    figures = Metrics(())
    temporal.closed_counts = None
    samples = await read(figures, temporal)
    assert samples["temporal_up"] == 1
    assert samples["order_sagas Running"] == 3
    assert "order_sagas Completed" not in samples
    assert isnan(samples["order_sagas_closed_timestamp_seconds"])


async def test_a_count_that_fails_costs_as_much_as_one_that_does_not(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes too long is not asked for again at the next look."""
    monkeypatch.setattr(metrics, "CLOSED_REST", 10**9)
    figures = Metrics(())
    temporal.closed_counts = None
    for _ in range(3):
        await read(figures, temporal)
    assert len([query for query in temporal.queries if CLOSED in query]) == 1


async def test_what_was_counted_last_stays_when_a_count_fails(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only while Temporal is away it is gone, with all other figures."""
    monkeypatch.setattr(metrics, "CLOSED_REST", 0)
    figures = Metrics(())
    before = await read(figures, temporal)
    temporal.closed_counts = None
    after = await read(figures, temporal)
    assert len([query for query in temporal.queries if CLOSED in query]) == 2
    assert after["order_sagas Completed"] == 300_000
    assert (
        after["order_sagas_closed_timestamp_seconds"]
        == before["order_sagas_closed_timestamp_seconds"]
    )
    temporal.is_away = True
    away = await read(figures, temporal)
    assert away["temporal_up"] == 0
    assert "order_sagas Completed" not in away
    assert isnan(away["order_sagas_closed_timestamp_seconds"])


async def test_what_waits_for_each_receiver_of_webhooks_is_counted(temporal: Temporal) -> None:
    """By its number; of a database that is not known to be ours, or gives no answer, nothing."""
    figures = Metrics((OSError,))
    door = [open_door, open_door, without_orders]
    answers: list[list[Backlog] | None] = [
        [Backlog(0, timedelta(0), is_off=False), Backlog(3, timedelta(hours=1), is_off=True)],
        None,
    ]

    async def backlogs() -> list[Backlog]:
        if (answer := answers.pop(0)) is None:
            raise OSError
        return answer

    texts = [
        (await figures.read(orders, Visibility(temporal), backlogs)).decode()  # type: ignore[arg-type]
        for orders in door
    ]
    for line in (
        'order_webhook_events_waiting{receiver="1"} 0.0',
        'order_webhook_events_waiting{receiver="2"} 3.0',
        'order_webhook_oldest_event_age_seconds{receiver="2"} 3600.0',
        'order_webhook_receiver_off{receiver="1"} 0.0',
        'order_webhook_receiver_off{receiver="2"} 1.0',
    ):
        assert [line in text for text in texts] == [True, False, False]
