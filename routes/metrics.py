"""Figures for monitoring, as Prometheus reads them.

Its format: https://prometheus.io/docs/instrumenting/exposition_formats.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_fastapi_instrumentator.metrics import Info
from temporalio.service import RPCError

from application.costly_answer import CostlyAnswer
from application.errors import Busy, NotNow
from application.orders import Orders
from application.runs import ADDITION_LIMIT
from application.shared_answers import SharedAnswers
from application.visibility import IS_RUNNING, RUNNING, Visibility, in_state
from application.watch import OLDEST_SECONDS, WEDGED
from contracts.states import SagaState
from contracts.views import AttentionCause
from participants.order.deliveries import Backlog

COUNT_SECONDS = 10
"""Visibility is asked to count no more often than this, however many ask for figures: it allows few
calls a second."""

CLOSED = f'ExecutionStatus != "{RUNNING}"'
CLOSED_LIMIT = ADDITION_LIMIT
"""Temporal looks at every run that is over to count them, some 6 µs each on SQLite, where nobody
else is served meanwhile. A count that takes longer than this is given up."""

CLOSED_REST = 99
"""For so many times as long as that count took, it is not made again: it takes a hundredth of the
time at most."""

CLOSED_WAIT_SECONDS = 1
"""Whoever asks waits so long for that count, and is then given the last."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LONG_STATES = (SagaState.AWAITING_REVIEW, SagaState.ROLLING_BACK, SagaState.ROLLBACK_STUCK)
UNKNOWN = float("nan")


class ClosedRuns(NamedTuple):
    """How many runs are over, by status, and when they were counted, in seconds since 1970."""

    counts: dict[str, int]
    at: float


class Metrics:
    """The figures of one API process, and of all sagas; they name no order and no customer."""

    def __init__(self, database_away: Sequence[type[Exception]]) -> None:
        """Begin with nothing counted; `database_away` is raised while the order database is."""
        self._database_away = database_away
        self._registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        gauge = partial(Gauge, registry=registry)
        self.in_flight = gauge(
            "http_requests_in_flight", "Requests that are served, open streams among them"
        )
        self._requests = Histogram(
            "http_request_duration_seconds",
            "Time until a request was answered; until a stream began",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._temporal = gauge(
            "temporal_up", "Whether Temporal counts sagas; if not, no figure of theirs is known"
        )
        self._sagas = gauge(
            "order_sagas", "Runs of sagas that Temporal knows, by status", ["status"]
        )
        self._closed_time = gauge(
            "order_sagas_closed_timestamp_seconds",
            "When order_sagas of other statuses than Running were counted; NaN if not known",
        )
        self._closed_time.set(UNKNOWN)
        self._open = gauge(
            "order_sagas_open", "Sagas that are open, in states that may last", ["state"]
        )
        self._wedged_sagas = gauge(
            "order_sagas_wedged", "Sagas that are open, and whose code fails again and again"
        )
        self._needs = gauge(
            "orders_needing_attention", "Orders that call for a person; NaN when nobody knows"
        )
        self._needs_by_cause = gauge(
            "orders_needing_attention_by_cause",
            "Likewise by cause: STUCK, WEDGED (its code fails), LEFT_OPEN (nobody works on it), "
            "REVIEW_EXPIRING (its review ends soon)",
            ["cause"],
        )
        receiver_gauge = partial(gauge, labelnames=["receiver"])
        self._webhook_events = receiver_gauge(
            "order_webhook_events_waiting",
            "Events that wait to be sent to a receiver, by its number in WEBHOOKS, from 1; of very "
            "many some are counted",
        )
        self._webhook_age = receiver_gauge(
            "order_webhook_oldest_event_age_seconds", "How old the oldest of them is; else 0"
        )
        self._webhook_off = receiver_gauge(
            "order_webhook_receiver_off",
            "1: it answered 410, and is sent nothing until it has another secret",
        )
        self._known_at = float("-inf")
        self._answers = SharedAnswers()
        self._closed_answer: CostlyAnswer[ClosedRuns] = CostlyAnswer(CLOSED_REST)

    def observe(self, request: Info) -> None:
        """Count a request that was answered.

        Methods and paths that callers make up have no figure of their own.
        """
        method = request.method if request.method in METHODS else "other"
        seconds = request.modified_duration_without_streaming or request.modified_duration
        self._requests.labels(method, request.modified_handler, request.modified_status).observe(
            seconds
        )

    async def read(
        self,
        orders: Callable[[], Orders],
        visibility: Visibility,
        backlogs: Callable[[], Awaitable[Sequence[Backlog]]],
    ) -> bytes:
        """Return all figures as text; `backlogs` are those of the receivers of webhooks.

        What cannot be counted, as Temporal or the order database is away, is left out or NaN.

        While Temporal only says that it is asked too often, it is there, and what was counted last
        is given for a while.
        """

        async def count() -> None:
            await self._count(visibility)
            await self._count_needs(orders)
            await self._count_backlogs(orders, backlogs)

        await self._answers.get("figures", count, COUNT_SECONDS)
        return generate_latest(self._registry)

    async def _count(self, visibility: Visibility) -> None:
        """Count sagas; figures of what runs change together, or not at all."""
        try:
            open_counts = await visibility.count(IS_RUNNING, ADDITION_LIMIT)
            lasting = {
                state: await visibility.count(in_state(state), ADDITION_LIMIT)
                for state in LONG_STATES
            }
            wedged_counts = await visibility.count(WEDGED, ADDITION_LIMIT)
        except (NotNow, RPCError) as error:
            busy = isinstance(error, Busy)
            self._temporal.set(busy)
            if not busy or time.monotonic() - self._known_at > OLDEST_SECONDS:
                self._sagas.clear()
                self._closed_time.set(UNKNOWN)
                self._open.clear()
                self._wedged_sagas.set(UNKNOWN)
            return
        closed_runs = await self._closed_runs(visibility)
        self._temporal.set(1)
        self._sagas.clear()
        for status, count in {RUNNING: open_counts.get(RUNNING, 0), **closed_runs.counts}.items():
            self._sagas.labels(status).set(count)
        self._closed_time.set(closed_runs.at)
        for state, counts in lasting.items():
            self._open.labels(state).set(counts.get(RUNNING, 0))
        self._wedged_sagas.set(wedged_counts.get(RUNNING, 0))
        self._known_at = time.monotonic()

    async def _closed_runs(self, visibility: Visibility) -> ClosedRuns:
        """Count what is over if it is time to; return what was counted last.

        It costs the more the more there is: that it fails says nothing of Temporal.
        """
        last = self._closed_answer.last or ClosedRuns({}, UNKNOWN)

        async def count() -> ClosedRuns:
            at = time.time()
            with suppress(NotNow, RPCError):
                return ClosedRuns(await visibility.count(CLOSED, CLOSED_LIMIT), at)
            return last

        return await self._closed_answer.get(count, CLOSED_WAIT_SECONDS) or last

    async def _count_needs(self, orders: Callable[[], Orders]) -> None:
        """Count the orders that need a person, as the list shows them."""
        total = UNKNOWN
        counts = dict.fromkeys(AttentionCause, UNKNOWN)
        with suppress(NotNow, RPCError, *self._database_away):
            needs = await orders().watch.needs()
            total = float(needs.count)
            counts |= needs.counts
        self._needs.set(total)
        for cause, count in counts.items():
            self._needs_by_cause.labels(cause).set(count)

    async def _count_backlogs(
        self,
        orders: Callable[[], Orders],
        backlogs: Callable[[], Awaitable[Sequence[Backlog]]],
    ) -> None:
        """Count what waits to be sent; while the database is away nothing of that is known."""
        for gauge in (self._webhook_events, self._webhook_age, self._webhook_off):
            gauge.clear()
        with suppress(NotNow, *self._database_away):
            orders()  # only of a database that is known to be the order service's own
            for number, backlog in enumerate(await backlogs(), 1):
                self._webhook_events.labels(number).set(backlog.events)
                self._webhook_age.labels(number).set(backlog.oldest.total_seconds())
                self._webhook_off.labels(number).set(backlog.is_off)
