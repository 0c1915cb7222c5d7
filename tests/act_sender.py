"""What acts on orders, without the rest of an API."""

from typing import cast

from temporalio.client import Client

from application.acts import ActSender
from application.placement import Placement
from application.runs import Runs
from participants.order.service import OrderService


def act_sender(client: Client, runs: Runs | None = None) -> ActSender:
    """Return what acts by a Temporal alone: no order is on record."""
    runs = runs or Runs(client)
    no_orders = cast(OrderService, None)
    return ActSender(client, no_orders, runs, Placement(client, no_orders, runs))
