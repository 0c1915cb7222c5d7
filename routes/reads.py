"""Looking things up: the participants' stock and wallets, and whether this process is well."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from contracts import stubs
from contracts.base import Identifier, Sku
from contracts.payment import WalletQuery, WalletView
from contracts.stock import StockQuery, StockView
from routes import examples
from routes.access import Known
from routes.orders import Desk
from routes.problems import documented, not_found

router = APIRouter()

ABSENT = documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


@router.get("/stock/{sku}", tags=["reads"], responses=ABSENT)
async def read_stock(sku: Annotated[Sku, Path(examples=[examples.SKU])], desk: Desk) -> StockView:
    """Return a product and how many of it can be sold, as the stock service answers."""
    found: StockView | None = await desk.ask(stubs.STOCK_QUEUE, stubs.read_stock, StockQuery(sku=sku))
    if found is None:
        raise not_found(f"product {sku}")
    return found


@router.get("/customers/{customer_id}/wallet", tags=["reads"], responses=ABSENT)
async def read_wallet(
    customer_id: Annotated[Identifier, Path(examples=[examples.CUSTOMER_ID])], desk: Desk, caller: Known
) -> WalletView:
    """Return a customer's wallet, as the payment service answers."""
    if not caller.acts_for(customer_id):
        raise not_found(f"customer {customer_id}")
    found: WalletView | None = await desk.ask(stubs.PAYMENT_QUEUE, stubs.read_wallet, WalletQuery(customer_id=customer_id))
    if found is None:
        raise not_found(f"customer {customer_id}")
    return found


@router.get("/livez", tags=["health"])
async def livez() -> dict[str, str]:
    """Say that this process runs."""
    return {"status": "alive"}


@router.get("/readyz", tags=["health"], responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
async def readyz(desk: Desk) -> dict[str, str]:
    """Say that orders can be taken: Temporal and the order service's database answer."""
    await desk.check()
    return {"status": "ready"}
