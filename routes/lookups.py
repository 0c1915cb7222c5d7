"""Looking things up: the participants' stock and wallets."""

from typing import Annotated

from fastapi import APIRouter, Path

from application.errors import NotFound
from contracts.base import Identifier, Sku
from contracts.payment import WalletView
from contracts.stock import StockView
from routes import examples
from routes.dependencies import AppShop, RequestCaller
from routes.problems import ABSENT

router = APIRouter()


@router.get("/stock/{sku}", tags=["reads"], responses=ABSENT)
async def read_stock(
    sku: Annotated[Sku, Path(examples=[examples.SKU])], shop: AppShop
) -> StockView:
    """Return a product as the stock service has it on record.

    With how many of it can be sold, and its list prices.
    """
    return await shop.product(sku)


@router.get("/customers/{customer_id}/wallet", tags=["reads"], responses=ABSENT)
async def read_wallet(
    customer_id: Annotated[Identifier, Path(examples=[examples.CUSTOMER_ID])],
    shop: AppShop,
    caller: RequestCaller,
) -> WalletView:
    """Return a customer's wallet, as the payment service has it on record."""
    if not caller.acts_for(customer_id):
        raise NotFound.of(f"customer {customer_id}")
    return await shop.wallet(customer_id)
