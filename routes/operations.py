"""The log of operations: reading it, and noting who may not do what they ask for."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from application.caller import Caller
from application.operations_log import OperationsLog, OperationsQuery
from contracts.base import IDENTIFIER
from contracts.operations import OperationList
from routes.dependencies import AppOrders, refuse_doubles
from routes.problems import INVALID, Problem

ACTS = {
    "place_order": "place",
    "place_order_again": "place-again",
    "cancel_order": "cancel",
    "approve_order": "approve",
    "reject_order": "reject",
    "retry_step": "retry",
    "settle_step": "settle",
    "start_batch": "start-batch",
    "stop_batch": "stop-batch",
    "offer_products": "offer-products",
    "offer_product": "offer-products",
    "move_stock": "move-stock",
    "open_wallets": "open-wallets",
    "open_wallet": "open-wallets",
    "deposit_money": "deposit-money",
}
"""By the name of a route: what is noted of it."""

READ = "read"
"""What is noted of other routes that are read."""

router = APIRouter(tags=["operations"], dependencies=[Depends(refuse_doubles)])


async def log_of(request: Request, _orders: AppOrders) -> OperationsLog:
    """Return the app's log, once its database is found to be the order service's own."""
    operations_log: OperationsLog = request.app.state.operations_log
    return operations_log


@router.get("/operations", responses=INVALID)
async def list_operations(
    query: Annotated[OperationsQuery, Query()],
    operations_log: Annotated[OperationsLog, Depends(log_of)],
) -> OperationList:
    """Return who did, tried and was refused what, the newest first; follow `next` for more.

    Without `order_id` at most 100,000 entries are looked at for one page: it may be short, and even
    empty, while `next` leads on.

    Orders that programs place are not in it, as each is on record itself; refused ones are. Callers
    without a token are not in it. What was told to Temporal directly comes in when the order
    closes.
    """
    return await operations_log.page(query)


async def note_refusal(request: Request, problem: Problem) -> None:
    """Note that a known caller may not do what they ask for."""
    operations_log: OperationsLog | None = getattr(request.app.state, "operations_log", None)
    caller: Caller = request.state.caller
    route = request.scope.get("route")
    if operations_log is None or route is None:
        return
    is_read = request.method in ("GET", "HEAD")
    act = ACTS.get(route.name) or (READ if is_read else f"{request.method} {route.path}")
    order_id = request.path_params.get("order_id", "")
    is_order = re.fullmatch(IDENTIFIER, order_id) is not None
    await operations_log.refuse(
        caller,
        act,
        problem.document.detail,
        order_id=order_id if is_order else None,
        about=None if act != READ or is_order else route.path,
    )
