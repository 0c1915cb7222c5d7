"""What a person may do to a running order."""

from http import HTTPStatus

from fastapi import APIRouter

from contracts.decisions import Decision
from contracts.views import OrderView
from routes.orders import Desk, OrderId
from routes.problems import documented

router = APIRouter(tags=["acts"])


@router.post(
    "/orders/{order_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    responses=documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def cancel_order(order_id: OrderId, decision: Decision, desk: Desk) -> OrderView:
    """Cancel an order that is not completed yet: it rolls back once the step under way has ended. Repeating this is safe."""
    await desk.cancel(order_id, decision)
    return await desk.view(order_id)
