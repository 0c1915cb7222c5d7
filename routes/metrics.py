"""Figures for monitoring, as Prometheus reads them (https://prometheus.io/docs/instrumenting/exposition_formats)."""

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_fastapi_instrumentator.metrics import Info

from routes.problems import Problem
from routes.runs import Runs

router = APIRouter()

COUNT_SECONDS = 10
"""Visibility is asked to count no more often than this, however many ask for figures: it allows few calls a second."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN = float("nan")
TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Metrics:
    """The figures of one API process, and of all sagas; they name no order and no customer."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self.in_flight = Gauge("http_requests_in_flight", "Requests that are served, open streams among them", registry=registry)
        answered, named = "Time until a request was answered; until a stream began", ["method", "route", "status"]
        self._requests = Histogram("http_request_duration_seconds", answered, named, buckets=BUCKETS, registry=registry)
        self._temporal = Gauge("temporal_up", "Whether Temporal answers; 0 leaves the sagas' figures out", registry=registry)
        known = "Sagas that Temporal knows, by the status of their runs"
        self._sagas = Gauge("order_sagas", known, ["status"], registry=registry)
        waiting = "Sagas that wait or roll back, by state"
        self._waiting = Gauge("order_sagas_waiting", waiting, ["state"], registry=registry)
        self._attention = Gauge("order_sagas_needing_attention", "Sagas that call for a person", registry=registry)
        self._counting = asyncio.Lock()
        self._counted_at: float | None = None

    def observe(self, request: Info) -> None:
        """Count a request that was answered; methods and paths that callers make up have no figure of their own."""
        method = request.method if request.method in METHODS else "other"
        seconds = request.modified_duration_without_streaming or request.modified_duration
        self._requests.labels(method, request.modified_handler, request.modified_status).observe(seconds)

    async def read(self, runs: Runs) -> bytes:
        """Return all figures as text; those of sagas are left out while Temporal is away."""
        async with self._counting:
            if self._counted_at is None or time.monotonic() - self._counted_at >= COUNT_SECONDS:
                await self._count(runs)
                self._counted_at = time.monotonic()
        return generate_latest(self._registry)

    async def _count(self, runs: Runs) -> None:
        self._sagas.clear()
        self._waiting.clear()
        self._attention.set(UNKNOWN)
        try:
            census = await runs.count()
        except Problem:
            self._temporal.set(0)
            return
        self._temporal.set(1)
        self._attention.set(census.needing_attention)
        for gauge, counts in ((self._sagas, census.by_status), (self._waiting, census.waiting)):
            for name, count in counts.items():
                gauge.labels(name).set(count)


@router.get("/metrics", tags=["health"], response_class=PlainTextResponse, responses=TEXT)
async def read_metrics(request: Request) -> Response:
    """Return figures for monitoring in the text format of Prometheus."""
    metrics: Metrics = request.app.state.metrics
    return Response(await metrics.read(request.app.state.runs), media_type=CONTENT_TYPE_LATEST)
