"""The orders of an API in a test's own process, beside the workers that take them."""

import asyncio
from datetime import timedelta

import sqlalchemy as sa
from temporalio.client import Client

from application.links import OrderLinks
from application.operations_log import OperationsLog
from application.orders import Orders
from application.prices import PriceRule
from application.runs import Runs
from application.shop import Shop as ShopReads
from application.visibility import Visibility
from application.watch import Watch
from contracts.placing import OrderLine, PlaceOrder
from participants.order.operations import Operations
from participants.order.service import OrderService
from participants.payment.reads import PaymentReads
from participants.stock.reads import StockReads
from tests.shop import Shop


def orders_of(client: Client, engine: sa.Engine, shop: Shop) -> Orders:
    """Return the orders of an API that asks Temporal through `client`.

    It reads the shop's order database through `engine`.
    """
    reads = (StockReads(shop.engines["stock"]), PaymentReads(shop.engines["payment"]))
    operations_log = OperationsLog(Operations(engine))
    order_service = OrderService(engine)
    return Orders(
        client,
        order_service,
        Watch(Runs(client), Visibility(client), order_service, timedelta(0)),
        PriceRule("caller", ShopReads(client, *reads, (), operations_log)),
        OrderLinks("", client.namespace),
        asyncio.Event(),
        operations_log,
    )


def order_of_ann(order_id: str, line: OrderLine) -> PlaceOrder:
    """Return an order of one line."""
    return PlaceOrder(order_id=order_id, customer_id="ann", currency="GBP", lines=(line,))
