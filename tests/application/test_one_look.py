"""What the first look shows: who works, what waits, and what needs a person by reason and age."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueueStats
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from application.errors import Away
from application.need_groups import groups_of, kind_of
from application.needs import Need, Needs, count_causes
from application.overview import Overviews
from application.task_queues import TaskQueues, figures_of
from contracts.batch_stubs import BATCH_QUEUE
from contracts.overview import NeedGroup
from contracts.states import OrderStatus
from contracts.steps import PARTICIPANTS, ROLES
from contracts.stubs import ORCHESTRATOR_QUEUE
from contracts.views import Attention, AttentionCause
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import retriable, run

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


class Frontend:
    """Answers for Temporal, and notes what it was asked."""

    def __init__(self, error: RPCError | None = None) -> None:
        self.requests: list[DescribeTaskQueueRequest] = []
        self._error = error

    @property
    def client(self) -> Client:
        """A client whose calls come here."""
        return cast("Client", SimpleNamespace(namespace="default", workflow_service=self))

    async def describe_task_queue(
        self, request: DescribeTaskQueueRequest, **_: Any
    ) -> DescribeTaskQueueResponse:
        """Note the request, and answer it."""
        self.requests.append(request)
        if self._error:
            raise self._error
        return DescribeTaskQueueResponse()


class EmptyShop:
    """No orders, and a Temporal that tells nothing of them."""

    outcomes = None

    async def needs(self) -> NoReturn:
        """Tell nothing."""
        raise Away("Temporal")

    def figures(self, _owner: str | None) -> tuple[dict[OrderStatus, int], dict[str, int]]:
        """Count none."""
        return dict.fromkeys(OrderStatus, 0), {}


async def test_a_queue_is_asked_for_once_however_many_look() -> None:
    """One request for each role, which serves for seconds."""
    frontend = Frontend()
    shop: Any = EmptyShop()
    overviews = Overviews(shop, shop, shop, TaskQueues(frontend.client))
    for _ in range(10):
        figures = (await overviews.read()).roles
    assert figures is not None
    assert [one.role for one in figures] == [*ROLES, "batches"]
    queue_names = [request.task_queue.name for request in frontend.requests]
    assert queue_names == [ORCHESTRATOR_QUEUE, *PARTICIPANTS, BATCH_QUEUE]


@pytest.mark.parametrize("status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.UNIMPLEMENTED])
async def test_who_works_may_not_be_known(status: RPCStatusCode) -> None:
    """Temporal is away, or one that does not answer that: then nothing is told, and no error."""
    assert await TaskQueues(Frontend(RPCError("no", status, b"")).client).read() is None


def test_a_worker_that_does_not_ask_is_not_up() -> None:
    """It is up while it asked within 75 s; what waits and for how long is as the queue says."""
    pollers = [PollerInfo(identity=name) for name in ("one", "two", "two", "gone")]
    for poller, seconds in zip(pollers, (1, 70, 60, 76), strict=True):
        poller.last_access_time.FromDatetime(NOW - timedelta(seconds=seconds))
    stats = TaskQueueStats(approximate_backlog_count=3)
    stats.approximate_backlog_age.FromTimedelta(timedelta(seconds=9.5))
    figures = figures_of("stock", DescribeTaskQueueResponse(pollers=pollers, stats=stats), NOW)
    assert (figures.workers, figures.last_seen) == (2, NOW - timedelta(seconds=1))
    assert (figures.waiting, figures.waiting_seconds) == (3, 9.5)
    nobody = figures_of("stock", DescribeTaskQueueResponse(), NOW)
    assert (nobody.workers, nobody.last_seen, nobody.waiting) == (0, None, 0)


def test_needs_are_grouped_by_reason_and_age() -> None:
    """By cause, step, command and kind of error, the largest group first."""

    def need_of(trouble: str, hours: float) -> Need:
        since = NOW - timedelta(hours=hours)
        memo = SagaMemo(
            retriables=(
                retriable("RegisterOrder", "CancelOrder"),
                retriable(
                    "ProcessPayment", "RefundPayment", "STUCK", trouble=trouble, stuck_since=since
                ),
            )
        )
        attention = Attention(cause=AttentionCause.STUCK, since=since, message="m")
        return Need(attention, run("ROLLBACK_STUCK", is_stuck=True, memo=memo))

    left = Attention(cause=AttentionCause.LEFT_OPEN, since=None, message="m")
    by_order = {
        "a": need_of("payment 4711 of order a1: the bank is away (HTTP 503)", 0.5),
        "b": need_of("payment 4712 of order b2: the bank is away (HTTP 502)", 30),
        "c": need_of("no worker took the command", 2),
        "d": Need(left, None),
    }
    needs = Needs(by_order, count_causes(by_order), NOW, 0.0)
    step = {"cause": "STUCK", "step": "ProcessPayment", "command": "RefundPaymentCommand"}
    ages = {"within_hour": 0, "within_day": 0, "older": 0}
    away = {"message": "payment … of order …: the bank is away", "count": 2}
    assert groups_of(needs) == (
        NeedGroup.model_validate(
            step | away | ages | {"since": NOW - timedelta(hours=30), "within_hour": 1, "older": 1}
        ),
        NeedGroup.model_validate(
            step
            | ages
            | {"message": "no worker took the command", "count": 1, "within_day": 1}
            | {"since": NOW - timedelta(hours=2)}
        ),
        NeedGroup.model_validate({"cause": "LEFT_OPEN", "count": 1, "since": None} | ages),
    )
    many = {str(n): replace(by_order["d"], run=None) for n in range(30)}
    assert [group.count for group in groups_of(replace(needs, by_order=many))] == [30]
    kinds = {str(n): need_of("abcdefghijklmnopqrstuvwxyz"[n], 1) for n in range(26)}
    assert len(groups_of(replace(needs, by_order=kinds))) == 20


def test_a_kind_of_error_is_short() -> None:
    """Its first line without what stands in brackets, and cut."""
    assert kind_of("first line\nsecond") == "first line"
    assert kind_of("x" * 121) == "x" * 120 + " …"
