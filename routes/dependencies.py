"""What the routes are given: who asks, the orders and the shop of the app that serves them."""

from typing import Annotated

from fastapi import Depends, Request

from application.caller import Caller
from application.orders import Orders
from application.shop import Shop
from routes.access import caller_of


def orders_of(request: Request) -> Orders:
    """Return the app's orders.

    Raises:
        NotNow: the app is not ready; the error says what is missing.
    """
    orders: Orders = request.app.state.door.orders()
    return orders


def shop_of(request: Request) -> Shop:
    """Return the app's shop."""
    shop: Shop = request.app.state.shop
    return shop


AppOrders = Annotated[Orders, Depends(orders_of)]
AppShop = Annotated[Shop, Depends(shop_of)]
RequestCaller = Annotated[Caller, Depends(caller_of)]
