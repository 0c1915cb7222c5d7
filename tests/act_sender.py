"""What acts on orders, without the rest of an API."""

from typing import cast

from application.acts import ActSender
from application.runs import Runs
from participants.order.service import OrderService


def act_sender(runs: Runs) -> ActSender:
    """Return what acts by a Temporal alone: no order is on record."""
    return ActSender(cast(OrderService, None), runs)
