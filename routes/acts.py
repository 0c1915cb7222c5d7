"""What a person may do to a running order."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict

from contracts.base import STEP_NAME
from contracts.decisions import Decision, Evidence, StepDecision, StepEvidence
from contracts.views import OrderView
from routes import examples
from routes.dependencies import AppOrders, RequestCaller
from routes.orders import OrderId
from routes.problems import REFUSED

router = APIRouter(tags=["acts"])

StepName = Annotated[
    str,
    Path(
        pattern=STEP_NAME,
        description="the step as the order's compensations name it",
        examples=[examples.STEP],
    ),
]

ACT: dict[str, Any] = {"status_code": HTTPStatus.ACCEPTED, "responses": REFUSED}


class DecisionBody(Decision):
    """Who decided, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.DECISION]})


class EvidenceBody(Evidence):
    """Who put a stuck step right by hand, why, and what shows it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.EVIDENCE]})


@router.post("/orders/{order_id}/cancel", **ACT)
async def cancel_order(
    order_id: OrderId, decision: DecisionBody, orders: AppOrders, caller: RequestCaller
) -> OrderView:
    """Cancel an order that is not completed yet: it rolls back once the step under way has ended.

    Repeating this is safe.
    """
    return await orders.act(order_id, "request_cancel", decision, caller)


@router.post("/orders/{order_id}/approve", **ACT)
async def approve_order(
    order_id: OrderId, decision: DecisionBody, orders: AppOrders, caller: RequestCaller
) -> OrderView:
    """Let an order go on that awaits review. Repeating this is safe."""
    return await orders.act(order_id, "request_approve", decision, caller)


@router.post("/orders/{order_id}/reject", **ACT)
async def reject_order(
    order_id: OrderId, decision: DecisionBody, orders: AppOrders, caller: RequestCaller
) -> OrderView:
    """Roll back an order that awaits review. Repeating this is safe."""
    return await orders.act(order_id, "request_reject", decision, caller)


@router.post("/orders/{order_id}/place-again", **ACT)
async def place_order_again(
    order_id: OrderId,
    decision: DecisionBody,
    orders: AppOrders,
    caller: RequestCaller,
    response: Response,
) -> OrderView:
    """Place what a failed order was for again, as a new order, and return that one.

    Customer, currency, lines with their prices and deadline are the failed order's. It is done once
    for each failed order: repeating it returns the same new order. If that one fails as well, it
    can be placed again itself.
    """
    view = await orders.again.place(order_id, decision, caller)
    response.headers["Location"] = view.links.self
    return view


@router.post("/orders/{order_id}/steps/{step}/retry", **ACT)
async def retry_step(
    order_id: OrderId,
    step: StepName,
    decision: DecisionBody,
    orders: AppOrders,
    caller: RequestCaller,
) -> OrderView:
    """Try the stuck compensation of a step, or a stuck Confirm, now.

    One that was just begun has its time first.
    """
    retry = StepDecision(step=step, **decision.model_dump())
    act_id = f"retry-{uuid4().hex}"
    return await orders.act(order_id, "request_retry_step", retry, caller, act_id)


@router.post("/orders/{order_id}/steps/{step}/settle", **ACT)
async def settle_step(
    order_id: OrderId,
    step: StepName,
    evidence: EvidenceBody,
    orders: AppOrders,
    caller: RequestCaller,
) -> OrderView:
    """Say that a stuck step was put right by hand.

    It is not tried any more, and the order's record names you.

    What closes that record, Confirm or Cancel, is sent on with your settlement in it, until the
    record has it.
    """
    settlement = StepEvidence(step=step, **evidence.model_dump())
    return await orders.act(order_id, "request_settle_step", settlement, caller)
