"""The log of operations: reading it, and noting who may not do what they ask for."""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from application.caller import Caller
from application.operations_log import OperationsLog, OperationsQuery
from contracts.base import IDENTIFIER
from contracts.operations import OperationList
from contracts.text import beginning_of, printable
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
"""What is noted of the other routes: they change nothing."""

ACT_NAMES = sorted({*ACTS.values(), READ})

MOST_OF_A_PATH = 200
"""Characters of an address in an entry."""


def _check_act(act: str) -> str:
    if act not in ACT_NAMES:
        names = ", ".join(ACT_NAMES)
        raise PydanticCustomError("act", "Should be an act: {names}", {"names": names})
    return act


class LogQuery(OperationsQuery):
    """The query of the log; an act that is none would find nothing, silently."""

    act: (
        Annotated[str, AfterValidator(_check_act), Field(json_schema_extra={"enum": ACT_NAMES})]
        | None
    ) = None


router = APIRouter(tags=["operations"], dependencies=[Depends(refuse_doubles)])


async def log_of(request: Request, _orders: AppOrders) -> OperationsLog:
    """Return the app's log, once its database is found to be the order service's own."""
    operations_log: OperationsLog = request.app.state.operations_log
    return operations_log


@router.get("/operations", responses=INVALID)
async def list_operations(
    query: Annotated[LogQuery, Query()],
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
    act = ACTS.get(route.name, READ)
    order_id = _identifier(request, "order_id")
    batch_id = _identifier(request, "batch_id")
    caller = replace(caller, origin=replace(caller.origin, batch_id=batch_id))
    about = batch_id and f"batch operation {batch_id}"
    if act == READ and order_id is None:
        about = beginning_of(printable(request.url.path), MOST_OF_A_PATH)
    await operations_log.refuse(
        caller, act, problem.document.detail, order_id=order_id, about=about
    )


def _identifier(request: Request, name: str) -> str | None:
    """Return what an address names so; None when that is no identifier: nobody checked it yet."""
    value = request.path_params.get(name, "")
    return value if re.fullmatch(IDENTIFIER, value) else None
