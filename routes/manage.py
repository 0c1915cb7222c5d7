"""What a shop's own people tell it: products and stock, customers and money."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.base import ROWS, Currency
from contracts.money import CurrencyInUse
from contracts.payment import (
    Deposit,
    MoneyDepositedEvent,
    WalletOpening,
    WalletsOpenedEvent,
    WalletView,
    each_customer_once,
)
from contracts.stock import (
    Change,
    Pieces,
    Prices,
    ProductOffer,
    ProductsOfferedEvent,
    StockMovedEvent,
    StockView,
    each_sku_once,
)
from contracts.text import Name
from routes import examples
from routes.dependencies import AppShop, RequestCaller, refuse_doubles
from routes.lookups import OneCustomer, OneSku
from routes.orders import RequestKey
from routes.problems import INVALID, REFUSED, problem_responses

router = APIRouter(tags=["shop"], dependencies=[Depends(refuse_doubles)])

Key = Annotated[
    RequestKey, Header(description="names what is moved: the same key again moves nothing more")
]


class Body(BaseModel):
    """What is sent: a field that does not exist is an error, and not silently nothing."""

    model_config = ConfigDict(extra="forbid")


class ProductBody(Body):
    """A product as the shop offers it; `opening_stock` counts when it is new."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PRODUCT]})

    name: Name
    opening_stock: Pieces = 0
    prices: Prices | None = Field(
        default=None, description="list prices in minor units; left as they are when not given"
    )


class OfferBody(ProductOffer):
    """One product of many."""

    model_config = ConfigDict(extra="forbid")


class OffersBody(Body):
    """Products, each once."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PRODUCTS]})

    products: Annotated[tuple[OfferBody, ...], ROWS, AfterValidator(each_sku_once)]


class MovementBody(Body):
    """Pieces that come in (positive), or go out without an order (negative)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.MOVEMENT]})

    change: Change
    reason: Name


class WalletBody(Body):
    """A wallet's currency, which never changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"currency": "GBP"}]})

    currency: CurrencyInUse


class CustomerBody(WalletOpening):
    """One customer of many."""

    model_config = ConfigDict(extra="forbid")


class CustomersBody(Body):
    """Customers, each once."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CUSTOMERS]})

    customers: Annotated[tuple[CustomerBody, ...], ROWS, AfterValidator(each_customer_once)]


class DepositBody(Body):
    """Money that comes in from outside (positive), or goes back (negative)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DEPOSIT]})

    amount_minor: Deposit
    currency: Currency
    reason: Name


@router.post("/stock", responses=INVALID)
async def offer_products(
    body: OffersBody, shop: AppShop, caller: RequestCaller
) -> ProductsOfferedEvent:
    """Offer up to 500 products: add the new ones, and give the others their names and prices.

    What is available of a known product stays as it is. Repeating it changes nothing more.
    """
    return await shop.offer(caller, body.products)


@router.put("/stock/{sku}", responses=INVALID)
async def offer_product(
    sku: OneSku, body: ProductBody, shop: AppShop, caller: RequestCaller
) -> StockView:
    """Offer a product: add it if it is new, else give it this name and these prices, if any."""
    await shop.offer(caller, (ProductOffer(sku=sku, **body.model_dump()),))
    return await shop.product(sku)


@router.post("/stock/{sku}/movements", responses=REFUSED)
async def move_stock(
    sku: OneSku, body: MovementBody, idempotency_key: Key, shop: AppShop, caller: RequestCaller
) -> StockMovedEvent:
    """Take a delivery in, or pieces out that no order took; never below zero."""
    return await shop.move(caller, idempotency_key, sku=sku, **body.model_dump())


@router.post("/customers", responses=INVALID)
async def open_wallets(
    body: CustomersBody, shop: AppShop, caller: RequestCaller
) -> WalletsOpenedEvent:
    """Open the wallets of up to 500 customers, with what they hold at first.

    One that is open stays as it is. Repeating it changes nothing more.
    """
    return await shop.open_wallets(caller, body.customers)


@router.put(
    "/customers/{customer_id}/wallet", responses=INVALID | problem_responses(HTTPStatus.CONFLICT)
)
async def open_wallet(
    customer_id: OneCustomer, body: WalletBody, shop: AppShop, caller: RequestCaller
) -> WalletView:
    """Open a customer's wallet; one that is open in this currency stays as it is."""
    return await shop.open_wallet(caller, customer_id, body.currency)


@router.post("/customers/{customer_id}/deposits", responses=REFUSED)
async def deposit_money(
    customer_id: OneCustomer,
    body: DepositBody,
    idempotency_key: Key,
    shop: AppShop,
    caller: RequestCaller,
) -> MoneyDepositedEvent:
    """Put money into a wallet, or take a deposit back; never below zero."""
    return await shop.deposit(caller, idempotency_key, customer_id=customer_id, **body.model_dump())
