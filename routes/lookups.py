"""Looking things up: how all orders stand, the saga's steps, stock and wallets."""

from typing import Annotated

from fastapi import APIRouter, Path

from application.errors import NotFound
from contracts.base import Identifier, Sku
from contracts.overview import LatelyClosed, Overview, Span
from contracts.payment import WalletView
from contracts.step_views import ActivityView, StepList, StepView
from contracts.steps import OPENING, STEPS, Activity, Step
from contracts.stock import StockView
from routes import examples
from routes.dependencies import AppOrders, AppShop, RequestCaller
from routes.problems import ABSENT, AWAY, INVALID

router = APIRouter()

OneSku = Annotated[Sku, Path(examples=[examples.SKU])]
OneCustomer = Annotated[Identifier, Path(examples=[examples.CUSTOMER_ID])]


@router.get("/overview", tags=["orders"], responses=AWAY)
async def read_overview(orders: AppOrders, caller: RequestCaller) -> Overview:
    """Return how many orders are in each state, why orders failed, and what needs a person.

    Of these: how many, by reason and age, since when, at what cost. And who works in each role, and
    what waits for them.

    Figures are a few seconds old at most. With Temporal away, what it alone knows is null, and
    `warning` says so.
    """
    return await orders.overviews.read(caller.customer_id)


@router.get("/overview/closed", tags=["orders"], responses={**INVALID, **AWAY})
async def read_lately_closed(
    orders: AppOrders, caller: RequestCaller, span: Span = Span.DAY
) -> LatelyClosed:
    """Return how many orders closed in each minute, hour or day of a span, how, and how quickly.

    It is read from the order service's records alone, so also with Temporal away. A customer's
    token counts its own orders.
    """
    return await orders.overviews.closed_orders.read(span, caller.customer_id)


@router.get("/steps", tags=["orders"])
async def read_steps() -> StepList:
    """Return the steps of an order's saga, in the order in which it takes them.

    The same for every order, as long as this release runs. Before the pivot a saga goes on or rolls
    back; after it, it only goes on.
    """
    return StepList(steps=tuple(_step(step) for step in STEPS))


@router.get("/stock/{sku}", tags=["reads"], responses=ABSENT)
async def read_stock(sku: OneSku, shop: AppShop) -> StockView:
    """Return a product as the stock service has it on record.

    With how many of it can be sold, and its list prices.
    """
    return await shop.product(sku)


@router.get("/customers/{customer_id}/wallet", tags=["reads"], responses=ABSENT)
async def read_wallet(customer_id: OneCustomer, shop: AppShop, caller: RequestCaller) -> WalletView:
    """Return a customer's wallet, as the payment service has it on record."""
    if not caller.acts_for(customer_id):
        raise NotFound.of(f"customer {customer_id}")
    return await shop.wallet(customer_id)


def _step(step: Step) -> StepView:
    return StepView(
        **_activity(step.forward).model_dump() | {"name": step.name},
        participant=step.participant,
        refusal=step.refusal and step.refusal.__name__,
        compensation=step.compensation and _activity(step.compensation),
        after_pivot=step.after_pivot,
        opens_record=step is OPENING,
    )


def _activity(activity: Activity) -> ActivityView:
    return ActivityView.model_validate(activity, from_attributes=True)
