"""What the routes are given: who asks, the orders and the shop of the app that serves them.

All of it is at hand. FastAPI would call what is not `async` on a thread, which costs more than the
whole call: so all is.
"""

from collections import Counter
from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError

from application.caller import Caller
from application.orders import Orders
from application.shop import Shop
from routes.access import caller_of

KEY = "Idempotency-Key"


async def orders_of(request: Request) -> Orders:
    """Return the app's orders.

    Raises:
        NotNow: the app is not ready; the error says what is missing.
    """
    orders: Orders = request.app.state.door.orders()
    return orders


async def shop_of(request: Request) -> Shop:
    """Return the app's shop."""
    shop: Shop = request.app.state.shop
    return shop


async def refuse_doubles(request: Request) -> None:
    """Refuse a query parameter, or an `Idempotency-Key`, that is given twice: which is meant?

    Raises:
        RequestValidationError: one is.
    """
    counts = Counter(("query", name) for name, _ in request.query_params.multi_items())
    counts["header", KEY] = len(request.headers.getlist(KEY))
    doubles = [place for place, times in counts.items() if times > 1]
    if doubles:
        raise RequestValidationError(
            [{"loc": place, "msg": "is given more than once", "type": "twice"} for place in doubles]
        )


AppOrders = Annotated[Orders, Depends(orders_of)]
AppShop = Annotated[Shop, Depends(shop_of)]
RequestCaller = Annotated[Caller, Depends(caller_of)]
