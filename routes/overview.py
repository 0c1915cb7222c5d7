"""How all orders stand, at one look."""

from http import HTTPStatus

from fastapi import APIRouter

from contracts.views import Overview
from routes.dependencies import AppOrders, RequestCaller
from routes.problems import problem_responses

router = APIRouter(tags=["orders"])


@router.get("/overview", responses=problem_responses(HTTPStatus.SERVICE_UNAVAILABLE))
async def read_overview(orders: AppOrders, caller: RequestCaller) -> Overview:
    """Return how many orders are in each state, why orders failed, and what needs a person.

    Of these: how many, since when, at what cost.

    Figures are a few seconds old at most. With Temporal away, what it alone knows is null, and
    `warning` says so.
    """
    return await orders.overview(caller)
