"""Whether this process is well, and its figures."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from routes.dependencies import AppOrders
from routes.metrics import Metrics
from routes.problems import AWAY

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that this process runs."""
    return {"status": "alive"}


@router.get("/readyz", responses=AWAY)
async def readyz(orders: AppOrders) -> dict[str, str]:
    """Say that orders can be taken: Temporal and the order service's database answer."""
    await orders.check()
    return {"status": "ready"}


@router.get("/metrics", response_class=PlainTextResponse)
async def read_metrics(request: Request) -> Response:
    """Return figures for monitoring in the text format of Prometheus."""
    state = request.app.state
    metrics: Metrics = state.metrics
    figures = await metrics.read(state.door.orders, state.visibility, state.backlogs)
    return Response(figures, media_type=CONTENT_TYPE_LATEST)
