"""Figures for monitoring, as Prometheus reads them (https://prometheus.io/docs/instrumenting/exposition_formats)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

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

from application.errors import Busy, NotNow
from application.orders import Orders
from application.runs import ADDITION_LIMIT
from application.visibility import RUNNING, Visibility, in_state
from application.watch import OLDEST_SECONDS, WEDGED
from contracts.states import SagaState
from contracts.views import AttentionCause

COUNT_SECONDS = 10
"""Visibility is asked to count no more often than this, however many ask for figures: it allows few calls a second."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LASTING = (SagaState.AWAITING_REVIEW, SagaState.ROLLING_BACK, SagaState.ROLLBACK_STUCK)
UNKNOWN = float("nan")


class Metrics:
    """The figures of one API process, and of all sagas; they name no order and no customer."""

    def __init__(self, database_away: Sequence[type[Exception]]) -> None:
        """Begin with nothing counted; `database_away` are the errors of an order database that gives no answer."""
        self._database_away = database_away
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self.in_flight = Gauge(
            "http_requests_in_flight",
            "Requests that are served, open streams among them",
            registry=registry,
        )
        answered, named = (
            "Time until a request was answered; until a stream began",
            ["method", "route", "status"],
        )
        self._requests = Histogram(
            "http_request_duration_seconds", answered, named, buckets=BUCKETS, registry=registry
        )
        self._temporal = Gauge(
            "temporal_up",
            "Whether Temporal counts sagas; if not, no figure of theirs is known",
            registry=registry,
        )
        self._sagas = Gauge(
            "order_sagas",
            "Runs of sagas that Temporal knows, by status",
            ["status"],
            registry=registry,
        )
        lasting = "Sagas that are open, in states that may last"
        self._lasting = Gauge("order_sagas_open", lasting, ["state"], registry=registry)
        wedged = "Sagas that are open, and whose code fails again and again"
        self._wedged = Gauge("order_sagas_wedged", wedged, registry=registry)
        calling = "Orders that call for a person; NaN when nobody knows"
        self._calling = Gauge("orders_needing_attention", calling, registry=registry)
        by_cause = (
            "Likewise by cause: STUCK, WEDGED (its code fails), LEFT_OPEN (nobody works on it)"
        )
        self._calling_by_cause = Gauge(
            "orders_needing_attention_by_cause", by_cause, ["cause"], registry=registry
        )
        self._known_at = float("-inf")
        self._counting = asyncio.Lock()
        self._counted_at: float | None = None

    def observe(self, request: Info) -> None:
        """Count a request that was answered; methods and paths that callers make up have no figure of their own."""
        method = request.method if request.method in METHODS else "other"
        seconds = request.modified_duration_without_streaming or request.modified_duration
        self._requests.labels(method, request.modified_handler, request.modified_status).observe(
            seconds
        )

    async def read(self, orders: Callable[[], Orders], visibility: Visibility) -> bytes:
        """Return all figures as text; what cannot be counted, as Temporal or the order database is away, is left out or NaN.

        While Temporal only says that it is asked too often, it is there, and what was counted last is told for a while.
        """
        async with self._counting:
            if self._counted_at is None or time.monotonic() - self._counted_at >= COUNT_SECONDS:
                await self._count(visibility)
                await self._count_needs(orders)
                self._counted_at = time.monotonic()
        return generate_latest(self._registry)

    async def _count(self, visibility: Visibility) -> None:
        """Count sagas; figures change together, or not at all."""
        try:
            statuses = await visibility.count("", ADDITION_LIMIT)
            lasting = {
                state: await visibility.count(in_state(state), ADDITION_LIMIT) for state in LASTING
            }
            wedged = await visibility.count(WEDGED, ADDITION_LIMIT)
        except (NotNow, RPCError) as error:
            busy = isinstance(error, Busy)
            self._temporal.set(busy)
            if not busy or time.monotonic() - self._known_at > OLDEST_SECONDS:
                self._sagas.clear()
                self._lasting.clear()
                self._wedged.set(UNKNOWN)
            return
        self._temporal.set(1)
        self._sagas.clear()
        for status, count in statuses.items():
            self._sagas.labels(status).set(count)
        for state, counted in lasting.items():
            self._lasting.labels(state).set(counted.get(RUNNING, 0))
        self._wedged.set(wedged.get(RUNNING, 0))
        self._known_at = time.monotonic()

    async def _count_needs(self, orders: Callable[[], Orders]) -> None:
        """Count the orders that need a person, as the list shows them."""
        total = UNKNOWN
        counts = dict.fromkeys(AttentionCause, UNKNOWN)
        with suppress(NotNow, RPCError, *self._database_away):
            needs = await orders().watch.needs()
            total = float(needs.count)
            counts |= needs.counts
        self._calling.set(total)
        for cause, count in counts.items():
            self._calling_by_cause.labels(cause).set(count)
