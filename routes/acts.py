"""What a person may do to a running order."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict

from application.caller import Caller
from contracts.acts import Act
from contracts.base import StepName
from contracts.decisions import Decision, StepDecision, StepEvidence
from contracts.text import Name, Words
from contracts.views import OrderView
from routes import examples
from routes.dependencies import AppOrders, RequestCaller
from routes.orders import OrderId
from routes.problems import REFUSED

router = APIRouter(tags=["acts"])

Step = Annotated[
    StepName,
    Path(description="the step as the order's compensations name it", examples=[examples.STEP]),
]

NO_AUTHOR = {"loc": ("body", "by"), "msg": "Field required", "type": "missing"}

ACT: dict[str, Any] = {"status_code": HTTPStatus.ACCEPTED, "responses": REFUSED}


class DecisionBody(BaseModel):
    """Who decided, and why.

    `by` may be left out where a token says who that is; beside another name than the token's, its
    subject is recorded as well.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.DECISION]})

    by: Name | None = None
    reason: Words


class EvidenceBody(DecisionBody):
    """Who put a stuck step right by hand, why, and what shows it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.EVIDENCE]})

    evidence: Words


@router.post("/orders/{order_id}/cancel", **ACT)
async def cancel_order(
    order_id: OrderId, body: DecisionBody, orders: AppOrders, caller: RequestCaller
) -> OrderView:
    """Cancel an order that is not completed yet: it rolls back once the step under way has ended.

    Repeating this is safe.
    """
    return await orders.act(order_id, Act.CANCEL, decision_of(body, caller), caller)


@router.post("/orders/{order_id}/approve", **ACT)
async def approve_order(
    order_id: OrderId, body: DecisionBody, orders: AppOrders, caller: RequestCaller
) -> OrderView:
    """Let an order go on that awaits review. Repeating this is safe."""
    return await orders.act(order_id, Act.APPROVE, decision_of(body, caller), caller)


@router.post("/orders/{order_id}/reject", **ACT)
async def reject_order(
    order_id: OrderId, body: DecisionBody, orders: AppOrders, caller: RequestCaller
) -> OrderView:
    """Roll back an order that awaits review. Repeating this is safe."""
    return await orders.act(order_id, Act.REJECT, decision_of(body, caller), caller)


@router.post("/orders/{order_id}/place-again", **ACT)
async def place_order_again(
    order_id: OrderId,
    body: DecisionBody,
    orders: AppOrders,
    caller: RequestCaller,
    response: Response,
) -> OrderView:
    """Place what a failed order was for again, as a new order, and return that one.

    Customer, currency, lines with their prices and deadline are the failed order's. It is done once
    for each failed order: repeating it returns the same new order. If that one fails as well, it
    can be placed again itself.
    """
    view = await orders.act(order_id, Act.PLACE_AGAIN, decision_of(body, caller), caller)
    response.headers["Location"] = view.links.self
    return view


@router.post("/orders/{order_id}/steps/{step}/retry", **ACT)
async def retry_step(
    order_id: OrderId,
    step: Step,
    body: DecisionBody,
    orders: AppOrders,
    caller: RequestCaller,
) -> OrderView:
    """Try the stuck compensation of a step, or a stuck Confirm, now.

    One that was just begun has its time first.
    """
    retry = StepDecision(step=step, by=author_of(body.by, caller), reason=body.reason)
    act_id = f"retry-{uuid4().hex}"
    return await orders.act(order_id, Act.RETRY, retry, caller, act_id)


@router.post("/orders/{order_id}/steps/{step}/settle", **ACT)
async def settle_step(
    order_id: OrderId,
    step: Step,
    body: EvidenceBody,
    orders: AppOrders,
    caller: RequestCaller,
) -> OrderView:
    """Say that a stuck step was put right by hand.

    It is not tried any more, and the order's record names you.

    What closes that record, Confirm or Cancel, is sent on with your settlement in it, until the
    record has it.
    """
    settlement = StepEvidence(
        step=step, by=author_of(body.by, caller), reason=body.reason, evidence=body.evidence
    )
    return await orders.act(order_id, Act.SETTLE, settlement, caller)


def author_of(by: str | None, caller: Caller) -> str:
    """Return who decided: as the body says, else as the token does.

    Raises:
        RequestValidationError: nobody says who that is.
    """
    if name := by or caller.own_name:
        return name
    raise RequestValidationError([NO_AUTHOR])


def missing_author(request: Request, error: RequestValidationError) -> list[Any]:
    """Return that a body says nobody who decided, beside the `error` of what else is wrong in it.

    Who decides may be left out where a token says it, so the body's own model misses nobody.
    """
    field = getattr(request.scope.get("route"), "body_field", None)
    model = field and field.field_info.annotation
    is_needed = "by" in getattr(model, "model_fields", ()) and isinstance(error.body, dict)
    caller: Caller = request.state.caller
    if not is_needed or error.body.get("by") is not None or caller.own_name:
        return []
    return [NO_AUTHOR]


def decision_of(body: DecisionBody, caller: Caller) -> Decision:
    """Return what somebody decided, by the name that it is recorded under."""
    return Decision(by=author_of(body.by, caller), reason=body.reason)
