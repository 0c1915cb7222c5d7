"""Placing a failed order again: as it was placed, or not now."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from application.again import Again
from application.errors import Away, NotPossible
from application.runs import Runs
from contracts.ids import id_again
from participants.order.service import OrderService
from tests.commands import OTHER_ORDER, cancel, register
from tests.stack import free_port


@pytest.fixture
def order_service(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> OrderService:
    """Give an order service with a failed order, "7"."""
    service = OrderService.open(open_engine(f"sqlite:///{tmp_path}/order.db"))
    service.cancel(cancel("7"))
    return service


def again_of(client: Client, order_service: OrderService) -> Again:
    """Return what places again by a Temporal."""
    return Again(order_service, Runs(client))


async def test_without_an_answer_of_temporal_nothing_is_placed_again(
    order_service: OrderService,
) -> None:
    """The record has no deadline, and so is no order to place while Temporal may have the whole."""
    client = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)
    with pytest.raises(Away, match="Temporal gives no answer"):  # and not: perhaps placed
        await again_of(client, order_service).start("7")


async def test_an_id_that_is_another_orders_is_no_key_to_choose(
    temporal: Client, order_service: OrderService
) -> None:
    """Somebody started it by hand in Temporal, which has forgotten the failed order."""
    order_service.register(register(id_again("7"), OTHER_ORDER))
    with pytest.raises(NotPossible, match=r"cannot be placed again: the id .* place it as a new"):
        await again_of(temporal, order_service).start("7")
