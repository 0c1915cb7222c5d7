"""What is left of an order that is not placed, and what of one that may be."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from temporalio.client import Client
from temporalio.converter import DataConverter

from application.caller import Caller
from application.errors import Away, PerhapsPlaced, PricesWrong, RequestKeyReused
from application.links import OrderLinks
from application.operations_log import OperationsLog
from application.orders import Orders
from application.prices import PriceRule
from application.pulse import Pulse
from application.runs import Runs
from application.shop import Shop
from application.visibility import Visibility
from application.watch import Watch
from contracts.placing import PlaceOrder
from participants.order.operations import Operations
from participants.order.service import OrderService
from participants.order.tables import REQUESTS
from tests.commands import ORDER, register


class Server:
    """A Temporal that starts nothing and has no saga."""

    def __init__(self) -> None:
        self.client = self
        self.pulse = Pulse()
        self.data_converter = DataConverter.default

    async def find(self, *_: Any, **__: Any) -> None:
        """Find none."""

    async def start_workflow(self, *_: Any, **__: Any) -> None:
        """Give no answer."""
        raise Away("Temporal")


class PriceList:
    """A list on which each product of an order has a price of its own."""

    def __init__(self, order: PlaceOrder, dearer_by: int) -> None:
        self.prices = {line.sku: line.unit_price_minor + dearer_by for line in order.lines}

    async def list_prices(self, *_: Any) -> dict[str, int]:
        """Return it."""
        return self.prices


@pytest.fixture
def engine(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> sa.Engine:
    """Give the order service's database."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    return engine


def orders(engine: sa.Engine, *, dearer_by: int) -> Orders:
    """Return what places orders, of which the list has other prices."""
    server = Server()
    service = OrderService(engine)
    watch = Watch(cast(Runs, server), cast(Visibility, server), service, timedelta())
    prices = PriceRule("at_least_list", cast(Shop, PriceList(ORDER, dearer_by)))
    log = OperationsLog(Operations(engine))
    client = cast(Client, server)
    return Orders(
        client,
        service,
        watch,
        prices,
        OrderLinks("http://localhost:8233", "default"),
        asyncio.Event(),
        log,
    )


def key_count(engine: sa.Engine) -> int | None:
    """Return how many keys name an order."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(REQUESTS))


async def test_an_order_that_is_refused_for_its_price_takes_no_key(engine: sa.Engine) -> None:
    """A storefront with old prices leaves nothing, however long it asks; its key is free."""
    for order in (ORDER, ORDER.model_copy(update={"order_id": "7"})):
        for number in range(3):
            with pytest.raises(PricesWrong):
                await orders(engine, dearer_by=1).place(order, f"cart-{number}", Caller())
    assert key_count(engine) == 0


async def test_an_order_that_may_be_placed_keeps_its_key(engine: sa.Engine) -> None:
    """Temporal gave no answer: whoever asks again gets the same order, or hears that it is none."""
    for _ in range(2):
        with pytest.raises(PerhapsPlaced):
            await orders(engine, dearer_by=0).place(ORDER, "cart-1", Caller())
    assert key_count(engine) == 1


async def test_an_order_that_was_placed_keeps_its_price(engine: sa.Engine) -> None:
    """Its key names it whatever the list says now, and no order beside it."""
    service = OrderService(engine)
    with pytest.raises(PerhapsPlaced) as error:
        await orders(engine, dearer_by=0).place(ORDER, "cart-1", Caller())
    service.register(register(error.value.order_id))
    view = await orders(engine, dearer_by=1).place(ORDER, "cart-1", Caller())
    assert view.order_id == error.value.order_id
    other_order = ORDER.model_copy(update={"order_id": "8"})
    with pytest.raises(RequestKeyReused):
        await orders(engine, dearer_by=1).place(other_order, "cart-1", Caller())
