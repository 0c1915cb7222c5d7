"""What the routes are given: who asks, the orders and the shop of the app that serves them."""

from typing import Annotated

from fastapi import Depends, Request

from application.caller import Caller
from application.orders import Sagas
from application.shop import Shop
from routes.access import caller_of


def sagas(request: Request) -> Sagas:
    """Return the app's sagas as the caller may see them."""
    return request.app.state.sagas().seen_by(caller_of(request))  # type: ignore[no-any-return]


def shop_of(request: Request) -> Shop:
    """Return the app's shop."""
    shop: Shop = request.app.state.shop
    return shop


AppSagas = Annotated[Sagas, Depends(sagas)]
AppShop = Annotated[Shop, Depends(shop_of)]
RequestCaller = Annotated[Caller, Depends(caller_of)]
