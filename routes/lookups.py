"""Looking things up: the participants' stock and wallets, and whether this process is well."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from contracts.base import Identifier, Sku
from contracts.payment import WalletView
from contracts.stock import StockView
from routes import examples
from routes.access import Known
from routes.orders import Desk
from routes.problems import documented, not_found
from routes.shop import Counter

router = APIRouter()

ABSENT = documented(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


@router.get("/stock/{sku}", tags=["reads"], responses=ABSENT)
async def read_stock(
    sku: Annotated[Sku, Path(examples=[examples.SKU])], shop: Counter
) -> StockView:
    """Return a product, how many of it can be sold and its list prices, as the stock service has it on record."""
    return await shop.product(sku)


@router.get("/customers/{customer_id}/wallet", tags=["reads"], responses=ABSENT)
async def read_wallet(
    customer_id: Annotated[Identifier, Path(examples=[examples.CUSTOMER_ID])],
    shop: Counter,
    caller: Known,
) -> WalletView:
    """Return a customer's wallet, as the payment service has it on record."""
    if not caller.acts_for(customer_id):
        raise not_found(f"customer {customer_id}")
    return await shop.wallet(customer_id)


@router.get("/livez", tags=["health"])
async def livez() -> dict[str, str]:
    """Say that this process runs."""
    return {"status": "alive"}


@router.get("/readyz", tags=["health"], responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
async def readyz(desk: Desk) -> dict[str, str]:
    """Say that orders can be taken: Temporal and the order service's database answer."""
    await desk.check()
    return {"status": "ready"}
